"""The refresh token grant (RFC 6749 §6): the same checks on state as an exchange, then rotation."""

from typing import Any

from django.utils import timezone

from accounts.environments import Environment
from accounts.permissions import effective_scopes
from core import raw_secrets
from credentials.actions.refresh_tokens import rotate_refresh_token
from credentials.actions.tokens import clamped_ttl, issue_access_token
from credentials.models import Client, RefreshToken
from credentials.oauth.checks import Exchange
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.errors import InvalidGrant, OAuthError, UnauthorizedClient
from credentials.oauth.grants.jwt_bearer import (
    flow_refusal,
    granted_scopes,
    require_valid,
)
from credentials.oauth.grants.token_response import token_response
from credentials.oauth.lookup import Lookup, look_up_refresh
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import Reason

GRANT_TYPE = "refresh_token"
REQUIRED_PARAMETERS = ("refresh_token",)


def refresh(
    environment: Environment, credentials: BasicCredentials | None, parameters: Parameters
) -> dict[str, Any]:
    """The token response (RFC 6749 §5.1). Raises an `OAuthError`."""
    raw_token = parameters.require("refresh_token")
    lookup = Lookup()
    if credentials is not None:
        lookup = look_up_refresh(credentials.client_id, raw_secrets.digest(raw_token))
    client = authenticate_client(credentials, parameters, environment, lookup)
    with known_client(client):
        return _rotated(client, raw_token, parameters, lookup)


def _rotated(
    client: Client, raw_token: str, parameters: Parameters, lookup: Lookup
) -> dict[str, Any]:
    if (refused := _flow_refusal(client)) is not None:
        raise refused
    at = timezone.now()
    row = lookup.refresh_token
    if row is None:
        parameters.count(client.client_id)
        raise _invalid().about(reason=Reason.UNKNOWN_TOKEN)
    credential = row.credential
    parameters.count(client.client_id, str(credential.extension_id))
    if row.is_expired(at):
        raise _refused(row, Reason.EXPIRED_TOKEN)
    if lookup.session_has_ended:
        raise _refused(row, Reason.SESSION_ENDED)
    exchange = Exchange(client, credential, lookup.policy, lookup.is_listed, at, parameters.source)
    require_valid(exchange)
    # RFC 6749 §6: no more than was granted; and no more than the app has by now.
    granted = effective_scopes(row.scope.split()) & client.application.effective_scopes
    scopes = granted_scopes(exchange, granted, parameters.get("scope"))
    refresh_token = rotate_refresh_token(row, raw_token, at=at)
    if refresh_token is None:
        raise _refused(row, Reason.USED_TWICE)
    access_token = issue_access_token(
        credential,
        client,
        scopes=scopes,
        ttl=clamped_ttl(parameters.get("access_token_ttl")),
        session_id=row.session_id,
        at=at,
        source=parameters.source,
        signing_key=lookup.signing_key,
    )
    return token_response(
        access_token,
        refresh_token,
        scopes=scopes,
        credential=credential,
        session_id=row.session_id,
    )


def _flow_refusal(client: Client) -> OAuthError | None:
    if not client.application.issues_refresh_tokens:
        refused = UnauthorizedClient("This app does not issue refresh tokens.")
        return refused.about(reason=Reason.NO_REFRESH_TOKENS)
    return flow_refusal(client)


def _invalid() -> InvalidGrant:
    return InvalidGrant("JWT-108", "The refresh token is unknown, expired, used or revoked.")


def _refused(row: RefreshToken, reason: Reason) -> InvalidGrant:
    return _invalid().about(reason=reason, credential_id=str(row.credential_id))
