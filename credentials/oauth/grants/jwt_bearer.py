"""The JWT bearer grant (RFC 7523 §2.1): exchanges a credential for an access token.

Read `exchange` from top to bottom. It reads everything that decides in one statement, authenticates
the client, and goes through the checks in their order. `_granted` signs and counts what passes.
"""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from accounts.environments import Environment
from accounts.permissions import AppScope, effective_scopes
from credentials import jose
from credentials.actions.refresh_tokens import clamped_lifetime, issue_refresh_token
from credentials.actions.superseding import note_first_use
from credentials.actions.tokens import clamped_ttl, issue_access_token
from credentials.models import SigningKey
from credentials.oauth.assertions import verified_credential
from credentials.oauth.checks import REVOCATION, STATE_CHECK_NAMES, Exchange, first_refusal
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.errors import InvalidGrant, InvalidScope, flow_not_used
from credentials.oauth.grants.grant import Grant
from credentials.oauth.grants.token_response import token_response
from credentials.oauth.lookup import Lookup, look_up_exchange
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import CheckName


def exchange(
    environment: Environment, credentials: BasicCredentials | None, parameters: Parameters
) -> dict[str, Any]:
    """The token response (RFC 6749 §5.1). Raises an `OAuthError`."""
    parsed = parameters.parsed_assertion
    lookup = _read(credentials, parsed)
    client = authenticate_client(credentials, parameters, environment, lookup)
    with known_client(client):
        parameters.count(client.client_id, parsed.claimed("sub") if parsed else "")
        if not client.application.uses_jwt_flow:
            raise flow_not_used()
        try:
            credential = verified_credential(parsed, environment, lookup)
        except InvalidGrant:
            # It counts against the app as well. An app that invents users must not get more.
            parameters.count(client.client_id)
            raise
        presented = Exchange(
            client,
            credential,
            lookup.policy,
            lookup.is_listed,
            timezone.now(),
            parameters.source,
        )
        if (refusal := first_refusal(presented)) is not None:
            raise refusal
        available = client.application.effective_scopes
        scopes = granted_scopes(presented, available, parameters.get("scope"))
        # *Test it now* has no source. It is not a use by an app, so it starts no grace period.
        is_first = credential.awaits_first_use and presented.source is not None
        grant = _first_granted if is_first else _granted
        return grant(presented, scopes, parameters, lookup.signing_key)


def _read(credentials: BasicCredentials | None, parsed: jose.ParsedToken | None) -> Lookup:
    # By what the request claims: nothing of it is verified yet.
    if credentials is None:
        return Lookup()
    return look_up_exchange(credentials.client_id, parsed.claimed("jti") if parsed else "")


@transaction.atomic
def _first_granted(
    exchange: Exchange,
    scopes: frozenset[AppScope],
    parameters: Parameters,
    signing_key: SigningKey | None,
) -> dict[str, Any]:
    """The first exchange of a replacement: granted and noted, or neither."""
    now = note_first_use(exchange.credential, at=exchange.at)
    refusal = first_refusal(replace(exchange, credential=now), [REVOCATION])
    if refusal is not None:
        raise refusal
    return _granted(exchange, scopes, parameters, signing_key)


def _granted(
    exchange: Exchange,
    scopes: frozenset[AppScope],
    parameters: Parameters,
    signing_key: SigningKey | None,
) -> dict[str, Any]:
    client, credential = exchange.client, exchange.credential
    session_id = uuid4()
    access_token = issue_access_token(
        credential,
        client,
        scopes=scopes,
        ttl=clamped_ttl(parameters.get("access_token_ttl")),
        session_id=session_id,
        at=exchange.at,
        source=exchange.source,
        signing_key=signing_key,
    )
    refresh_token = None
    if client.application.issues_refresh_tokens:
        refresh_token = issue_refresh_token(
            credential,
            client,
            session_id=session_id,
            scopes=scopes,
            lifetime=clamped_lifetime(parameters.get("refresh_token_ttl")),
            at=exchange.at,
        )
    return token_response(
        access_token,
        refresh_token,
        scopes=scopes,
        credential=credential,
        session_id=session_id,
    )


def granted_scopes(
    exchange: Exchange, available: frozenset[AppScope], requested: str | None
) -> frozenset[AppScope]:
    """What is available, or the part of it that was asked for."""
    names = [name for name in (requested or "").split(" ") if name]
    if not names:
        return available
    if excess := [name for name in names if name not in available]:
        raise InvalidScope(excess).about(credential_id=str(exchange.credential.pk))
    return effective_scopes(names)


GRANT = Grant(
    grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
    required_parameters=("assertion",),
    answer=exchange,
    kind="exchange",
    label="Exchange of a JWT credential",
    metric="jwt-bearer",
    checks=(
        CheckName.REQUEST,
        CheckName.CLIENT,
        CheckName.LIMIT,
        CheckName.FLOW,
        CheckName.SIGNATURE,
        CheckName.ENVIRONMENT,
        *STATE_CHECK_NAMES,
        CheckName.SCOPE,
        CheckName.PERMISSION,
    ),
)
