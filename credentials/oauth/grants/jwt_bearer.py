"""The JWT bearer grant (RFC 7523 §2.1): a credential in, an access token out.

The exchange from top to bottom: `exchange` reads all that decides in one statement, authenticates
the client and checks in order; the first check that fails answers. What passes is signed and
counted in `_granted`.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from accounts.environments import Environment, token_endpoint
from accounts.permissions import AppScope, effective_scopes
from credentials import jose
from credentials.actions.refresh_tokens import clamped_lifetime, issue_refresh_token
from credentials.actions.superseding import note_first_use
from credentials.actions.tokens import clamped_ttl, issue_access_token
from credentials.models import Client, JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.checks import CHECKS, Exchange, revoked_refusal
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.errors import (
    InvalidGrant,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
)
from credentials.oauth.grants.token_response import token_response
from credentials.oauth.keys import trusted_key
from credentials.oauth.lookup import Lookup, look_up_exchange
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import CheckName

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REQUIRED_PARAMETERS = ("assertion",)

_NOT_A_CREDENTIAL = "The assertion is not a valid JWT credential of this authorization server."


def exchange(
    environment: Environment, credentials: BasicCredentials | None, parameters: Parameters
) -> dict[str, Any]:
    """The token response (RFC 6749 §5.1). Raises an `OAuthError`."""
    parsed = parameters.parsed_assertion
    lookup = _read(credentials, parsed)
    client = authenticate_client(credentials, parameters, environment, lookup)
    with known_client(client):
        parameters.count(client.client_id, parsed.claimed("sub") if parsed else "")
        if (refused := flow_refusal(client)) is not None:
            raise refused
        try:
            credential = _genuine(parsed, environment, lookup)
        except InvalidGrant:
            # Whoever it claimed to be of, it is nobody's: an app can't multiply its limit.
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
        require_valid(presented)
        available = client.application.effective_scopes
        scopes = granted_scopes(presented, available, parameters.get("scope"))
        # A test from the console is no use by an app: it has no source, and starts no grace period.
        is_first = credential.awaits_first_use and presented.source is not None
        grant = _first_granted if is_first else _granted
        return grant(presented, scopes, parameters, lookup.signing_key)


def _read(credentials: BasicCredentials | None, parsed: jose.ParsedToken | None) -> Lookup:
    """The client and the credential, by what is claimed; nothing of it is verified yet."""
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
    if (refused := revoked_refusal(replace(exchange, credential=now))) is not None:
        raise refused.about(check=CheckName.REVOCATION, credential_id=str(exchange.credential.pk))
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


def require_valid(exchange: Exchange) -> None:
    """Raise the refusal of the first check on state that fails; a refresh makes the same."""
    for check in CHECKS:
        if (refused := check.refusal(exchange)) is not None:
            raise refused.about(check=check.name, credential_id=str(exchange.credential.pk))


def flow_refusal(client: Client) -> OAuthError | None:
    if client.application.uses_jwt_flow:
        return None
    return UnauthorizedClient("This app does not use the JWT auth flow.")


def genuine_credential(assertion: str, environment: Environment) -> JwtCredential:
    """The row of a credential that we signed (RFC 7523 §3). Raises JWT-101 or JWT-104."""
    return _genuine(Parameters({"assertion": assertion}).parsed_assertion, environment, None)


def _genuine(
    parsed: jose.ParsedToken | None, environment: Environment, lookup: Lookup | None
) -> JwtCredential:
    """The same of an assertion taken apart; `lookup` is what was read for it, if that was."""
    invalid = InvalidGrant("JWT-101", _NOT_A_CREDENTIAL)
    key = trusted_key(parsed.kid, KeyPurpose.CREDENTIAL, lookup) if parsed else None
    if parsed is None or key is None:
        raise invalid
    try:
        claims = jose.verify_parsed(parsed, jwk=key.public_jwk, token_type=jose.CREDENTIAL_TYPE)
    except jose.InvalidToken as error:
        raise invalid from error
    home = Environment(key.environment)
    issuer = claims.get("iss")
    if issuer not in home.urls.accepted_base_urls or claims.get("aud") != token_endpoint(issuer):
        raise invalid
    if home is not environment:
        raise InvalidGrant(
            "JWT-104",
            f"This is a {home.label.lower()} credential; use it with the {home.label.lower()} "
            "base URL.",
        ).about(credential_id=str(claims.get("jti")))
    credential = lookup.credential if lookup else _row(claims.get("jti"))
    if credential is None or credential.claims != claims:
        raise invalid
    return credential


def _row(jti: object) -> JwtCredential | None:
    try:
        pk = UUID(str(jti))
    except ValueError:
        return None
    return JwtCredential.objects.presented(pk)


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
