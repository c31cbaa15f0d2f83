from typing import Any
from uuid import UUID

from accounts.permissions import AppScope, scope_string
from credentials.actions.tokens import IssuedToken, clamped_ttl, issue_access_token
from credentials.models import SigningKey
from credentials.oauth.checks import Exchange
from credentials.oauth.parameters import Parameters


def token_response(
    exchange: Exchange,
    parameters: Parameters,
    refresh_token: IssuedToken | None,
    *,
    scopes: frozenset[AppScope],
    session_id: UUID,
    signing_key: SigningKey | None,
) -> dict[str, Any]:
    """The success body of every grant (RFC 6749 §5.1); lifetimes are in seconds."""
    access_token = issue_access_token(
        exchange.credential,
        exchange.client,
        scopes=scopes,
        ttl=clamped_ttl(parameters.get("access_token_ttl")),
        session_id=session_id,
        at=exchange.at,
        source=exchange.source,
        signing_key=signing_key,
    )
    body: dict[str, Any] = {
        "access_token": access_token.value,
        "token_type": "bearer",
        "expires_in": access_token.expires_in,
    }
    if refresh_token is not None:
        body["refresh_token"] = refresh_token.value
        body["refresh_token_expires_in"] = refresh_token.expires_in
    return body | {
        "scope": scope_string(scopes),
        "owner_id": str(exchange.credential.extension_id),
        "endpoint_id": str(session_id),
    }
