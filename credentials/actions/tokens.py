"""Access tokens (RFC 9068). We don't store them: issuing one changes only the usage counters."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings

from accounts.platform.catalog import Platform
from credentials import jose
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Client, ExchangeUsage, JwtCredential, SigningKey
from credentials.models.refresh_tokens import TokenSession
from credentials.models.signing_keys import KeyPurpose
from credentials.models.usage import note_use

_SECONDS = re.compile(r"-?[0-9]{1,100}")


# One audience, or several.
Audience = str | tuple[str, ...]


@dataclass(frozen=True)
class IssuedToken:
    value: str = field(repr=False)
    expires_in: int
    """Seconds."""


def clamped_ttl(requested: str | None) -> timedelta:
    if requested is None:
        return settings.ACCESS_TOKEN_TTL
    shortest, longest = settings.ACCESS_TOKEN_TTL_MIN, settings.ACCESS_TOKEN_TTL_MAX
    return clamped(requested, shortest, longest, otherwise=settings.ACCESS_TOKEN_TTL)


def clamped(
    requested: str | None, shortest: timedelta, longest: timedelta, *, otherwise: timedelta
) -> timedelta:
    """A number of seconds, moved into the allowed range; `otherwise` if it isn't a number."""
    if requested is None or not _SECONDS.fullmatch(requested):
        return otherwise
    # Not as a timedelta from the start, because a request can ask for more than one can hold.
    seconds = max(int(requested), int(shortest.total_seconds()))
    return timedelta(seconds=min(seconds, int(longest.total_seconds())))


def sign_access_token(
    credential: JwtCredential,
    client: Client,
    *,
    scopes: frozenset[str],
    audience: Audience,
    ttl: timedelta,
    session: TokenSession,
    at: datetime,
    signing_key: SigningKey | None = None,
) -> IssuedToken:
    """An access token, which outlives neither its credential nor its session.

    `signing_key` is the current key, or None before its first use.
    """
    issued_at = int(at.timestamp())
    expires_at = min(
        issued_at + int(ttl.total_seconds()),
        int(credential.ends_at.timestamp()),
        int(session.ends_at.timestamp()),
    )
    key = signing_key or current_signing_key(credential.environment, KeyPurpose.ACCESS_TOKEN)
    value = jose.sign(
        {
            "sub": str(credential.extension_id),
            "client_id": client.client_id,
            "iat": issued_at,
            "exp": expires_at,
            "jti": secrets.token_urlsafe(16),
            "sid": str(session.id),
            "credential_id": str(credential.pk),
        },
        sealed_private_key=key.sealed_private_key,
        kid=key.kid,
        token_type=jose.ACCESS_TOKEN_TYPE,
        shared=_shared_claims(
            settings.PLATFORM,
            credential.environment.urls.base_url,
            audience,
            scopes,
            credential.extension.user_role,
        ),
    )
    return IssuedToken(value, expires_at - issued_at)


# Large enough for the apps and the user roles of an installation.
@lru_cache(maxsize=1024)
def _shared_claims(
    platform: Platform, issuer: str, audience: Audience, scopes: frozenset[str], user_role: str
) -> str:
    """The claims that don't name a person, an app or a moment.

    They say what the person can do when the token is issued (RFC 9068 §2.2.3.1), for APIs that
    verify it offline. A user role that the platform no longer offers grants nothing, so it isn't
    named.
    """
    role = platform.role(user_role)
    return jose.shared_claims(
        {
            "iss": issuer,
            "aud": audience,
            "scope": platform.scope_string(scopes),
            "roles": (role.id,) if role.is_offered else (),
            "entitlements": role.permissions,
        }
    )


def count_exchange(
    credential: JwtCredential, client: Client, *, at: datetime, source: str | None
) -> None:
    """Count an exchange or a refresh; `source` is the client's address, or None if unknown."""
    ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=at)
    note_use(credential.pk, client.pk, at=at, address=source)
