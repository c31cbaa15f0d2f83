import secrets
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.environments import Environment
from accounts.models.organizations import Organization


def platform_id() -> int:
    # 15 digits are an exact integer in every JSON parser. A random number reveals no count.
    return secrets.randbelow(9 * 10**14) + 10**14


class PlatformAccount(models.Model):
    """The organization's account in one environment: the `account` of the REST API."""

    id = models.BigIntegerField(primary_key=True, default=platform_id, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="platform_accounts"
    )
    environment = models.CharField(max_length=10, choices=Environment.choices)
    main_number = models.CharField("main phone number", max_length=20, blank=True)
    company = models.CharField(max_length=120)
    email = models.EmailField("administrator email", blank=True)
    main_site_name = models.CharField(max_length=120, blank=True)
    country = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=60, blank=True)
    city = models.CharField(max_length=60, blank=True)
    street = models.CharField(max_length=120, blank=True)
    zip = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "environment"], name="platform_account_one_per_environment"
            ),
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values),
                name="platform_account_environment_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization} ({self.environment})"
