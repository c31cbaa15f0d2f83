from collections.abc import Iterable
from typing import Any
from uuid import UUID

from accounts.permissions import scope_string
from credentials.actions.refresh_tokens import IssuedRefreshToken
from credentials.actions.tokens import IssuedToken
from credentials.models import JwtCredential


def token_response(
    access_token: IssuedToken,
    refresh_token: IssuedRefreshToken | None,
    *,
    scopes: Iterable[str],
    credential: JwtCredential,
    session_id: UUID,
) -> dict[str, Any]:
    """The success body of every grant (RFC 6749 §5.1); lifetimes are in seconds."""
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
        "owner_id": str(credential.extension_id),
        "endpoint_id": str(session_id),
    }
