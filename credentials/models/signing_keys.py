from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.environments import Environment


class KeyPurpose(models.TextChoices):
    CREDENTIAL = "credential", "Credential"
    ACCESS_TOKEN = "access-token", "Access token"


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def current(self, environment: str, purpose: str) -> Self:
        """The key that signs now: trusted and not retired; at most one."""
        return self.trusted().filter(
            environment=environment, purpose=purpose, retired_at__isnull=True
        )

    def published(self, environment: str, at: datetime | None = None) -> Self:
        """The keys by which resource servers verify: those that a living token may name."""
        recently = (at or timezone.now()) - settings.ACCESS_TOKEN_TTL_MAX
        return (
            self.trusted()
            .filter(environment=environment, purpose=KeyPurpose.ACCESS_TOKEN)
            .filter(Q(retired_at__isnull=True) | Q(retired_at__gt=recently))
            .order_by("-created_at")
        )

    def trusted(self) -> Self:
        return self.filter(distrusted_at__isnull=True)


class SigningKey(models.Model):
    """An ES256 key of one environment and purpose; the private half is sealed.

    A retired key still verifies; a distrusted one stops everything it signed.
    """

    kid = models.CharField(max_length=43, primary_key=True)
    environment = models.CharField(max_length=10, choices=Environment.choices)
    purpose = models.CharField(max_length=20, choices=KeyPurpose.choices)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)
    distrusted_at = models.DateTimeField(null=True, blank=True)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "purpose"],
                condition=Q(retired_at__isnull=True, distrusted_at__isnull=True),
                name="signing_key_one_current",
            )
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.purpose} {self.kid[:8]}"
