"""The JWT bearer grant (RFC 7523 §2.1): a credential in, an access token out.

The checks run in the order of `CHECKS` and the first that fails answers. The console's dry run
(*Test it now*) walks the same list, so it can't tell another story than the Auth API.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from accounts.environments import Environment, token_endpoint
from accounts.permissions import AppScope, effective_scopes
from credentials import jose
from credentials.actions.first_use import note_first_use
from credentials.actions.refresh_tokens import clamped_lifetime, issue_refresh_token
from credentials.actions.tokens import clamped_ttl, issue_access_token
from credentials.models import Client, JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
)
from credentials.oauth.grants.token_response import token_response
from credentials.oauth.parameters import Parameters

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REQUIRED_PARAMETERS = ("assertion",)

_NOT_A_CREDENTIAL = "The assertion is not a valid JWT credential of this authorization server."


@dataclass(frozen=True)
class Exchange:
    """A genuine credential presented by an authentic client at one moment.

    `source` is the address that the client called from; None if nobody knows it, as in a test
    from the console.
    """

    client: Client
    credential: JwtCredential
    at: datetime
    source: str | None = None


@dataclass(frozen=True)
class Check:
    """One condition; `refusal` answers the error of an exchange that does not meet it.

    `unknown` says why an exchange can't be judged here.
    """

    title: str
    refusal: Callable[[Exchange], OAuthError | None]
    unknown: Callable[[Exchange], str] | None = None


@dataclass(frozen=True)
class Finding:
    """What a dry run says of one check: `pass`, `fail`, or `skip`.

    Skipped is what comes after the first failure, and with a `note` what can't be known.
    """

    title: str
    result: str
    refusal: OAuthError | None = None
    note: str = ""


def grant(environment: Environment, client: Client, parameters: Parameters) -> dict[str, Any]:
    """The token response (RFC 6749 §5.1). Raises an `OAuthError`."""
    assertion = parameters.require("assertion")
    parameters.count(client.client_id, jose.claimed_subject(assertion))
    if (refused := flow_refusal(client)) is not None:
        raise refused
    try:
        credential = genuine_credential(assertion, environment)
    except InvalidGrant:
        # Whoever it claimed to be of, it is nobody's: an app can't multiply its limit.
        parameters.count(client.client_id)
        raise
    exchange = Exchange(client, credential, timezone.now(), parameters.source)
    require_standing(exchange)
    scopes = granted_scopes(client.application.effective_scopes, parameters.get("scope"))
    # A test from the console is no use by an app: it has no source, and starts no drain.
    if credential.awaits_first_use and exchange.source is not None:
        return _first_grant(exchange, scopes, parameters)
    return _granted(exchange, scopes, parameters)


@transaction.atomic
def _first_grant(
    exchange: Exchange, scopes: frozenset[AppScope], parameters: Parameters
) -> dict[str, Any]:
    """The first exchange of a replacement: granted and noted, or neither."""
    now = note_first_use(exchange.credential, at=exchange.at)
    if (refused := _revoked(replace(exchange, credential=now))) is not None:
        raise refused
    return _granted(exchange, scopes, parameters)


def _granted(
    exchange: Exchange, scopes: frozenset[AppScope], parameters: Parameters
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


def require_standing(exchange: Exchange) -> None:
    """Raise the refusal of the first check on state that fails; a refresh makes the same."""
    for check in CHECKS:
        if (refused := check.refusal(exchange)) is not None:
            raise refused


def dry_run(exchange: Exchange) -> list[Finding]:
    """Every check of a real exchange in its order, but for the client secret."""
    findings: list[Finding] = []
    failed = False
    for check in (*_BEFORE_STATE, *CHECKS):
        refusal = None if failed else check.refusal(exchange)
        note = check.unknown(exchange) if check.unknown else ""
        result = "skip" if failed or note else "fail" if refusal else "pass"
        findings.append(Finding(check.title, result, refusal, note))
        failed = failed or refusal is not None
    return findings


def flow_refusal(client: Client) -> OAuthError | None:
    if client.application.uses_jwt_flow:
        return None
    return UnauthorizedClient("This app does not use the JWT auth flow.")


def genuine_credential(assertion: str, environment: Environment) -> JwtCredential:
    """The row of a credential that we signed (RFC 7523 §3). Raises JWT-101 or JWT-104."""
    invalid = InvalidGrant("JWT-101", _NOT_A_CREDENTIAL)
    try:
        key = (
            SigningKey.objects.trusted()
            .filter(kid=jose.key_id(assertion), purpose=KeyPurpose.CREDENTIAL)
            .first()
        )
        if key is None:
            raise invalid
        claims = jose.verify(assertion, jwk=key.public_jwk, token_type=jose.CREDENTIAL_TYPE)
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
        )
    credential = _row(claims.get("jti"))
    if credential is None or credential.claims != claims:
        raise invalid
    return credential


def _row(jti: object) -> JwtCredential | None:
    try:
        pk = UUID(str(jti))
    except ValueError:
        return None
    return (
        JwtCredential.objects.select_related("extension__account", "extension__user__membership")
        .with_policy()
        .filter(pk=pk)
        .first()
    )


def granted_scopes(available: frozenset[AppScope], requested: str | None) -> frozenset[AppScope]:
    """What is available, or the part of it that was asked for."""
    names = [name for name in (requested or "").split(" ") if name]
    if not names:
        return available
    if excess := [name for name in names if name not in available]:
        raise InvalidScope(excess)
    return effective_scopes(names)


def _revoked(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    if credential.superseded_at is not None and credential.is_replaced(exchange.at):
        return InvalidGrant(
            "JWT-102",
            "This credential was replaced by another one and stopped working on "
            f"{credential.superseded_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.",
        )
    if not credential.is_revoked:
        return None
    return InvalidGrant("JWT-102", "This credential has been revoked.")


def _expired(exchange: Exchange) -> OAuthError | None:
    if not exchange.credential.is_expired(exchange.at):
        return None
    return InvalidGrant("JWT-103", "This credential has expired.")


def _not_permitted(exchange: Exchange) -> OAuthError | None:
    if exchange.credential.permits(exchange.client):
        return None
    return InvalidGrant("JWT-105", "This app is not permitted to use this credential.")


def _owner_may_not(exchange: Exchange) -> OAuthError | None:
    if exchange.credential.owner_stands:
        return None
    return InvalidGrant(
        "JWT-106",
        "The owner of this credential may not authenticate: the person, the console role or the "
        "account in this environment does not stand.",
    )


def _against_policy(exchange: Exchange) -> OAuthError | None:
    refusal = exchange.credential.policy_refusal
    return None if refusal is None else InvalidGrant("JWT-107", refusal)


def _from_elsewhere(exchange: Exchange) -> OAuthError | None:
    if exchange.source is None:
        return None
    refusal = exchange.credential.source_refusal(exchange.source)
    return None if refusal is None else InvalidGrant("JWT-107", refusal)


def _source_unknown(exchange: Exchange) -> str:
    if exchange.source is not None or not exchange.credential.limits_sources:
        return ""
    return (
        "Networks are limited, and from here nobody knows the address that the app calls from: "
        f"{exchange.credential.sources_in_words}."
    )


CHECKS: tuple[Check, ...] = (
    Check("The credential has not been revoked", _revoked),
    Check("The credential has not expired", _expired),
    Check("The app is permitted to use the credential", _not_permitted),
    Check("The owner may authenticate", _owner_may_not),
    Check("The organization's policy allows it", _against_policy),
    Check("The app calls from an allowed network", _from_elsewhere, _source_unknown),
)


def _client_refused(exchange: Exchange) -> OAuthError | None:
    if exchange.client.is_active and exchange.client.environment == exchange.credential.environment:
        return None
    return InvalidClient("OAU-146", "The client ID is suspended or of the other environment.")


def _flow_refused(exchange: Exchange) -> OAuthError | None:
    return flow_refusal(exchange.client)


def _not_genuine(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    try:
        genuine_credential(credential.encode(), credential.environment)
    except OAuthError as refusal:
        return refusal
    return None


# What `grant` and the client authentication before it check on the way to `CHECKS`.
_BEFORE_STATE: tuple[Check, ...] = (
    Check("The app's client ID is active in this environment", _client_refused),
    Check("The app uses the JWT auth flow", _flow_refused),
    Check("The signature and the claims are ours", _not_genuine),
)
