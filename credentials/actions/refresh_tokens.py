"""Refresh tokens and sessions (RFC 6749 §6, RFC 7009, RFC 9700 §4.14.2).

A refresh token rotates with every use. Its successor is derived from it, so a client that never
received the response gets the same successor again, although we keep no token as plain text.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import AuditKind
from core import networks, raw_secrets
from core.origin import Origin
from core.postgresql import statements
from core.sampling import HourlyCap
from credentials import notices
from credentials.actions.tokens import IssuedToken, clamped
from credentials.models import Client, EndedSession, JwtCredential, RefreshToken
from credentials.models.refresh_tokens import TokenSession, dead_tokens

PREFIX = "rt_"
# An app can begin and revoke sessions all day.
revocations_recorded = HourlyCap(per_key=20, in_all=2_000)
_SALT = "credentials.refresh_tokens.successor"


def clamped_lifetime(requested: str | None) -> timedelta:
    longest = settings.REFRESH_TOKEN_TTL_MAX
    return clamped(requested, timedelta(seconds=1), longest, otherwise=longest)


def issue_refresh_token(
    credential: JwtCredential,
    client: Client,
    *,
    session: TokenSession,
    scopes: Iterable[str],
    lifetime: timedelta,
    source: str | None,
) -> IssuedToken:
    """The first refresh token of a session. It outlives neither its credential nor its session.

    `source` is the address of the client, or None if it is unknown.
    """
    # Exchanges are a hot path. One row in one statement needs no transaction.
    raw_token = raw_secrets.generate(PREFIX)
    row = RefreshToken(
        session_id=session.id,
        session_started_at=session.started_at,
        credential=credential,
        client=client,
        address=networks.canonical_address(source or ""),
        scope=settings.PLATFORM.scope_string(scopes),
        lifetime_seconds=int(lifetime.total_seconds()),
    )
    return _save(row, raw_token, session.started_at)


def _save(row: RefreshToken, raw_token: str, at: datetime) -> IssuedToken:
    row.token_digest = raw_secrets.digest(raw_token)
    row.issued_at = at
    lifetime = timedelta(seconds=row.lifetime_seconds)
    row.expires_at = min(at + lifetime, row.credential.ends_at, row.session.ends_at)
    statements.insert(row)
    return _issued(row, raw_token, at)


def _issued(row: RefreshToken, raw_token: str, at: datetime) -> IssuedToken:
    return IssuedToken(raw_token, max(0, int((row.ends_at - at).total_seconds())))


def _successor(raw_token: str, secret_key: str | None = None) -> str:
    mac = salted_hmac(_SALT, raw_token, secret=secret_key, algorithm="sha256").digest()
    return raw_secrets.with_checksum(PREFIX + urlsafe_b64encode(mac).rstrip(b"=").decode())


@transaction.atomic
def rotate_refresh_token(
    row: RefreshToken, raw_token: str, *, source: str | None, at: datetime
) -> IssuedToken | None:
    """The successor of a token; None if the token was used before, which ends the session."""
    successor = _successor(raw_token)
    if _use(row, at):
        following = RefreshToken(
            session_id=row.session_id,
            session_started_at=row.session_started_at,
            credential=row.credential,
            client=row.client,
            address=networks.canonical_address(source or ""),
            scope=row.scope,
            lifetime_seconds=row.lifetime_seconds,
        )
        return _save(following, successor, at)
    # The client may never have received the response, so for a few seconds it gets the same
    # successor again, unless the successor has been used.
    row.refresh_from_db(fields=["used_at"])
    # `SECRET_KEY` may have been replaced since.
    successors = [successor, *(_successor(raw_token, key) for key in settings.SECRET_KEY_FALLBACKS)]
    for each in successors:
        known = RefreshToken.objects.with_token(each).first()
        if row.in_grace(at) and known is not None and known.used_at is None:
            return _issued(known, each, at)
    if end_session(row.session_id, at=at):
        _tell_of_reuse(row, source=source, at=at)
    return None


def _tell_of_reuse(row: RefreshToken, *, source: str | None, at: datetime) -> None:
    # Once for each session, because only the first reuse ends it.
    credential, application = row.credential, row.client.application
    audit.record(
        AuditKind.REFRESH_TOKEN_REUSED,
        actor=None,
        actor_label=application.name,
        origin=Origin.of_program(source),
        target=credential,
        at=at,
        client_id=row.client.client_id,
        session_id=str(row.session_id),
    )
    notices.refresh_token_reused(credential, application, source=source, at=at)


@transaction.atomic
def revoke_session(session_id: UUID, credential: JwtCredential, client: Client) -> None:
    """End a session for its app (RFC 7009). Of many in an hour, only the first are recorded."""
    if end_session(session_id) and revocations_recorded.allows(f"{credential.pk} {client.pk}"):
        audit.record(
            AuditKind.TOKEN_SESSION_REVOKED,
            actor=None,
            actor_label=client.application.name,
            origin=Origin.of_program(None),
            target=credential,
            client_id=client.client_id,
            session_id=str(session_id),
        )


def _use(row: RefreshToken, at: datetime) -> bool:
    # The second of two simultaneous requests waits here, and then finds that the token is used.
    table = connection.ops.quote_name(RefreshToken._meta.db_table)
    sql = f"UPDATE {table} SET used_at = %s WHERE id = %s AND used_at IS NULL RETURNING id"  # noqa: S608 - the name is ours
    return statements.write(sql, [at, row.pk]) is not None


@transaction.atomic
def end_session(session_id: UUID, *, at: datetime | None = None) -> bool:
    """End every token of the session; false if it had ended before."""
    at = at or timezone.now()
    _, is_new = EndedSession.objects.get_or_create(
        session_id=session_id, defaults={"ended_at": at, "forget_after": _forget_after(at)}
    )
    return is_new


@transaction.atomic
def end_sessions(session_ids: Iterable[UUID], *, at: datetime) -> None:
    forget_after = _forget_after(at)
    EndedSession.objects.bulk_create(
        (EndedSession(session_id=pk, ended_at=at, forget_after=forget_after) for pk in session_ids),
        batch_size=1_000,
        ignore_conflicts=True,
    )


def _forget_after(at: datetime) -> datetime:
    return at + settings.REFRESH_TOKEN_TTL_MAX + settings.ACCESS_TOKEN_TTL_MAX


@transaction.atomic
def forget_dead_sessions(*, at: datetime | None = None) -> int:
    at = at or timezone.now()
    tokens, _ = dead_tokens(at).delete()
    sessions, _ = EndedSession.objects.filter(forget_after__lte=at).delete()
    return tokens + sessions
