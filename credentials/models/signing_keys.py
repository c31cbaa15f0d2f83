from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, FilteredRelation, Max, Q
from django.utils import timezone

from accounts.environments import Environment
from core import vault
from credentials import jose

# How long a resource server can cache the key set.
JWKS_MAX_AGE = timedelta(minutes=5)


class KeyPurpose(models.TextChoices):
    CREDENTIAL = "credential", "Credential"
    ACCESS_TOKEN = "access-token", "Access token"


class KeyState(StrEnum):
    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    DISTRUSTED = "distrusted"


# A database holds at most one waiting key and one signing key of each environment and purpose.
_WAITING = Q(activated_at__isnull=True, retired_at__isnull=True, distrusted_at__isnull=True)
_SIGNING = Q(activated_at__isnull=False, retired_at__isnull=True, distrusted_at__isnull=True)


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def of(self, environment: str, purpose: str) -> Self:
        return self.filter(environment=environment, purpose=purpose)

    def signing(self) -> Self:
        """The current keys of all environments and purposes."""
        return self.filter(_SIGNING)

    def current(self, environment: str, purpose: str) -> Self:
        return self.of(environment, purpose).signing()

    def next(self, environment: str, purpose: str) -> Self:
        return self.of(environment, purpose).filter(_WAITING)

    def published(self, environment: str, at: datetime | None = None) -> Self:
        # Tokens name these keys now, or soon will.
        recently = (at or timezone.now()) - settings.ACCESS_TOKEN_TTL_MAX
        return (
            self.trusted()
            .of(environment, KeyPurpose.ACCESS_TOKEN)
            .filter(Q(retired_at__isnull=True) | Q(retired_at__gt=recently))
            .order_by("-created_at", "kid")
        )

    def with_use(self, at: datetime | None = None) -> Self:
        """Annotates `live_credentials`, and `needed_until`, when the last of them expires."""
        # The index jwt_credential_by_key answers this without reading a credential.
        condition = Q(
            jwt_credentials__expires_at__gt=at or timezone.now(),
            jwt_credentials__revoked_at__isnull=True,
        )
        return self.alias(live=FilteredRelation("jwt_credentials", condition=condition)).annotate(
            live_credentials=Count("live__expires_at"), needed_until=Max("live__expires_at")
        )

    def trusted(self) -> Self:
        return self.filter(distrusted_at__isnull=True)


class SigningKey(models.Model):
    """A key of one environment and purpose, with the algorithm that its JWK names.

    A key starts as the next key, so that resource servers know it before it signs a token. Then
    it becomes current and signs, and then retired: it no longer signs but still verifies. Nothing
    that a distrusted key signed is accepted, even if the key was still current.
    """

    kid = models.CharField(max_length=43, primary_key=True)
    environment = models.CharField(max_length=10, choices=Environment.choices)
    purpose = models.CharField(max_length=20, choices=KeyPurpose.choices)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    distrusted_at = models.DateTimeField(null=True, blank=True)

    objects = SigningKeyQuerySet.as_manager()

    # Annotations of `with_use`.
    live_credentials: int
    needed_until: datetime | None

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "purpose"],
                condition=_SIGNING,
                name="signing_key_one_current",
            ),
            models.UniqueConstraint(
                fields=["environment", "purpose"],
                condition=_WAITING,
                name="signing_key_one_next",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.purpose} {self.kid[:8]}"

    @property
    def organization_id(self) -> None:
        # Every organization's tokens depend on it, so its events are in none of their logs.
        return None

    @property
    def state(self) -> KeyState:
        if self.distrusted_at is not None:
            return KeyState.DISTRUSTED
        if self.retired_at is not None:
            return KeyState.RETIRED
        return KeyState.NEXT if self.activated_at is None else KeyState.CURRENT

    @property
    def is_in_service(self) -> bool:
        """Whether it signs now or will. A former key only signs JWTs that it signed before."""
        return self.state in {KeyState.CURRENT, KeyState.NEXT}

    @property
    def algorithm(self) -> str:
        return str(self.public_jwk["alg"])

    @property
    def can_sign(self) -> bool:
        """Whether `KEY_ENCRYPTION_KEYS` can decrypt it."""
        try:
            jose.unseal(self.sealed_private_key)
        except vault.Unreadable:
            return False
        return True

    @property
    def known_at(self) -> datetime:
        """When every resource server that refetches the key set in time knows this key."""
        is_published = self.purpose == KeyPurpose.ACCESS_TOKEN
        return self.created_at + JWKS_MAX_AGE if is_published else self.created_at

    def is_known(self, at: datetime | None = None) -> bool:
        return self.known_at <= (at or timezone.now())
