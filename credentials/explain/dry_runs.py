"""Exchanges tried from the console: *Test it now*, and a JWT that someone pasted.

A genuine credential that the viewer can't see looks exactly like a forged one.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from accounts.platform import built_in
from credentials import jose
from credentials.access import sees_client, sees_credential
from credentials.error_codes import entry_of
from credentials.explain.check_rows import EVERYTHING, CheckRow, rows_of, stopped_at
from credentials.explain.check_texts import Side, headline_of
from credentials.explain.fixes import FailedRequest, Fix, cause_of, fixes_of
from credentials.explain.requests import kind_of_grant
from credentials.models import Client, JwtCredential, Policy
from credentials.oauth import errors
from credentials.oauth.assertions import genuine_credential
from credentials.oauth.checks import (
    AUTHENTICATION_CHECKS,
    CHECKS,
    EXPIRY,
    PAUSE,
    REVOCATION,
    SIGNATURE,
    Exchange,
    Finding,
    Result,
    walk,
)
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants import jwt_bearer
from credentials.refused import CheckName, Reason, RefusedRequest

_KIND = kind_of_grant(jwt_bearer.GRANT)
_APP_CHECKS = tuple(check for check in AUTHENTICATION_CHECKS if _KIND.side(check.name) is Side.APP)
_CREDENTIAL_CHECKS = tuple(check for check in CHECKS if check not in _APP_CHECKS)

_SECRET_NOT_CHECKED = "A dry run doesn’t check the client secret."
_LINE_BREAK = (
    "The text that you pasted ends with a line break, which we ignored. If your app sends the line "
    "break too, the server refuses the JWT (JWT-101)."
)
_NO_APP_TO_SEE = "You can’t see an app with this client ID. Its owner can see these checks."
_NO_CREDENTIAL_TO_SEE = (
    "Either this server didn’t sign the JWT, or you can’t see the credential. Only a credential’s "
    "owner, and the Developer Admins and Auditors of the owner’s organization, can see it."
)


@dataclass(frozen=True)
class DryRun:
    """An exchange tried now, as one person can see it."""

    headline: str
    cause: str
    checks: list[CheckRow]
    fixes: list[Fix] = field(default_factory=list)
    passes: bool = False
    note: str = ""
    """About the text that was pasted."""


def dry_run(client: Client, credential: JwtCredential, viewer: Membership) -> DryRun:
    """Every check of an exchange at the credential's base URL, except for the client secret."""
    exchange = Exchange.read(credential.environment, client, credential, timezone.now())
    return _result(_with_notes(walk(exchange)), exchange, viewer)


def real_exchange(
    refusal: OAuthError | None, client: Client, credential: JwtCredential, viewer: Membership
) -> DryRun:
    """An exchange that the token endpoint answered; `refusal` is None if it granted a token."""
    exchange = Exchange.read(credential.environment, client, credential, timezone.now())
    findings = stopped_at(_KIND.checks, _failed_check(refusal), refusal)
    if refusal is None:
        # The token endpoint grants without these, because no app calls from an address.
        unknown = {CheckName.PERMISSION: _checked_at_calls()} | {
            found.check: found.note for found in walk(exchange) if found.result is Result.UNKNOWN
        }
        findings = [
            Finding(found.check, Result.UNKNOWN, note=unknown[found.check])
            if found.check in unknown
            else found
            for found in findings
        ]
    return _result(findings, exchange, viewer)


def _checked_at_calls() -> str:
    api = built_in.LABEL if settings.PLATFORM.built_in_api else "API"
    return f"The {api} checks this at each call."


def try_jwt(jwt: str, client_id: str, viewer: Membership) -> DryRun:
    """An exchange of a JWT that someone pasted, at the client's base URL."""
    tried = _tried(jwt.strip(), client_id, viewer)
    # Copying a line usually adds this, and so does a file that the app reads the JWT from.
    return replace(tried, note=_LINE_BREAK) if jwt.endswith(("\r", "\n")) else tried


def _tried(jwt: str, client_id: str, viewer: Membership) -> DryRun:
    if problem := jose.shape_problem(jwt):
        return _not_a_credential("This text isn’t a JWT from this server", problem)
    parsed = jose.parsed_or_none(jwt)
    if parsed is not None and parsed.token_type == jose.ACCESS_TOKEN_TYPE:
        return _not_a_credential(
            "This is an access token, not a credential",
            "The token identifies itself as an access token. Use the JWT credential as the "
            "assertion of an exchange, and send the access token in the Authorization header of "
            "a call.",
        )
    client = (
        Client.objects.select_related("application__organization", "application__owner")
        .filter(client_id=client_id)
        .first()
    )
    credential = _genuine(jwt)
    if credential is None or not sees_credential(viewer, credential):
        return _of_app_alone(client, viewer)
    at = timezone.now()
    if client is None:
        return _of_credential_alone(credential, at)
    exchange = Exchange.read(Environment(client.environment), client, credential, at)
    if sees_client(viewer, client):
        return _result(_with_notes(walk(exchange)), exchange, viewer)
    findings = walk(exchange, _CREDENTIAL_CHECKS)
    return _result([*_unseen_app(), *findings], exchange, viewer)


def _failed_check(refusal: OAuthError | None) -> CheckName | None:
    if refusal is None or refusal.facts.check:
        return CheckName(refusal.facts.check) if refusal else None
    entry = entry_of(refusal.code, refusal.error, rest=False)
    return entry.check if entry else None


def _genuine(jwt: str) -> JwtCredential | None:
    for environment in Environment:
        try:
            return genuine_credential(jwt, environment)
        except OAuthError:
            continue
    return None


def _not_a_credential(headline: str, problem: str) -> DryRun:
    rows = [CheckRow(_KIND.title(CheckName.SIGNATURE), Result.FAILED, problem)]
    fix = Fix("Copy the whole JWT from the page that shows it, as one line.")
    return DryRun(headline, problem, rows, [fix])


def _of_app_alone(client: Client | None, viewer: Membership) -> DryRun:
    # Nothing here may depend on the JWT.
    if client is None or not sees_client(viewer, client):
        findings, fixes = _unseen_app(), []
    else:
        without_credential = Exchange(
            Environment(client.environment),
            client,
            JwtCredential(),
            Policy(),
            False,
            timezone.now(),
        )
        findings = _with_notes(walk(without_credential, _APP_CHECKS))
        fixes = _fixes(findings, without_credential, viewer)
    return DryRun(
        "You can’t see a credential for this JWT",
        _NO_CREDENTIAL_TO_SEE,
        [
            *rows_of(findings, _KIND, EVERYTHING),
            CheckRow("Checks of the credential", Result.UNKNOWN, _NO_CREDENTIAL_TO_SEE),
        ],
        fixes,
    )


def _of_credential_alone(credential: JwtCredential, at: datetime) -> DryRun:
    # The owner learns at least whether the credential itself works.
    without_app = Exchange(credential.environment, Client(), credential, Policy(), False, at)
    no_client = errors.client_authentication_failed().about(reason=Reason.UNKNOWN_CLIENT)
    findings = [
        Finding(CheckName.CLIENT, Result.FAILED, no_client),
        *walk(without_app, (SIGNATURE, REVOCATION, EXPIRY, PAUSE)),
    ]
    fix = Fix("Copy the client ID from the app’s page.", reverse("credentials:applications"))
    rows = rows_of(findings, _KIND, EVERYTHING)
    return DryRun("No app has this client ID", "", rows, [fix])


def _unseen_app() -> list[Finding]:
    return [Finding(check.name, Result.UNKNOWN, note=_NO_APP_TO_SEE) for check in _APP_CHECKS]


def _with_notes(findings: list[Finding]) -> list[Finding]:
    client_passed = Finding(CheckName.CLIENT, Result.PASSED)
    return [
        replace(found, note=_SECRET_NOT_CHECKED) if found == client_passed else found
        for found in findings
    ]


def _result(findings: list[Finding], exchange: Exchange, viewer: Membership) -> DryRun:
    rows = rows_of(findings, _KIND, EVERYTHING)
    failed = _first_failed(findings)
    if failed is None:
        granted = (
            f"The {exchange.environment.label.lower()} token endpoint would grant an access token "
            "now, if the client secret is right."
        )
        return DryRun("Every check of the dry run passes", granted, rows, passes=True)
    check, refusal = failed
    return DryRun(
        headline_of(check, reason=refusal.facts.reason),
        _cause(check, refusal, exchange),
        rows,
        _fixes(findings, exchange, viewer),
    )


def _cause(check: CheckName, refusal: RefusedRequest, exchange: Exchange) -> str:
    if check is CheckName.ENVIRONMENT:
        # The caller may use either base URL, and gets a different error from each.
        here = exchange.environment.label.lower()
        home = exchange.credential.environment.label.lower()
        return (
            f"This is a {home} credential, but the client ID is for {here}. The {here} base URL "
            f"refuses the credential ({refusal.code}), and the {home} base URL refuses the client "
            f"ID ({errors.client_authentication_failed().code})."
        )
    return cause_of(check, exchange.credential, refusal.facts.reason) or refusal.message


def _first_failed(findings: list[Finding]) -> tuple[CheckName, RefusedRequest] | None:
    for found in findings:
        if isinstance(found.refusal, RefusedRequest):
            return found.check, found.refusal
    return None


def _fixes(findings: list[Finding], exchange: Exchange, viewer: Membership) -> list[Fix]:
    failed = _first_failed(findings)
    if failed is None:
        return []
    check, refusal = failed
    # How to fix an app names the app's owner.
    if _KIND.side(check) is Side.APP and not sees_client(viewer, exchange.client):
        return []
    request = FailedRequest(
        check=check,
        environment=exchange.environment,
        kind=_KIND,
        reason=refusal.facts.reason,
        client=exchange.client,
        credential=exchange.credential,
    )
    return list(fixes_of(request, viewer))
