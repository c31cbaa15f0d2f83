import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts import raw_secrets
from accounts.environments import Environment
from accounts.models import Membership, Organization
from accounts.permissions import AppScope, effective_scopes
from accounts.roles import ConsolePermission


def validate_scopes(scopes: object) -> None:
    known = set(AppScope.values)
    if not isinstance(scopes, list) or not all(scope in known for scope in scopes):
        raise ValidationError("Choose scopes of the catalogue only.")


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, viewer: Membership) -> Self:
        """All of the organization for its admins and auditors, else one's own."""
        mine = self.filter(organization=viewer.organization)
        if viewer.may(ConsolePermission.APPLICATION_VIEW_ANY):
            return mine
        return mine.filter(owner=viewer.user)

    def in_service(self) -> Self:
        return self.filter(retired_at__isnull=True)

    def newest_first(self, *, after: "Application | None" = None) -> Self:
        """In the order of lists; `after` is the last one of the page before (keyset)."""
        ordered = self.order_by("-created_at", "-pk")
        if after is None:
            return ordered
        return ordered.filter(
            models.Q(created_at__lt=after.created_at)
            | models.Q(created_at=after.created_at, pk__lt=after.pk)
        )


class Application(models.Model):
    """What calls the API. Its rights are scopes; its identity in an environment is a client."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="applications"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications"
    )
    name = models.CharField("app name", max_length=100)
    description = models.CharField(max_length=500, blank=True)
    is_public = models.BooleanField(default=False)
    uses_jwt_flow = models.BooleanField("JWT auth flow", default=True)
    issues_refresh_tokens = models.BooleanField(default=True)
    scopes = models.JSONField(default=list, validators=[validate_scopes], blank=True)
    submission_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at"], name="application_by_organization")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_retired(self) -> bool:
        return self.retired_at is not None

    @property
    def effective_scopes(self) -> frozenset[AppScope]:
        return effective_scopes(self.scopes)

    @property
    def included_scopes(self) -> list[AppScope]:
        """What the app's scopes include beyond themselves."""
        return [scope for scope in AppScope if scope in self.effective_scopes - set(self.scopes)]

    def managed_by(self, membership: Membership) -> bool:
        """Whether this person may change the app: its owner, or an admin of its organization."""
        if membership.organization_id != self.organization_id:
            return False
        return membership.may(ConsolePermission.APPLICATION_MANAGE_ANY) or (
            self.owner_id == membership.user_id
            and membership.may(ConsolePermission.APPLICATION_MANAGE_OWN)
        )


class ClientStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"


class Client(models.Model):
    """An application's client ID and secret in one environment (RFC 6749 §2.2)."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="clients")
    environment = models.CharField(max_length=10, choices=Environment.choices)
    client_id = models.CharField("client ID", max_length=64, unique=True)
    secret_digest = models.CharField(max_length=64, editable=False)
    secret_hint = models.CharField(max_length=4, editable=False)
    secret_issued_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(
        max_length=10, choices=ClientStatus.choices, default=ClientStatus.ACTIVE
    )
    issued_at = models.DateTimeField(default=timezone.now)
    # May introspect every access token of its environment (`manage.py mark_resource_server`).
    is_resource_server = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "environment"], name="client_one_per_environment"
            ),
            models.CheckConstraint(
                condition=models.Q(environment__in=Environment.values),
                name="client_environment_known",
            ),
        ]

    def __str__(self) -> str:
        return self.client_id

    @property
    def is_active(self) -> bool:
        return self.status == ClientStatus.ACTIVE

    def has_secret(self, raw_secret: str) -> bool:
        return raw_secrets.matches(raw_secret, self.secret_digest)
