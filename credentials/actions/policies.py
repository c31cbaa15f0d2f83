from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, Organization, User
from accounts.roles import ConsolePermission, ConsoleRole
from core.origin import Origin
from credentials.actions.jwt_credentials import networks_of
from credentials.models import Policy
from credentials.models.policies import MAX_LIFETIME_DAYS
from credentials.reports.tightening import Tightening, tightening


class ConfirmationNeededError(Exception):
    """The policy would stop live credentials, and nobody has been shown which."""

    def __init__(self, consequences: Tightening) -> None:
        super().__init__("The policy would stop live credentials.")
        self.consequences = consequences


@transaction.atomic
def update_policy(
    organization: Organization,
    environment: Environment,
    *,
    max_lifetime_days: int | None,
    expiry_required: bool,
    all_apps_allowed: bool,
    creator_role: ConsoleRole,
    allowed_networks: Sequence[str],
    confirmed: str = "",
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> Policy:
    """What the organization demands of the credentials of one environment, from now on.

    A policy that would stop live credentials raises `ConfirmationNeededError`; `confirmed` is the
    token of the consequences that the actor was shown. Raises `ValidationError` by form field.
    """
    at = at or timezone.now()
    _require_policy_manager(organization, actor)
    # Two administrators decide one after the other, also about a policy without row.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    before = Policy.objects.governing(organization.pk, environment)
    after = Policy.objects.governing(organization.pk, environment)
    after.max_lifetime_days = _lifetime(max_lifetime_days)
    after.expiry_required = expiry_required
    after.all_apps_allowed = all_apps_allowed
    after.creator_role = creator_role
    after.allowed_networks = networks_of(allowed_networks)
    changes = audit.changes(before.demands, after.demands)
    if not changes:
        return before
    consequences = tightening(before, after, at=at)
    if not consequences.is_harmless and not constant_time_compare(confirmed, consequences.proof):
        raise ConfirmationNeededError(consequences)
    after.full_clean()
    after.save()
    audit.record(
        AuditKind.POLICY_UPDATED,
        actor=actor,
        origin=origin,
        target=after,
        at=at,
        environment=environment,
        changes=changes,
    )
    return after


def _require_policy_manager(organization: Organization, actor: User) -> None:
    membership = Membership.objects.select_related("user").get(user=actor)
    manages = membership.may(ConsolePermission.POLICY_MANAGE)
    if not manages or membership.organization_id != organization.pk:
        raise PermissionDenied


def _lifetime(days: int | None) -> int | None:
    if days is not None and not 1 <= days <= MAX_LIFETIME_DAYS:
        raise ValidationError(
            {"max_lifetime_days": f"Choose 1 to {MAX_LIFETIME_DAYS} days, or leave it empty."}
        )
    return days
