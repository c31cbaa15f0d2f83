"""What a client may learn and end of a token: its own, and nobody else's."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.environments import Environment
from accounts.permissions import scope_string
from credentials.bearer import BearerError, authenticate_token, verified_claims
from credentials.checks import Exchange
from credentials.models import Client, EndedSession, RefreshToken
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants.jwt_bearer import require_standing

INACTIVE: dict[str, Any] = {"active": False}


def session_of(token: str, client: Client, environment: Environment) -> UUID | None:
    """The session that a token of this client belongs to, be it expired; else None."""
    row = _refresh_token(token, client)
    if row is not None:
        return row.session_id
    try:
        claims = verified_claims(token, environment)
    except BearerError:
        return None
    return UUID(claims["sid"]) if claims["client_id"] == client.client_id else None


def introspection(token: str, client: Client, environment: Environment) -> dict[str, Any]:
    """The body of RFC 7662 §2.2; `{"active": false}` for every token that is not theirs."""
    row = _refresh_token(token, client)
    if row is not None:
        return _of_refresh_token(row, environment)
    try:
        bearer = authenticate_token(token, environment)
    except BearerError:
        return INACTIVE
    if bearer.client != client and not client.is_resource_server:
        return INACTIVE
    names = ("iss", "sub", "aud", "client_id", "exp", "iat", "jti")
    return {
        "active": True,
        "token_type": "bearer",
        "scope": scope_string(bearer.scopes),
        "username": bearer.extension.user.email,
        **{name: bearer.claims[name] for name in names},
    }


def _refresh_token(token: str, client: Client) -> RefreshToken | None:
    return (
        RefreshToken.objects.with_token(token)
        .filter(client=client)
        .select_related(
            "client__application",
            "credential__extension__account",
            "credential__extension__user__membership",
        )
        .first()
    )


def _of_refresh_token(row: RefreshToken, environment: Environment) -> dict[str, Any]:
    at = timezone.now()
    if row.is_expired(at) or (row.used_at is not None and not row.in_grace(at)):
        return INACTIVE
    if EndedSession.objects.contains_session(row.session_id):
        return INACTIVE
    try:
        require_standing(Exchange(row.client, row.credential, at))
    except OAuthError:
        return INACTIVE
    return {
        "active": True,
        "scope": row.scope,
        "client_id": row.client.client_id,
        "username": row.credential.extension.user.email,
        "iss": environment.urls.base_url,
        "sub": str(row.credential.extension_id),
        "exp": int(row.expires_at.timestamp()),
        "iat": int(row.issued_at.timestamp()),
    }
