from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.environments import Environment
from accounts.models.platform_accounts import (
    EXTERNAL_ID_LENGTH,
    PlatformAccount,
    platform_id,
)
from accounts.models.users import named
from accounts.platform.catalog import Role


class ExtensionStatus(models.TextChoices):
    ENABLED = "Enabled", "Enabled"
    DISABLED = "Disabled", "Disabled"


class ExtensionQuerySet(models.QuerySet["Extension"]):
    def in_environment(self, environment: str) -> Self:
        return self.filter(account__environment=environment)

    def enabled(self) -> Self:
        return self.filter(status=ExtensionStatus.ENABLED)

    def matching(self, text: str) -> Self:
        return self.filter(named(text))


class Extension(models.Model):
    """One person's login in one platform account. Its user role grants user permissions."""

    id = models.BigIntegerField(primary_key=True, default=platform_id, editable=False)
    account = models.ForeignKey(
        PlatformAccount, on_delete=models.PROTECT, related_name="extensions"
    )
    # A copy of the account's environment, so that a constraint can keep external IDs unique in it.
    account_environment = models.CharField(
        max_length=10, choices=Environment.choices, editable=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="extensions"
    )
    extension_number = models.PositiveIntegerField()
    # The ID of a user role of the platform, or of one that it no longer offers.
    user_role = models.CharField(max_length=50)
    status = models.CharField(
        max_length=10, choices=ExtensionStatus.choices, default=ExtensionStatus.ENABLED
    )
    # The contact fields that API calls changed in this environment. Others come from the person.
    contact = models.JSONField(default=dict, blank=True, editable=False)
    # The API company's own identifier of the person; empty if there is none.
    external_id = models.CharField(
        "external ID", max_length=EXTERNAL_ID_LENGTH, blank=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = ExtensionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "user"], name="extension_one_per_person"),
            models.UniqueConstraint(
                fields=["account", "extension_number"], name="extension_number_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(account_environment__in=Environment.values),
                name="extension_environment_known",
            ),
            models.UniqueConstraint(
                fields=["account_environment", "external_id"],
                condition=~models.Q(external_id=""),
                name="extension_external_id_unique",
            ),
        ]

    def __str__(self) -> str:
        has_number = settings.PLATFORM.built_in_api
        return f"{self.user} ext. {self.extension_number}" if has_number else str(self.user)

    @property
    def environment(self) -> Environment:
        return Environment(self.account.environment)

    @property
    def organization_id(self) -> UUID:
        return self.account.organization_id

    @property
    def is_enabled(self) -> bool:
        return self.status == ExtensionStatus.ENABLED

    @property
    def role(self) -> Role:
        return settings.PLATFORM.role(self.user_role)

    @property
    def contact_details(self) -> dict[str, str]:
        """`firstName`, `lastName`, `company`, and `email`, as the REST API returns them."""
        changed: dict[str, str] = self.contact
        own = {
            "firstName": self.user.first_name,
            "lastName": self.user.last_name,
            "company": self.account.company,
            "email": self.user.email,
        }
        return own | changed
