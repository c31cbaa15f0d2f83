import secrets
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.environments import Environment
from accounts.models.organizations import Organization

# As long as the longest `sub` of an identity provider (OpenID Connect Core §2).
EXTERNAL_ID_LENGTH = 255


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
    # The API company's own identifier of the account; empty if it has none.
    external_id = models.CharField(
        "external ID", max_length=EXTERNAL_ID_LENGTH, blank=True, editable=False
    )
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
            models.UniqueConstraint(
                fields=["environment", "external_id"],
                condition=~models.Q(external_id=""),
                name="platform_account_external_id_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization} ({self.environment})"
