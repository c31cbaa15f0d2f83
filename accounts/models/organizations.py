import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.users import named
from accounts.roles import DEVELOPER_ROLES, ConsolePermission, ConsoleRole, permissions_of


class Organization(models.Model):
    """A company whose people share apps, credentials, and policies."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    # People with these console roles must have a second factor to use the console.
    mfa_required_roles = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # By an operator: no app and no credential of the organization works until it is resumed.
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def organization_id(self) -> uuid.UUID:
        # Audit events about an organization belong to its own log.
        return self.id


class MembershipQuerySet(models.QuerySet["Membership"]):
    def account_admins(self) -> Self:
        return self.filter(is_account_admin=True, user__is_active=True)

    def active_developers(self) -> Self:
        return self.filter(role__in=DEVELOPER_ROLES, user__is_active=True)

    def matching(self, text: str) -> Self:
        return self.filter(named(text))


class Membership(models.Model):
    """A person's place in their organization. A person belongs to only one."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="membership"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(
        max_length=20, choices=ConsoleRole.choices, default=ConsoleRole.NO_ACCESS
    )
    is_account_admin = models.BooleanField("account administrator", default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = MembershipQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user} at {self.organization}"

    @property
    def permissions(self) -> frozenset[ConsolePermission]:
        return permissions_of(self.role, is_account_admin=self.is_account_admin)

    @property
    def has_console_access(self) -> bool:
        return ConsolePermission.CONSOLE_USE in self.permissions

    @property
    def is_developer(self) -> bool:
        return self.role in DEVELOPER_ROLES

    def may(self, permission: ConsolePermission) -> bool:
        return self.user.is_active and permission in self.permissions
