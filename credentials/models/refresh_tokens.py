from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core import raw_secrets

# A lost response may be asked for again: RFC 9700 §4.14.2 leaves the grace to the server.
GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TokenSession:
    """One exchange of a credential and all the refreshes that follow it."""

    id: UUID
    """The `sid` of the access tokens."""
    started_at: datetime

    @classmethod
    def starting(cls, at: datetime) -> "TokenSession":
        return cls(uuid4(), at)

    @property
    def ends_at(self) -> datetime:
        """No token of the session outlives this, however often the session is refreshed."""
        return self.started_at + settings.TOKEN_SESSION_LIFETIME


class RefreshTokenQuerySet(models.QuerySet["RefreshToken"]):
    def with_token(self, raw_token: str) -> Self:
        return self.filter(token_digest=raw_secrets.digest(raw_token))

    def refreshable(self, at: datetime) -> Self:
        """The unused token of each session that hasn't ended: one row for each of them."""
        return self.filter(_is_refreshable(at))

    def with_end(self, at: datetime) -> Self:
        """Adds `has_ended`, which is also true for a token that was used."""
        return self.annotate(
            has_ended=models.Case(
                models.When(_is_refreshable(at), then=models.Value(False)),
                default=models.Value(True),
            )
        )


def _is_refreshable(at: datetime) -> models.Q:
    ended = EndedSession.objects.filter(session_id=models.OuterRef("session_id"))
    return (
        models.Q(
            used_at__isnull=True,
            expires_at__gt=at,
            session_started_at__gt=at - settings.TOKEN_SESSION_LIFETIME,
            credential__revoked_at__isnull=True,
        )
        & ~models.Q(credential__superseded_at__lte=at)
        & ~models.Q(models.Exists(ended))
    )


class RefreshToken(models.Model):
    """One refresh token of a session; only its digest is kept (RFC 6749 §1.5, §6).

    Exchanges and refreshes insert one row each, so the unused row of a session says when and from
    where the session was last used.
    """

    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    session_id = models.UUIDField(db_index=True, editable=False)
    # The default of the database is for sessions from before the column existed.
    session_started_at = models.DateTimeField(
        default=timezone.now, db_default=Now(), editable=False
    )
    credential = models.ForeignKey(
        "credentials.JwtCredential",
        on_delete=models.PROTECT,
        related_name="refresh_tokens",
        db_index=False,
    )
    client = models.ForeignKey(
        "credentials.Client",
        on_delete=models.PROTECT,
        related_name="refresh_tokens",
        db_index=False,
    )
    address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    scope = models.TextField(blank=True)
    lifetime_seconds = models.PositiveIntegerField()
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = RefreshTokenQuerySet.as_manager()

    # What `with_end` adds.
    has_ended: bool

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="refresh_token_by_expiry"),
            # The lists of sessions, in the order of their pages.
            models.Index(
                fields=["credential", "issued_at", "id"], name="refresh_token_by_credential"
            ),
            models.Index(fields=["client", "issued_at", "id"], name="refresh_token_by_client"),
        ]

    def __str__(self) -> str:
        return f"refresh token of session {self.session_id}"

    @property
    def session(self) -> TokenSession:
        return TokenSession(self.session_id, self.session_started_at)

    @property
    def ends_at(self) -> datetime:
        """When the token expires; an operator may have shortened sessions since it was issued."""
        return min(self.expires_at, self.session.ends_at)

    def is_expired(self, at: datetime) -> bool:
        return self.ends_at <= at

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
