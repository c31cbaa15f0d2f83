"""The refresh token grant (RFC 6749 §6): the same checks on state as an exchange, then rotation."""

from typing import Any

from django.utils import timezone

from accounts.environments import Environment
from core import raw_secrets
from credentials.actions.refresh_tokens import rotate_refresh_token
from credentials.actions.tokens import IssuedToken
from credentials.damage import note_damage
from credentials.models import Client, RefreshToken
from credentials.oauth.checks import (
    GRANT_CHECKS,
    SCOPE_CHECK_NAMES,
    STATE_CHECK_NAMES,
    Exchange,
    first_refusal,
    refresh_flow_refusal,
)
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.errors import InvalidGrant, refresh_token_invalid
from credentials.oauth.grants.grant import Grant
from credentials.oauth.grants.token_response import token_response
from credentials.oauth.lookup import Lookup, look_up_refresh
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import CheckName, Reason


def refresh(
    environment: Environment, credentials: BasicCredentials | None, parameters: Parameters
) -> dict[str, Any]:
    """The token response (RFC 6749 §5.1). Raises an `OAuthError`."""
    raw_token = parameters.require("refresh_token")
    digest = raw_secrets.digest(raw_token)
    lookup = look_up_refresh(credentials.client_id, digest) if credentials else Lookup()
    client = authenticate_client(credentials, parameters, environment, lookup)
    with known_client(client):
        return _rotated(environment, client, raw_token, parameters, lookup)


def _rotated(
    environment: Environment, client: Client, raw_token: str, parameters: Parameters, lookup: Lookup
) -> dict[str, Any]:
    if (refusal := refresh_flow_refusal(client)) is not None:
        raise refusal
    at = timezone.now()
    row = lookup.refresh_token
    if row is None:
        parameters.count(client.client_id)
        refusal = note_damage(refresh_token_invalid(), refresh_token=raw_token)
        raise refusal.about(reason=Reason.UNKNOWN_TOKEN)
    credential = row.credential
    parameters.count(client.client_id, str(credential.extension_id))
    if row.is_expired(at):
        raise _refused(row, Reason.EXPIRED_TOKEN)
    if lookup.session_has_ended:
        raise _refused(row, Reason.SESSION_ENDED)
    exchange = Exchange(
        environment,
        client,
        credential,
        lookup.policy,
        lookup.is_listed,
        at,
        parameters.source,
        parameters.get("scope"),
        row.scope,
    )
    if (failed := first_refusal(exchange, GRANT_CHECKS)) is not None:
        raise failed
    return token_response(
        exchange,
        parameters,
        lambda: _successor(row, raw_token, exchange),
        scopes=exchange.granted_scopes,
        session=row.session,
        signing_key=lookup.signing_key,
    )


def _successor(row: RefreshToken, raw_token: str, exchange: Exchange) -> IssuedToken:
    successor = rotate_refresh_token(row, raw_token, source=exchange.source, at=exchange.at)
    if successor is None:
        raise _refused(row, Reason.USED_TWICE)
    return successor


def _refused(row: RefreshToken, reason: Reason) -> InvalidGrant:
    return refresh_token_invalid(reason).about(credential_id=str(row.credential_id))


GRANT = Grant(
    grant_type="refresh_token",
    required_parameters=("refresh_token",),
    answer=refresh,
    kind="refresh",
    label="Refresh",
    metric="refresh_token",
    checks=(
        CheckName.REQUEST,
        CheckName.CLIENT,
        CheckName.FLOW,
        CheckName.LIMIT,
        CheckName.TOKEN,
        *STATE_CHECK_NAMES,
        *SCOPE_CHECK_NAMES,
        CheckName.AUDIENCE,
    ),
    titles={
        CheckName.FLOW: "The app uses the JWT auth flow and refresh tokens",
        CheckName.TOKEN: "The refresh token is valid and hasn’t been used",
    },
)
