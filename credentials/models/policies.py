from datetime import UTC, date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from accounts.environments import Environment
from accounts.models import Organization
from accounts.roles import ConsoleRole

MAX_LIFETIME_DAYS = 3650


class PolicyQuerySet(models.QuerySet["Policy"]):
    def governing(self, organization_id: UUID, environment: Environment) -> "Policy":
        """The policy of one environment; an unsaved one without limits if there is no row."""
        found = self.filter(organization=organization_id, environment=environment).first()
        return found or Policy(organization_id=organization_id, environment=environment)

    def by_environment(self, organization_id: UUID) -> "dict[Environment, Policy]":
        """The policy of each environment, in one query."""
        found = {policy.environment: policy for policy in self.filter(organization=organization_id)}
        return {
            environment: found.get(environment)
            or Policy(organization_id=organization_id, environment=environment)
            for environment in Environment
        }


class Policy(models.Model):
    """What an organization requires of the credentials in one environment.

    Each column below `environment` belongs to a rule of credentials/policy_rules.py, and its
    default sets no limit. Without a row there are no limits.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="policies"
    )
    environment = models.CharField(max_length=10, choices=Environment.choices)
    max_lifetime_days = models.PositiveIntegerField(null=True, blank=True)
    expiry_required = models.BooleanField(default=False)
    all_apps_allowed = models.BooleanField(default=True)
    # The lowest console role that can create credentials in this environment.
    creator_role = models.CharField(
        max_length=20,
        choices=[
            (ConsoleRole.DEVELOPER.value, ConsoleRole.DEVELOPER.label),
            (ConsoleRole.DEVELOPER_ADMIN.value, ConsoleRole.DEVELOPER_ADMIN.label),
        ],
        default=ConsoleRole.DEVELOPER,
    )
    # CIDR strings, IPv4 and IPv6; an empty list allows every address.
    allowed_networks = models.JSONField(default=list, blank=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "environment"], name="policy_one_per_environment"
            ),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="policy_environment_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization} ({self.environment})"

    @property
    def max_lifetime(self) -> timedelta | None:
        days = self.max_lifetime_days
        return None if days is None else timedelta(days=days)

    @property
    def needs_expiry(self) -> bool:
        """Whether a credential needs an expiration date: a maximum lifetime requires one too."""
        return self.expiry_required or self.max_lifetime_days is not None

    def latest_day(self, at: datetime) -> date | None:
        """The last expiration date that the maximum lifetime allows a credential created now.

        A credential works until the last second of that day (UTC).
        """
        if self.max_lifetime is None:
            return None
        end = at.astimezone(UTC) + self.max_lifetime + timedelta(seconds=1)
        return end.date() - timedelta(days=1)
