from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.environments import Environment
from accounts.models import Organization
from accounts.roles import ConsoleRole


class Policy(models.Model):
    """What an organization demands of the credentials of one environment.

    No row is the most generous policy: no limits.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="policies"
    )
    environment = models.CharField(max_length=10, choices=Environment.choices)
    max_lifetime_days = models.PositiveIntegerField(null=True, blank=True)
    expiry_required = models.BooleanField(default=False)
    all_apps_allowed = models.BooleanField(default=True)
    # The lowest console role that may create credentials of this environment.
    creator_role = models.CharField(
        max_length=20,
        choices=[
            (ConsoleRole.DEVELOPER.value, ConsoleRole.DEVELOPER.label),
            (ConsoleRole.DEVELOPER_ADMIN.value, ConsoleRole.DEVELOPER_ADMIN.label),
        ],
        default=ConsoleRole.DEVELOPER,
    )
    # CIDR strings, IPv4 and IPv6; empty allows every address.
    allowed_networks = models.JSONField(default=list, blank=True)

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
        return f"{self.organization} {self.environment} policy"
