from collections.abc import Callable
from typing import Any

from django.conf import settings

from credentials import jose
from credentials.actions.tokens import (
    IssuedToken,
    clamped_ttl,
    count_exchange,
    sign_access_token,
)
from credentials.models import SigningKey
from credentials.models.refresh_tokens import TokenSession
from credentials.oauth.checks import Exchange
from credentials.oauth.errors import TooManyScopes
from credentials.oauth.parameters import Parameters
from credentials.oauth.targets import target_of


def token_response(
    exchange: Exchange,
    parameters: Parameters,
    new_refresh_token: Callable[[], IssuedToken] | None,
    *,
    scopes: frozenset[str],
    session: TokenSession,
    signing_key: SigningKey | None,
) -> dict[str, Any]:
    """The success body of every grant (RFC 6749 §5.1); lifetimes are in seconds.

    `new_refresh_token` is None for apps that don't use refresh tokens. `scopes` are those of the
    session. A refresh can name another resource, so the refresh token keeps all of them.
    """
    target = target_of(exchange, scopes, parameters.get("resource"))
    # Signing writes nothing, so it comes first: if it fails, no refresh token is left behind.
    access_token = sign_access_token(
        exchange.credential,
        exchange.client,
        scopes=target.scopes,
        audience=target.audience,
        ttl=clamped_ttl(parameters.get("access_token_ttl")),
        session=session,
        at=exchange.at,
        signing_key=signing_key,
    )
    if len(access_token.value) > jose.MAX_TOKEN_LENGTH:
        raise TooManyScopes().about(credential_id=str(exchange.credential.pk))
    body: dict[str, Any] = {
        "access_token": access_token.value,
        "token_type": "bearer",
        "expires_in": access_token.expires_in,
    }
    if new_refresh_token is not None:
        refresh_token = new_refresh_token()
        body["refresh_token"] = refresh_token.value
        body["refresh_token_expires_in"] = refresh_token.expires_in
    count_exchange(exchange.credential, exchange.client, at=exchange.at, source=exchange.source)
    return body | {
        "scope": settings.PLATFORM.scope_string(target.scopes),
        "owner_id": str(exchange.credential.extension_id),
        "endpoint_id": str(session.id),
    }
