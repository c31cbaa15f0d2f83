"""Introspection and revocation of a client's own tokens."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Extension
from core import raw_secrets
from credentials import jose
from credentials.models import Client, RefreshToken
from credentials.oauth.bearer import BearerError, authenticate_token, verified_claims
from credentials.oauth.checks import REFRESH_TOKEN_CHECKS, Exchange, first_refusal
from credentials.oauth.lookup import Lookup, look_up_question, look_up_refresh

INACTIVE: dict[str, Any] = {"active": False}


def read_question(client_id: str, token: str) -> tuple[Lookup, Lookup]:
    """The client that asks, and the rows that the token names, in one statement; unverified."""
    parsed = jose.parsed_or_none(token)
    if parsed is not None and parsed.kid:
        return look_up_question(client_id, parsed)
    # A token that isn't a JWT can only be a refresh token.
    lookup = look_up_refresh(client_id, raw_secrets.digest(token))
    return lookup, lookup


def session_of(token: str, client: Client, lookup: Lookup, environment: Environment) -> UUID | None:
    # A token names its session even after it has expired.
    if lookup.refresh_token is not None:
        return lookup.refresh_token.session_id
    try:
        claims = verified_claims(token, environment, lookup)
    except BearerError:
        return None
    if claims["client_id"] != client.client_id:
        return None
    try:
        return UUID(str(claims["sid"]))
    except ValueError:
        return None


def introspection(
    token: str,
    client: Client,
    lookup: Lookup,
    environment: Environment,
    *,
    source: str | None = None,
) -> dict[str, Any]:
    """The body of RFC 7662 §2.2; `{"active": false}` for the tokens of other clients.

    `source` is the address that the token came from, or None without a source that we trust. No
    rule about networks is checked then, and `network_checked` is false.
    """
    if lookup.refresh_token is not None:
        return _of_refresh_token(lookup.refresh_token, lookup, environment)
    try:
        bearer = authenticate_token(token, environment, lookup=lookup, source=source)
    except BearerError:
        return INACTIVE
    if bearer.client != client and not client.is_resource_server:
        return INACTIVE
    names = ("iss", "sub", "aud", "client_id", "exp", "iat", "jti")
    return {
        "active": True,
        "token_type": "bearer",
        "scope": settings.PLATFORM.scope_string(bearer.scopes),
        **{name: bearer.claims[name] for name in names},
        "network_checked": source is not None,
        **_owner(bearer.extension),
    }


def _of_refresh_token(
    row: RefreshToken, lookup: Lookup, environment: Environment
) -> dict[str, Any]:
    at = timezone.now()
    if row.is_expired(at) or (row.used_at is not None and not row.in_grace(at)):
        return INACTIVE
    if lookup.session_has_ended:
        return INACTIVE
    exchange = Exchange(
        environment,
        row.client,
        row.credential,
        lookup.policy,
        lookup.is_listed,
        at,
        session_scope=row.scope,
    )
    if first_refusal(exchange, REFRESH_TOKEN_CHECKS) is not None:
        return INACTIVE
    return {
        "active": True,
        "scope": settings.PLATFORM.scope_string(exchange.available_scopes),
        "client_id": row.client.client_id,
        "iss": environment.urls.base_url,
        "sub": str(row.credential.extension_id),
        "exp": int(row.ends_at.timestamp()),
        "iat": int(row.issued_at.timestamp()),
        "network_checked": False,
        **_owner(row.credential.extension),
    }


def _owner(extension: Extension) -> dict[str, Any]:
    account, role = extension.account, extension.role
    return {
        "username": extension.user.email,
        "role": role.id if role.is_offered else None,
        "permissions": role.permissions,
        "account_id": str(account.pk),
        # Null rather than absent, so that every token has the same members.
        "external_id": extension.external_id or None,
        "account_external_id": account.external_id or None,
    }
