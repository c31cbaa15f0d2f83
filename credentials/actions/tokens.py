"""Issuing access tokens (RFC 9068). Writes no row but the usage counter."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from accounts.permissions import scope_string
from credentials import jose
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Client, ExchangeUsage, JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose
from credentials.models.usage import note_use


@dataclass(frozen=True)
class IssuedToken:
    value: str = field(repr=False)
    expires_in: int
    """Seconds."""


def clamped_ttl(requested: str | None) -> timedelta:
    """`access_token_ttl` in seconds, moved into the allowed range; nonsense counts as omitted."""
    if requested is None or not re.fullmatch(r"-?[0-9]{1,100}", requested):
        return settings.ACCESS_TOKEN_TTL
    shortest, longest = (
        int(bound.total_seconds())
        for bound in (settings.ACCESS_TOKEN_TTL_MIN, settings.ACCESS_TOKEN_TTL_MAX)
    )
    return timedelta(seconds=min(max(int(requested), shortest), longest))


def issue_access_token(
    credential: JwtCredential,
    client: Client,
    *,
    scopes: Iterable[str],
    ttl: timedelta,
    session_id: UUID,
    at: datetime,
    source: str | None = None,
    signing_key: SigningKey | None = None,
) -> IssuedToken:
    """Sign an access token and count the exchange; it never outlives its credential.

    `source` is the address that the client called from, None if nobody knows it. `signing_key` is
    the current one, if it was read for this request; there is none before the first use.
    """
    urls = credential.environment.urls
    issued_at = int(at.timestamp())
    expires_at = min(issued_at + int(ttl.total_seconds()), int(credential.ends_at.timestamp()))
    key = signing_key or current_signing_key(credential.environment, KeyPurpose.ACCESS_TOKEN)
    value = jose.sign(
        {
            "iss": urls.base_url,
            "sub": str(credential.extension_id),
            "aud": urls.rest_api,
            "client_id": client.client_id,
            "scope": scope_string(scopes),
            "iat": issued_at,
            "exp": expires_at,
            "jti": secrets.token_urlsafe(16),
            "sid": str(session_id),
            "credential_id": str(credential.pk),
        },
        sealed_private_key=key.sealed_private_key,
        kid=key.kid,
        token_type=jose.ACCESS_TOKEN_TYPE,
    )
    ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=at)
    note_use(credential.pk, client.pk, at=at, address=source)
    return IssuedToken(value, expires_at - issued_at)
