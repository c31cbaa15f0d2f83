"""What a client may learn and end of a token: its own, and nobody else's."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts import raw_secrets
from accounts.environments import Environment
from accounts.permissions import scope_string
from credentials import jose
from credentials.bearer import BearerError, authenticate_token, names_of, verified_claims
from credentials.checks import Exchange
from credentials.models import Client, RefreshToken
from credentials.models.standing import Standing, of_question, of_refresh
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants.jwt_bearer import require_standing

INACTIVE: dict[str, Any] = {"active": False}


def read_question(client_id: str, token: str) -> tuple[Standing, Standing]:
    """The client that asks, and what decides about the token, in one statement.

    Nothing is verified yet. What is no JWT can only be a refresh token of the client's own.
    """
    try:
        opened = jose.open_token(token)
    except jose.InvalidToken:
        opened = None
    if opened is not None and opened.kid:
        return of_question(client_id, names_of(opened))
    standing = of_refresh(client_id, raw_secrets.digest(token))
    return standing, standing


def session_of(
    token: str, client: Client, standing: Standing, environment: Environment
) -> UUID | None:
    """The session that a token of this client belongs to, be it expired; else None."""
    if standing.refresh_token is not None:
        return standing.refresh_token.session_id
    try:
        claims = verified_claims(token, environment, standing)
    except BearerError:
        return None
    return UUID(claims["sid"]) if claims["client_id"] == client.client_id else None


def introspection(
    token: str, client: Client, standing: Standing, environment: Environment
) -> dict[str, Any]:
    """The body of RFC 7662 §2.2; `{"active": false}` for every token that is not theirs."""
    if standing.refresh_token is not None:
        return _of_refresh_token(standing.refresh_token, standing, environment)
    try:
        bearer = authenticate_token(token, environment, standing=standing)
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


def _of_refresh_token(
    row: RefreshToken, standing: Standing, environment: Environment
) -> dict[str, Any]:
    at = timezone.now()
    if row.is_expired(at) or (row.used_at is not None and not row.in_grace(at)):
        return INACTIVE
    if standing.session_has_ended:
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
