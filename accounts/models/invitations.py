import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.organizations import Organization
from accounts.roles import ConsoleRole
from core import raw_secrets
from core.pagination import Order


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def unsettled(self) -> Self:
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True)

    def open(self, at: datetime | None = None) -> Self:
        return self.unsettled().filter(expires_at__gt=at or timezone.now())

    def expiry_untold(self, at: datetime | None = None) -> Self:
        return self.unsettled().filter(
            expiry_told_at__isnull=True,
            expires_at__lte=at or timezone.now(),
            invited_by__is_active=True,
        )

    def with_token(self, raw_token: str) -> Self:
        return self.with_digest(raw_secrets.digest(raw_token))

    def with_digest(self, digest: str) -> Self:
        return self.filter(token_digest=digest).select_related("organization")


class Invitation(models.Model):
    """A one-time link to join an organization. We store only its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invitations"
    )
    email = models.EmailField("email")
    role = models.CharField(max_length=20, choices=ConsoleRole.choices)
    is_account_admin = models.BooleanField("account administrator", default=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    # When we told the sender that the invitation expired.
    expiry_told_at = models.DateTimeField(null=True, blank=True)

    NEWEST_FIRST: ClassVar = Order(("created_at", "pk"), descending=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(
                    accepted_at__isnull=True,
                    withdrawn_at__isnull=True,
                    expiry_told_at__isnull=True,
                ),
                name="invitation_expiry_untold",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> str:
        if self.accepted_at is not None:
            return "accepted"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "pending" if self.expires_at > timezone.now() else "expired"

    @property
    def is_settled(self) -> bool:
        return self.accepted_at is not None or self.withdrawn_at is not None
