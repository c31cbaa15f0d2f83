from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, notices
from accounts.actions.memberships import locked_membership, require_account_admin
from accounts.models import AccessRequest, AuditKind, Membership, NoticeKind, User
from accounts.models.access_requests import Decision
from accounts.roles import ConsoleRole
from core import leaks, texts
from core.origin import Origin


@transaction.atomic
def request_access(
    membership: Membership, *, reason: str, origin: Origin, at: datetime | None = None
) -> AccessRequest:
    texts.refuse_faults_in_paragraphs(reason=reason)
    leaks.refuse_secrets(reason=reason)
    locked = locked_membership(membership)
    if locked.has_console_access:
        raise ValidationError("You already have access to the console.")
    if AccessRequest.objects.pending().filter(user=locked.user).exists():
        raise ValidationError("You already sent a request to your account administrators.")
    request = AccessRequest(
        organization=locked.organization,
        user=locked.user,
        reason=reason.strip(),
        created_at=at or timezone.now(),
    )
    request.full_clean()
    request.save(force_insert=True)
    audit.record(
        AuditKind.ACCESS_REQUESTED,
        actor=locked.user,
        origin=origin,
        target=request,
        at=at,
        reason=request.reason,
    )
    admins = locked.organization.memberships.account_admins().select_related("user")
    notices.access_requested(request, admins=[admin.user for admin in admins])
    return request


@transaction.atomic
def approve_access_request(
    request: AccessRequest,
    *,
    role: ConsoleRole,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> AccessRequest:
    require_account_admin(request.organization, actor)
    # If two administrators decide at the same time, the first decision counts.
    locked = _undecided(request, actor)
    if role == ConsoleRole.NO_ACCESS:
        raise ValidationError({"role": "Choose a role, or decline the request."})
    membership = locked_membership(locked.user.membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _decide(locked, Decision.APPROVED, actor, at)
    audit.record(
        AuditKind.ACCESS_GRANTED,
        actor=actor,
        origin=origin,
        target=locked.user,
        at=at,
        role=role,
    )
    notices.access_decided(NoticeKind.ACCESS_GRANTED, locked, membership)
    return locked


@transaction.atomic
def decline_access_request(
    request: AccessRequest,
    *,
    reason: str,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> AccessRequest:
    require_account_admin(request.organization, actor)
    locked = _undecided(request, actor)
    texts.refuse_faults_in_paragraphs(reason=reason)
    leaks.refuse_secrets(reason=reason)
    _decide(locked, Decision.DECLINED, actor, at, reason.strip())
    audit.record(
        AuditKind.ACCESS_DECLINED,
        actor=actor,
        origin=origin,
        target=locked.user,
        at=at,
        reason=locked.decision_reason,
    )
    notices.access_decided(NoticeKind.ACCESS_DECLINED, locked)
    return locked


def _undecided(request: AccessRequest, actor: User) -> AccessRequest:
    locked = (
        AccessRequest.objects.select_for_update(of=("self",))
        .select_related("organization", "user")
        .get(pk=request.pk)
    )
    # Read separately: a row joined while we waited for the lock would be outdated.
    if locked.decided_by is not None:
        decider = "You" if locked.decided_by == actor else locked.decided_by.name
        decision = locked.get_decision_display().lower()
        raise ValidationError(f"{decider} already {decision} {locked.user.name}’s request.")
    return locked


def _decide(
    request: AccessRequest, decision: Decision, actor: User, at: datetime | None, reason: str = ""
) -> None:
    request.decision = decision
    request.decision_reason = reason
    request.decided_by = actor
    request.decided_at = at or timezone.now()
    request.full_clean()
    request.save(update_fields=["decision", "decision_reason", "decided_by", "decided_at"])
