import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership, Organization
from accounts.roles import ConsolePermission
from core import raw_secrets
from core.pagination import Order
from credentials.models.usage import ExchangeUsage


def validate_scopes(scopes: object) -> None:
    # Which scopes an app can get is decided by credentials/actions/applications.py, because apps
    # keep scopes that the platform no longer offers.
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ValidationError("Scopes are a list of texts.")


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, viewer: Membership) -> Self:
        """All apps of the organization for its admins and auditors, else the person's own."""
        if viewer.may(ConsolePermission.APPLICATION_VIEW_ANY):
            return self.filter(organization=viewer.organization)
        return self.filter(owner=viewer.user)

    def with_client_in(self, environment: str | None) -> Self:
        """Those with a client ID in the environment; all without an environment."""
        return self.filter(clients__environment=environment) if environment else self

    def in_service(self) -> Self:
        return self.filter(retired_at__isnull=True)


class Application(models.Model):
    """Calls the API. Its scopes are its rights, and a client is its identity in an environment."""

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
    # By an operator, in both environments. The people of the organization can't resume it.
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)

    NEWEST_FIRST: ClassVar = Order(("created_at", "pk"), descending=True)

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
    def is_suspended(self) -> bool:
        """Whether an operator suspended the app or its organization."""
        return self.suspended_at is not None or self.organization.is_suspended

    @property
    def effective_scopes(self) -> frozenset[str]:
        return settings.PLATFORM.effective_scopes(self.scopes)

    @property
    def included_scopes(self) -> list[str]:
        included = self.effective_scopes - set(self.scopes)
        return [scope for scope in settings.PLATFORM.scopes if scope in included]

    @property
    def scopes_no_longer_offered(self) -> list[str]:
        """Scopes that the app still has, but that grant nothing."""
        return [scope for scope in self.scopes if scope not in settings.PLATFORM.scopes]

    def managed_by(self, membership: Membership) -> bool:
        """Whether the person can change the app: its owner, or an admin of its organization."""
        if membership.organization_id != self.organization_id:
            return False
        return membership.may(ConsolePermission.APPLICATION_MANAGE_ANY) or (
            self.owner_id == membership.user_id
            and membership.may(ConsolePermission.APPLICATION_MANAGE_OWN)
        )


# Compared with if there is no secret, so that the answer takes as long.
NO_DIGEST = raw_secrets.digest("")


FORMER_SECRET_FIELDS = [
    "former_secret_digest",
    "former_secret_hint",
    "former_secret_issued_at",
    "former_secret_ends_at",
    "former_secret_used_at",
    "former_secret_used_from",
]


class SecretMatch(Enum):
    NONE = "none"
    CURRENT = "current"
    FORMER = "former"


@dataclass(frozen=True)
class FormerSecretUse:
    """An app authenticated with the previous secret, which ends soon."""

    client_pk: int
    digest: str = field(repr=False)
    at: datetime
    address: str | None


class ClientQuerySet(models.QuerySet["Client"]):
    def resource_servers(self, environments: Iterable[str]) -> Self:
        """The clients that can introspect any access token in these environments."""
        return (
            self.filter(is_resource_server=True, environment__in=list(environments))
            .select_related("application__organization")
            .order_by("application__name", "pk")
        )

    def with_last_use(self) -> Self:
        """Adds `last_used_on`, the day (UTC) of the last exchange."""
        days = ExchangeUsage.objects.filter(client=models.OuterRef("pk")).order_by("-day")
        return self.annotate(last_used_on=models.Subquery(days.values("day")[:1]))

    def with_ended_secret(self, at: datetime) -> Self:
        return self.filter(former_secret_ends_at__lte=at)

    def note_former_secret_use(self, uses: Iterable[FormerSecretUse]) -> None:
        """Note the last use of each client's previous secret. Older secrets don't count."""
        latest = {(use.client_pk, use.digest): use for use in sorted(uses, key=lambda use: use.at)}
        for use in latest.values():
            self.filter(
                models.Q(former_secret_used_at__isnull=True)
                | models.Q(former_secret_used_at__lt=use.at),
                pk=use.client_pk,
                former_secret_digest=use.digest,
            ).update(former_secret_used_at=use.at, former_secret_used_from=use.address)


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
    # The previous secret, while both are valid.
    former_secret_digest = models.CharField(max_length=64, blank=True, editable=False)
    former_secret_hint = models.CharField(max_length=4, blank=True, editable=False)
    former_secret_issued_at = models.DateTimeField(null=True, blank=True, editable=False)
    former_secret_ends_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Where it was last used. Written outside of requests, and never decides about access.
    former_secret_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    former_secret_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)
    status = models.CharField(
        max_length=10, choices=ClientStatus.choices, default=ClientStatus.ACTIVE
    )
    issued_at = models.DateTimeField(default=timezone.now)
    # Can introspect any access token in its environment (`manage.py mark_resource_server`).
    is_resource_server = models.BooleanField(default=False, editable=False)

    objects = ClientQuerySet.as_manager()

    # What `with_last_use` adds.
    last_used_on: date | None

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["former_secret_ends_at"],
                condition=models.Q(former_secret_ends_at__isnull=False),
                name="client_former_secret",
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(former_secret_digest="", former_secret_ends_at__isnull=True)
                | (
                    ~models.Q(former_secret_digest="")
                    & models.Q(former_secret_ends_at__isnull=False)
                ),
                name="client_former_secret_ends",
            ),
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
    def organization_id(self) -> uuid.UUID:
        return self.application.organization_id

    @property
    def is_active(self) -> bool:
        return self.status == ClientStatus.ACTIVE

    def forget_former_secret(self) -> None:
        """Forget the previous secret. The caller saves."""
        self.former_secret_digest = self.former_secret_hint = ""
        self.former_secret_issued_at = self.former_secret_ends_at = None
        self.former_secret_used_at = self.former_secret_used_from = None

    def take_secret(self, raw_secret: str, *, overlap: timedelta, at: datetime) -> None:
        """Set a new secret and keep the current one valid for the `overlap`. The caller saves."""
        self.forget_former_secret()
        if overlap:
            self.former_secret_digest = self.secret_digest
            self.former_secret_hint = self.secret_hint
            self.former_secret_issued_at = self.secret_issued_at
            self.former_secret_ends_at = at + overlap
        self.secret_digest = raw_secrets.digest(raw_secret)
        self.secret_hint = raw_secret[-4:]
        self.secret_issued_at = at

    def has_former_secret(self, at: datetime | None = None) -> bool:
        ends_at = self.former_secret_ends_at
        return ends_at is not None and (at or timezone.now()) < ends_at

    def secret_match(self, raw_secret: str, at: datetime | None = None) -> SecretMatch:
        """Which of the valid secrets this is. Always takes the same time."""
        current = raw_secrets.matches(raw_secret, self.secret_digest)
        former = raw_secrets.matches(raw_secret, self.former_secret_digest or NO_DIGEST)
        if current:
            return SecretMatch.CURRENT
        return SecretMatch.FORMER if former and self.has_former_secret(at) else SecretMatch.NONE
