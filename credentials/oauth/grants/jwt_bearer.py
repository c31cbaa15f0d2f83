"""The JWT bearer grant (RFC 7523 §2.1): exchanges a credential for an access token.

Read `exchange` from top to bottom. It reads everything that decides in one statement, authenticates
the client, and goes through the checks in their order. `_granted` signs and counts what passes.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.environments import Environment
from credentials.actions.refresh_tokens import clamped_lifetime, issue_refresh_token
from credentials.actions.superseding import note_first_use
from credentials.damage import note_damage
from credentials.models import SigningKey
from credentials.models.refresh_tokens import TokenSession
from credentials.oauth.assertions import verified_credential
from credentials.oauth.checks import (
    GRANT_CHECKS,
    REVOCATION,
    SCOPE_CHECK_NAMES,
    STATE_CHECK_NAMES,
    Exchange,
    first_refusal,
)
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.errors import InvalidGrant, flow_not_used
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
    # By what the request claims: nothing of it is verified yet.
    jti = parsed.claimed("jti") if parsed else ""
    lookup = look_up_exchange(credentials.client_id, jti) if credentials else Lookup()
    client = authenticate_client(credentials, parameters, environment, lookup)
    with known_client(client):
        parameters.count(client.client_id, parsed.claimed("sub") if parsed else "")
        if not client.application.uses_jwt_flow:
            raise flow_not_used()
        try:
            credential = verified_credential(parsed, environment, lookup)
        except InvalidGrant as error:
            note_damage(error, assertion=parameters.require("assertion"))
            # It counts against the app as well. An app that invents users must not get more.
            parameters.count(client.client_id)
            raise
        presented = Exchange(
            environment,
            client,
            credential,
            lookup.policy,
            lookup.is_listed,
            timezone.now(),
            parameters.source,
            parameters.get("scope"),
        )
        if (refusal := first_refusal(presented, GRANT_CHECKS)) is not None:
            raise refusal
        # *Test it now* has no source. It is not a use by an app, so it starts no grace period.
        is_first = credential.awaits_first_use and presented.source is not None
        if not is_first:
            return _granted(presented, parameters, lookup.signing_key)
        # Both or neither: the token is granted, and the first use of the replacement is noted.
        with transaction.atomic():
            now = note_first_use(credential, at=presented.at)
            if refusal := first_refusal(replace(presented, credential=now), [REVOCATION]):
                raise refusal
            return _granted(presented, parameters, lookup.signing_key)


def _granted(
    exchange: Exchange, parameters: Parameters, signing_key: SigningKey | None
) -> dict[str, Any]:
    session, scopes = TokenSession.starting(exchange.at), exchange.granted_scopes
    new_refresh_token = None
    if exchange.client.application.issues_refresh_tokens:
        new_refresh_token = partial(
            issue_refresh_token,
            exchange.credential,
            exchange.client,
            session=session,
            scopes=scopes,
            lifetime=clamped_lifetime(parameters.get("refresh_token_ttl")),
            source=exchange.source,
        )
    return token_response(
        exchange,
        parameters,
        new_refresh_token,
        scopes=scopes,
        session=session,
        signing_key=signing_key,
    )


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
        *SCOPE_CHECK_NAMES,
        CheckName.AUDIENCE,
        CheckName.PERMISSION,
    ),
)
