from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from core import raw_secrets

# A lost response may be asked for again: RFC 9700 §4.14.2 leaves the grace to the server.
GRACE = timedelta(seconds=10)


class RefreshTokenQuerySet(models.QuerySet["RefreshToken"]):
    def with_token(self, raw_token: str) -> Self:
        return self.filter(token_digest=raw_secrets.digest(raw_token))


class RefreshToken(models.Model):
    """One refresh token of a session; only its digest is kept (RFC 6749 §1.5, §6).

    A session is one exchange of a credential and all that was refreshed from it. Its `session_id`
    is the `sid` of the access tokens.
    """

    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    session_id = models.UUIDField(db_index=True, editable=False)
    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="refresh_tokens"
    )
    client = models.ForeignKey(
        "credentials.Client", on_delete=models.PROTECT, related_name="refresh_tokens"
    )
    scope = models.TextField(blank=True)
    lifetime_seconds = models.PositiveIntegerField()
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = RefreshTokenQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="refresh_token_by_expiry")]

    def __str__(self) -> str:
        return f"refresh token of session {self.session_id}"

    def is_expired(self, at: datetime) -> bool:
        return self.expires_at <= at

    def in_grace(self, at: datetime) -> bool:
        return self.used_at is not None and at - self.used_at <= GRACE


def dead_tokens(at: datetime | None = None) -> RefreshTokenQuerySet:
    return RefreshToken.objects.filter(expires_at__lte=at or timezone.now())


class EndedSession(models.Model):
    """A session that was revoked (RFC 7009) or ended by reuse; kept while a token may name it."""

    session_id = models.UUIDField(primary_key=True)
    ended_at = models.DateTimeField(default=timezone.now)
    forget_after = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"ended session {self.session_id}"
