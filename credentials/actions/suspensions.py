"""What operators do to an app or a credential of any organization, for example after abuse."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.users import require_operator
from accounts.models import AuditKind, User
from core import leaks, texts
from core.origin import Origin
from credentials import notices
from credentials.actions.managed_credentials import locked_credential
from credentials.actions.revocations import revoke_locked
from credentials.models import Application, JwtCredential


@transaction.atomic
def suspend_application(
    application: Application, *, reason: str, actor: User | None, origin: Origin
) -> Application:
    """Stop an app in both environments, from its next request on, and tell its owner."""
    require_operator(actor)
    texts.refuse_faults(reason=reason)
    leaks.refuse_secrets(reason=reason)
    locked = _locked(application)
    if locked.suspended_at is not None:
        return locked
    locked.suspended_at, locked.suspended_reason = timezone.now(), reason.strip()
    locked.full_clean(validate_unique=False)
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    audit.record(
        AuditKind.APPLICATION_SUSPENDED,
        actor=actor,
        origin=origin,
        target=locked,
        reason=locked.suspended_reason,
    )
    notices.application_suspended(locked)
    return locked


@transaction.atomic
def resume_application(
    application: Application, *, actor: User | None, origin: Origin
) -> Application:
    require_operator(actor)
    locked = _locked(application)
    if locked.suspended_at is None:
        return locked
    locked.suspended_at, locked.suspended_reason = None, ""
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    audit.record(AuditKind.APPLICATION_RESUMED, actor=actor, origin=origin, target=locked)
    notices.application_resumed(locked)
    return locked


def _locked(application: Application) -> Application:
    return (
        Application.objects.select_for_update(of=("self",))
        .select_related("owner")
        .get(pk=application.pk)
    )


@transaction.atomic
def revoke_for_operator(
    credential: JwtCredential,
    *,
    reason: str,
    actor: User | None,
    origin: Origin,
    at: datetime | None = None,
) -> JwtCredential:
    """Revoke a credential of any organization for good, and tell its owner."""
    require_operator(actor)
    if not reason.strip():
        raise ValidationError({"reason": "Enter a reason. The owner sees it."})
    at = at or timezone.now()
    locked = locked_credential(credential)
    if locked.is_ended(at):
        return locked
    revoke_locked(locked, reason=reason, actor=actor, origin=origin, at=at)
    notices.jwt_credential_revoked(locked, revoked_by=actor)
    return locked
