"""The checks of an exchange, in the order in which the first failure answers.

`CHECKS` is the only list of them. The token endpoint, a refresh, a call, *Test it now*, the dry run
of a pasted JWT and *Why did my call fail?* all go through it, so they can't disagree.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from django.conf import settings

from accounts.environments import Environment
from core import networks
from core.moments import in_words
from credentials.models import Client, JwtCredential, Policy
from credentials.models.app_access import AppAccess
from credentials.oauth import errors
from credentials.oauth.assertions import genuine_credential
from credentials.oauth.client_auth import unusable
from credentials.oauth.errors import InvalidGrant, OAuthError
from credentials.policy_rules import refusal_of_address, refusal_of_use
from credentials.refused import CheckName
from credentials.wording import networks_in_words


@dataclass(frozen=True)
class Exchange:
    """A credential that a client presents at one moment, with everything the checks read.

    `environment` is that of the base URL. `is_listed` says whether the credential's list of apps
    names the client. `source` is the address that the client calls from, or None if it is unknown,
    as in a dry run. `scope` is the parameter of the request, and `session_scope` what a refreshed
    session has.
    """

    environment: Environment
    client: Client
    credential: JwtCredential
    policy: Policy
    is_listed: bool
    at: datetime
    source: str | None = None
    scope: str | None = None
    session_scope: str | None = None

    @classmethod
    def read(
        cls,
        environment: Environment,
        client: Client,
        credential: JwtCredential,
        at: datetime,
        source: str | None = None,
    ) -> "Exchange":
        """For pages: the APIs read all of it in one statement (credentials/oauth/lookup.py)."""
        is_listed = credential.permitted.filter(client=client).exists()
        return cls(environment, client, credential, credential.policy, is_listed, at, source)

    @cached_property
    def app_scopes(self) -> frozenset[str]:
        """What the app has now, and of a session, no more than was granted (RFC 6749 §6)."""
        scopes = self.client.application.effective_scopes
        if self.session_scope is None:
            return scopes
        return scopes & settings.PLATFORM.effective_scopes(self.session_scope.split())

    @cached_property
    def available_scopes(self) -> frozenset[str]:
        return self.credential.within_ceiling(self.app_scopes)

    @property
    def requested_scopes(self) -> list[str]:
        return [name for name in self.scope.split(" ") if name] if self.scope else []

    @property
    def granted_scopes(self) -> frozenset[str]:
        """The requested scopes, or everything that is available, after the checks."""
        if not self.requested_scopes:
            return self.available_scopes
        return settings.PLATFORM.effective_scopes(self.requested_scopes)


class Result(StrEnum):
    PASSED = "pass"
    FAILED = "fail"
    NOT_REACHED = "skip"
    UNKNOWN = "unknown"


class CodedMessage(Protocol):
    # An error of an API, or its record in the database.
    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


@dataclass(frozen=True)
class Finding:
    check: CheckName
    result: Result
    refusal: CodedMessage | None = None
    note: str = ""


@dataclass(frozen=True)
class Check:
    name: CheckName
    refusal: Callable[[Exchange], OAuthError | None]
    """The error that answers an exchange which fails the check."""
    unknown: Callable[[Exchange], str] = lambda _: ""
    """Why the console can't run this check; empty if it can."""

    def finding(self, exchange: Exchange) -> Finding:
        if note := self.unknown(exchange):
            return Finding(self.name, Result.UNKNOWN, note=note)
        refusal = self.refusal(exchange)
        if refusal is None:
            return Finding(self.name, Result.PASSED)
        return Finding(self.name, Result.FAILED, refusal)


def _client_refusal(exchange: Exchange) -> OAuthError | None:
    reason = unusable(exchange.client, exchange.environment)
    return None if reason is None else errors.client_authentication_failed().about(reason=reason)


def _flow_refusal(exchange: Exchange) -> OAuthError | None:
    return None if exchange.client.application.uses_jwt_flow else errors.flow_not_used()


def refresh_flow_refusal(client: Client) -> OAuthError | None:
    """The error if the app doesn't use refresh tokens, or not the flow that they continue."""
    application = client.application
    if not application.issues_refresh_tokens:
        return errors.refresh_tokens_not_used()
    return None if application.uses_jwt_flow else errors.flow_not_used()


def _signature_refusal(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    if credential.signing_key.distrusted_at is not None:
        return errors.invalid_assertion()
    try:
        genuine_credential(credential.encode(), credential.environment)
    except OAuthError as refusal:
        return refusal
    return None


def _signature_unknown(exchange: Exchange) -> str:
    key = exchange.credential.signing_key
    if key.distrusted_at is not None or key.can_sign:
        return ""
    return (
        "The console can’t decrypt the key that signed this JWT, so it can’t sign the JWT again to "
        "check it. Apps that have the JWT can still use it."
    )


def _environment_refusal(exchange: Exchange) -> OAuthError | None:
    home = exchange.credential.environment
    return None if exchange.environment == home else errors.other_environment(home)


def _revocation_refusal(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    if credential.superseded_at is not None and credential.is_replaced(exchange.at):
        when = in_words(credential.superseded_at)
        return InvalidGrant(
            "JWT-102",
            f"This credential was replaced and stopped working on {when}. Use its replacement.",
        )
    return errors.credential_revoked() if credential.is_revoked else None


def _expiry_refusal(exchange: Exchange) -> OAuthError | None:
    return errors.credential_expired() if exchange.credential.is_expired(exchange.at) else None


def _pause_refusal(exchange: Exchange) -> OAuthError | None:
    until = exchange.credential.paused_until
    if until is None or exchange.at >= until:
        return None
    return InvalidGrant(
        "JWT-109",
        f"This credential is paused until {in_words(until)}. Wait until then, or ask the person "
        "who paused it to resume it.",
    )


def _app_access_refusal(exchange: Exchange) -> OAuthError | None:
    return None if _is_allowed(exchange) else errors.app_not_allowed()


def _is_allowed(exchange: Exchange) -> bool:
    credential, application = exchange.credential, exchange.client.application
    is_own = application.organization_id == credential.extension.account.organization_id
    if credential.app_access == AppAccess.ORGANIZATION:
        return is_own
    # An app that its provider made private again stays on the list, but no longer works.
    return exchange.is_listed and (is_own or application.is_public)


def _owner_refusal(exchange: Exchange) -> OAuthError | None:
    if exchange.credential.owner_can_authenticate:
        return None
    return InvalidGrant(
        "JWT-106",
        "The owner of this credential can't authenticate: their account is inactive, their console "
        "role does not allow it, or they have no enabled account in this environment. An account "
        "administrator can fix this. If the organization is suspended, only the operator can.",
    )


def _policy_refusal(exchange: Exchange) -> OAuthError | None:
    refusal = refusal_of_use(exchange.policy, exchange.credential)
    return None if refusal is None else InvalidGrant("JWT-107", refusal)


def _network_refusal(exchange: Exchange) -> OAuthError | None:
    if exchange.source is None:
        return None
    if refusal := refusal_of_address(exchange.policy, exchange.source):
        return InvalidGrant("JWT-107", refusal)
    if networks.allows(exchange.source, exchange.credential.allowed_networks):
        return None
    return InvalidGrant(
        "JWT-107",
        "This credential does not allow calls from the address "
        f"{exchange.source or 'unknown'}. Call from an allowed network.",
    )


def _network_unknown(exchange: Exchange) -> str:
    limits = networks_in_words(exchange.credential, exchange.policy)
    if exchange.source is not None or not limits:
        return ""
    return f"The console doesn’t know which address the app calls from: {limits}."


def _scope_refusal(exchange: Exchange) -> OAuthError | None:
    if excess := [name for name in exchange.requested_scopes if name not in exchange.app_scopes]:
        return errors.InvalidScope(excess)
    return None


def _ceiling_refusal(exchange: Exchange) -> OAuthError | None:
    if exchange.credential.ceiling is None:
        return None
    available = exchange.available_scopes
    if excess := [name for name in exchange.requested_scopes if name not in available]:
        return errors.RequestedScopeAboveCeiling(excess)
    return None if available else errors.nothing_within_ceiling()


SIGNATURE = Check(CheckName.SIGNATURE, _signature_refusal, _signature_unknown)
FLOW = Check(CheckName.FLOW, _flow_refusal)
# What an API verifies while it authenticates the client and the credential.
AUTHENTICATION_CHECKS: tuple[Check, ...] = (
    Check(CheckName.CLIENT, _client_refusal),
    FLOW,
    SIGNATURE,
    Check(CheckName.ENVIRONMENT, _environment_refusal),
)
REVOCATION = Check(CheckName.REVOCATION, _revocation_refusal)
EXPIRY = Check(CheckName.EXPIRY, _expiry_refusal)
PAUSE = Check(CheckName.PAUSE, _pause_refusal)
CEILING = Check(CheckName.CEILING, _ceiling_refusal)
# What must hold at every exchange, every refresh and every call.
STATE_CHECKS: tuple[Check, ...] = (
    REVOCATION,
    EXPIRY,
    PAUSE,
    Check(CheckName.APP_ACCESS, _app_access_refusal),
    Check(CheckName.OWNER, _owner_refusal),
    Check(CheckName.POLICY, _policy_refusal),
    Check(CheckName.NETWORK, _network_refusal, _network_unknown),
)
STATE_CHECK_NAMES = tuple(check.name for check in STATE_CHECKS)
# What an exchange or a refresh gets. A call needs the scopes of its own operation.
SCOPE_CHECKS: tuple[Check, ...] = (Check(CheckName.SCOPE, _scope_refusal), CEILING)
SCOPE_CHECK_NAMES = tuple(check.name for check in SCOPE_CHECKS)
# What the token endpoint checks after it has authenticated the client and the credential or token.
GRANT_CHECKS = STATE_CHECKS + SCOPE_CHECKS
CHECKS = AUTHENTICATION_CHECKS + GRANT_CHECKS
# What must hold for a token that was issued before.
ACCESS_TOKEN_CHECKS: tuple[Check, ...] = (FLOW, *STATE_CHECKS)
REFRESH_TOKEN_CHECKS: tuple[Check, ...] = (
    Check(CheckName.FLOW, lambda exchange: refresh_flow_refusal(exchange.client)),
    *STATE_CHECKS,
    CEILING,
)


def walk(exchange: Exchange, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """The finding of every check; those after the first failure are not reached."""
    findings: list[Finding] = []
    has_failed = False
    for check in checks:
        found = Finding(check.name, Result.NOT_REACHED) if has_failed else check.finding(exchange)
        has_failed = has_failed or found.result is Result.FAILED
        findings.append(found)
    return findings


def first_refusal(exchange: Exchange, checks: Iterable[Check] = STATE_CHECKS) -> OAuthError | None:
    """The refusal at which `walk` stops, for the APIs, which need nothing else."""
    for check in checks:
        if (refusal := check.refusal(exchange)) is not None:
            return refusal.about(check=check.name, credential_id=str(exchange.credential.pk))
    return None
