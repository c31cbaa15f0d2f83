from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, Organization, User
from accounts.roles import ConsolePermission
from core.origin import Origin
from credentials.models import Policy
from credentials.policy_rules import RULES, settings_to_record
from credentials.reports.tightening import Tightening, tightening


class ConfirmationNeededError(Exception):
    """The change would stop live credentials, and the actor has not confirmed which."""

    def __init__(self, consequences: Tightening, policy: Policy) -> None:
        super().__init__("The policy would stop live credentials.")
        self.consequences = consequences
        self.policy = policy


@transaction.atomic
def update_policy(
    organization: Organization,
    environment: Environment,
    values: Mapping[str, Any],
    *,
    confirmed: str = "",
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> Policy:
    """Save the policy of one environment; `values` has one value for each rule, by its name.

    A policy that would stop live credentials raises `ConfirmationNeededError` unless `confirmed`
    is the proof of those consequences. Raises `ValidationError` by form field.
    """
    at = at or timezone.now()
    _require_policy_manager(organization, actor)
    # Without this lock two administrators could each confirm consequences that the other changes.
    # A policy may have no row yet, so the organization's row is locked instead.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    before = Policy.objects.governing(organization.pk, environment)
    after = Policy.objects.governing(organization.pk, environment)
    _set_values(after, values)
    changes = audit.changes(settings_to_record(before), settings_to_record(after))
    if not changes:
        return before
    after.full_clean()
    consequences = tightening(before, after, at=at)
    if not consequences.is_harmless and not constant_time_compare(confirmed, consequences.proof):
        raise ConfirmationNeededError(consequences, after)
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


def _set_values(policy: Policy, values: Mapping[str, Any]) -> None:
    wrong = {}
    for rule in RULES:
        try:
            setattr(policy, rule.name, rule.cleaned(values[rule.name]))
        except ValidationError as error:
            wrong[rule.name] = error.messages
    if wrong:
        raise ValidationError(wrong)
