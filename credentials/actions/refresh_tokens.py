"""Refresh tokens and sessions (RFC 6749 §6, RFC 7009, RFC 9700 §4.14.2).

A refresh token rotates at every use. Its successor is derived from it, so that a client whose
response was lost gets the very same successor again, and no token has to be kept in clear.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.permissions import scope_string
from core import raw_secrets
from core.postgresql import statements
from credentials.models import Client, EndedSession, JwtCredential, RefreshToken
from credentials.models.refresh_tokens import dead_tokens

PREFIX = "rt_"
_SALT = "credentials.refresh_tokens.successor"


@dataclass(frozen=True)
class IssuedRefreshToken:
    value: str = field(repr=False)
    expires_in: int
    """Seconds."""


def clamped_lifetime(requested: str | None) -> timedelta:
    """`refresh_token_ttl` in seconds, at most the allowed; nonsense counts as omitted."""
    longest: timedelta = settings.REFRESH_TOKEN_TTL_MAX
    if requested is None or not re.fullmatch(r"-?[0-9]{1,100}", requested):
        return longest
    seconds = min(max(int(requested), 1), int(longest.total_seconds()))
    return timedelta(seconds=seconds)


def issue_refresh_token(
    credential: JwtCredential,
    client: Client,
    *,
    session_id: UUID,
    scopes: Iterable[str],
    lifetime: timedelta,
    at: datetime,
) -> IssuedRefreshToken:
    """The first refresh token of a session; it never outlives its credential.

    One row in one statement, and so without a transaction around it: the hot path.
    """
    raw_token = raw_secrets.generate(PREFIX)
    row = RefreshToken(
        session_id=session_id,
        credential=credential,
        client=client,
        scope=scope_string(scopes),
        lifetime_seconds=int(lifetime.total_seconds()),
    )
    return _save(row, raw_token, at)


def _save(row: RefreshToken, raw_token: str, at: datetime) -> IssuedRefreshToken:
    row.token_digest = raw_secrets.digest(raw_token)
    row.issued_at = at
    row.expires_at = min(at + timedelta(seconds=row.lifetime_seconds), row.credential.ends_at)
    statements.insert(row)
    return _issued(row, raw_token, at)


def _issued(row: RefreshToken, raw_token: str, at: datetime) -> IssuedRefreshToken:
    return IssuedRefreshToken(raw_token, max(0, int((row.expires_at - at).total_seconds())))


def _successor(raw_token: str) -> str:
    mac = salted_hmac(_SALT, raw_token, algorithm="sha256").digest()
    return raw_secrets.with_checksum(PREFIX + urlsafe_b64encode(mac).rstrip(b"=").decode())


@transaction.atomic
def rotate_refresh_token(
    row: RefreshToken, raw_token: str, *, at: datetime
) -> IssuedRefreshToken | None:
    """The successor of a token; None if it was used before, which ends the session.

    Within the grace, and as long as the successor is unused, a second use is a lost response and
    answers the same successor.
    """
    successor = _successor(raw_token)
    if _use(row, at):
        following = RefreshToken(
            session_id=row.session_id,
            credential=row.credential,
            client=row.client,
            scope=row.scope,
            lifetime_seconds=row.lifetime_seconds,
        )
        return _save(following, successor, at)
    row.refresh_from_db(fields=["used_at"])
    known = RefreshToken.objects.with_token(successor).first()
    if row.in_grace(at) and known is not None and known.used_at is None:
        return _issued(known, successor, at)
    end_session(row.session_id, at=at)
    return None


def _use(row: RefreshToken, at: datetime) -> bool:
    """Whether it was unused until now. Of two at once one waits here, and then finds it used."""
    table = connection.ops.quote_name(RefreshToken._meta.db_table)
    sql = f"UPDATE {table} SET used_at = %s WHERE id = %s AND used_at IS NULL RETURNING id"  # noqa: S608 - the name is ours
    return statements.write(sql, [at, row.pk]) is not None


@transaction.atomic
def end_session(session_id: UUID, *, at: datetime | None = None) -> None:
    """Stop every token of the session from the next request on."""
    at = at or timezone.now()
    longest = settings.REFRESH_TOKEN_TTL_MAX + settings.ACCESS_TOKEN_TTL_MAX
    EndedSession.objects.get_or_create(
        session_id=session_id, defaults={"ended_at": at, "forget_after": at + longest}
    )


@transaction.atomic
def forget_dead_sessions(*, at: datetime | None = None) -> int:
    """Remove refresh tokens and ended sessions that no living token can name any more."""
    at = at or timezone.now()
    tokens, _ = dead_tokens(at).delete()
    sessions, _ = EndedSession.objects.filter(forget_after__lte=at).delete()
    return tokens + sessions
