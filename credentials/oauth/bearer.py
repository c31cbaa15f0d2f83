"""Authenticates an access token (RFC 6750, RFC 9068 §4), and determines what it can do now.

A valid signature isn't enough. Every call reads the key, the credential, its owner, the app, the
allow-list, the policy and the session again, in one statement (credentials/oauth/lookup.py), so a
change takes effect on the next request.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Extension
from accounts.platform import built_in
from core.origin import client_ip
from credentials import jose
from credentials.damage import note_damage
from credentials.models import Client, JwtCredential
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.checks import ACCESS_TOKEN_CHECKS, Exchange, first_refusal
from credentials.oauth.lookup import Lookup, look_up_call, trusted_key
from credentials.oauth.parameters import authorization
from credentials.refused import CheckName, Reason, RefusedRequest

REQUIRED_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "credential_id"}
)

# Parameters of the Auth API that hold one; no call has a parameter of these names.
SECRETS = frozenset({"access_token", "assertion", "client_secret", "refresh_token", "token"})
# A name can be percent-encoded.
_MAY_NAME_SECRET = re.compile("%|token|assertion|client_secret")


class BearerError(RefusedRequest):
    """A call refused for its token or for what the token can't do (RFC 6750 §3)."""

    status: ClassVar[int]
    rfc_error: ClassVar[str] = ""
    challenge: str = ""
    """The value of `WWW-Authenticate`; empty for a call whose token is good."""

    def __init__(self, code: str, message: str, *, permission_name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.permission_name = permission_name


def bearer_challenge(**parameters: str) -> str:
    """The value of `WWW-Authenticate` with these parameters (RFC 6750 §3)."""
    realm = built_in.LABEL if settings.PLATFORM.built_in_api else "API"
    named = {"realm": realm, **parameters}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items())


class MissingToken(BearerError):
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "OAU-123",
            "The call does not have an access token. Send one in the Authorization: Bearer header.",
        )
        self.challenge = bearer_challenge()


class SecretInQuery(BearerError):
    # RFC 6750 §2.3 allows a token there, and warns against it.
    status = 400
    rfc_error = "invalid_request"

    def __init__(self) -> None:
        super().__init__(
            "CMN-101",
            "The query string has a token or a secret, which would end up in logs. Send an access "
            "token in the Authorization header.",
        )
        self.challenge = bearer_challenge(error=self.rfc_error)


class InvalidAccessToken(BearerError):
    status = 401
    rfc_error = "invalid_token"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.challenge = bearer_challenge(error=self.rfc_error, error_description=message)


def access_token_expired() -> InvalidAccessToken:
    return InvalidAccessToken(
        "OAU-210", "The access token has expired. Exchange the JWT credential again, or refresh."
    )


class ScopeMissing(BearerError):
    status = 403
    rfc_error = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        """`scope` names one scope, or several with spaces in between."""
        super().__init__(
            "CMN-401",
            f"The app does not have the app scope [{scope}]. Add the scope in the app's settings.",
            permission_name=scope,
        )
        self.challenge = bearer_challenge(error=self.rfc_error, scope=scope)
        self.about(missing=scope)


class ScopeAboveCeiling(BearerError):
    """The app has the scope, but the credential's ceiling doesn't include it."""

    status = 403
    rfc_error = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        """`scope` names one scope, or several with spaces in between."""
        super().__init__(
            "CMN-401",
            f"The credential's ceiling does not include the app scope [{scope}]. Ask the "
            "credential's owner to add it.",
            permission_name=scope,
        )
        self.challenge = bearer_challenge(error=self.rfc_error, scope=scope)
        self.about(missing=scope, check=CheckName.CEILING)


class PermissionMissing(BearerError):
    status = 403

    def __init__(self, permission: str) -> None:
        super().__init__(
            "CMN-408",
            f"The user does not have the user permission [{permission}]. An account administrator "
            "can grant a user role that has it.",
            permission_name=permission,
        )
        self.about(missing=permission)


class OperationRefused(BearerError):
    """The API doesn't have the operation, or it's unclear which operation is meant."""

    status = 403

    def __init__(self, message: str) -> None:
        super().__init__("CMN-402", message)


class TooManyCalls(BearerError):
    status = 429

    def __init__(self, message: str) -> None:
        super().__init__("CMN-301", message)


@dataclass(frozen=True)
class Bearer:
    """The caller, the app and the scopes of an access token that is valid now."""

    claims: jose.Claims
    credential: JwtCredential
    extension: Extension
    client: Client
    scopes: frozenset[str]

    @property
    def credential_id(self) -> UUID:
        return self.credential.pk

    def require_audience(self, audience: str = "") -> None:
        """Require a token for the built-in API, or else for the API with this audience."""
        accepted = {f"{self.claims['iss']}/restapi", audience}
        if accepted.isdisjoint(audience_of(self.claims)):
            raise self.refused(_other_audience())

    def require_scope(self, scope: str) -> None:
        if scope not in self.scopes:
            raise self.scopes_missing(frozenset({scope}))

    def scopes_missing(self, missing: frozenset[str]) -> BearerError:
        """The error of a call that needs these scopes too."""
        names = settings.PLATFORM.scope_string(missing)
        # As in an exchange, the app's own scopes come first.
        within = self.credential.within_ceiling(missing)
        if within != missing and missing <= self.client.application.effective_scopes:
            above = settings.PLATFORM.scope_string(missing - within)
            return self.refused(ScopeAboveCeiling(above))
        return self.refused(ScopeMissing(names))

    def require_permission(self, permission: str) -> None:
        if not self.extension.role.covers(permission):
            lacked = built_in.WHOLE_OF.get(permission, permission)
            raise self.refused(PermissionMissing(lacked))

    def refused(self, error: BearerError) -> BearerError:
        """The error, with the facts about this bearer that its record needs."""
        return error.about(**_facts(self.claims))


def authenticate(
    request: HttpRequest, environment: Environment, *, at: datetime | None = None
) -> Bearer:
    """The bearer of a request to this environment. Raises a `BearerError` of status 401."""
    source = client_ip(request) or ""
    bearer = authenticate_token(token_of(request), environment, source=source, at=at)
    bearer.require_audience()
    return bearer


def authenticate_token(
    token: str,
    environment: Environment,
    *,
    lookup: Lookup | None = None,
    source: str | None = None,
    at: datetime | None = None,
) -> Bearer:
    """The bearer of an access token of this environment. Raises `InvalidAccessToken`.

    It doesn't check for which APIs the token is: see `audience_of`.
    `lookup` is what was read for this request of what the token names, if it was. `source` is the
    address that the app called from; None if it is unknown, as when a resource server asks.
    """
    at = at or timezone.now()
    parsed, lookup = _presented(token, lookup)
    claims = _verified_claims(parsed, lookup, environment)
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= at.timestamp():
        raise access_token_expired().about(**_facts(claims))
    return _active_bearer(claims, environment, lookup, source, at)


def refuse_secrets_in_query(request: HttpRequest) -> None:
    # Even if the call would work: developers who read the refusal stop sending secrets there.
    if query := request.META.get("QUERY_STRING"):
        refuse_secrets_in(query)


def refuse_secrets_in(query: str) -> None:
    """Raises `SecretInQuery` if a parameter of a query string holds a secret."""
    # Few queries can name one, so the others needn't be parsed.
    if not _MAY_NAME_SECRET.search(query):
        return
    names = [name for name, _value in parse_qsl(query, keep_blank_values=True)]
    if not SECRETS.isdisjoint(names):
        raise SecretInQuery


def audience_of(claims: jose.Claims) -> tuple[str, ...]:
    """The audiences of the APIs that an access token is for (RFC 7519 §4.1.3)."""
    audience = claims["aud"]
    if isinstance(audience, str):
        return (audience,)
    listed = audience if isinstance(audience, tuple) else ()
    return tuple(each for each in listed if isinstance(each, str))


def token_of(request: HttpRequest) -> str:
    """The access token in the `Authorization` header. Raises `MissingToken` or `SecretInQuery`."""
    refuse_secrets_in_query(request)
    scheme, token = authorization(request)
    if scheme == "bearer" and token:
        return token
    refusal = MissingToken()
    if scheme and not token and scheme != "bearer":
        refusal.hint = (
            "The Authorization header does not name its scheme. Begin it with Bearer and a space."
        )
    raise refusal


def verified_claims(
    token: str, environment: Environment, lookup: Lookup | None = None
) -> jose.Claims:
    """The claims of an access token that we signed for this environment, expired or not."""
    parsed, lookup = _presented(token, lookup)
    return _verified_claims(parsed, lookup, environment)


def _presented(token: str, lookup: Lookup | None) -> tuple[jose.ParsedToken, Lookup]:
    # One statement reads the rows that the token names, before anything of it is verified.
    try:
        parsed = jose.parse_token(token)
    except jose.InvalidToken as error:
        raise note_damage(_not_ours(), access_token=token) from error
    if not parsed.kid:
        raise _not_ours()
    return parsed, look_up_call(parsed) if lookup is None else lookup


def _not_ours() -> InvalidAccessToken:
    return InvalidAccessToken(
        "OAU-149",
        "This is not an access token for this environment. Exchange a JWT credential at the same "
        "base URL.",
    )


def _other_audience() -> InvalidAccessToken:
    refusal = InvalidAccessToken(
        "OAU-149",
        "This access token is for another API. Get one for this API: name it in the parameter "
        "resource, or leave the parameter out.",
    )
    refusal.about(check=CheckName.AUDIENCE, reason=Reason.OTHER_AUDIENCE)
    return refusal


def _verified_claims(
    parsed: jose.ParsedToken, lookup: Lookup, environment: Environment
) -> jose.Claims:
    key = trusted_key(parsed.kid, KeyPurpose.ACCESS_TOKEN, lookup)
    if key is None:
        is_credential = parsed.token_type == jose.CREDENTIAL_TYPE
        raise _not_ours().about(reason=Reason.CREDENTIAL_AS_TOKEN if is_credential else "")
    try:
        claims = jose.verify_parsed(parsed, jwk=key.public_jwk, token_type=jose.ACCESS_TOKEN_TYPE)
    except jose.InvalidToken as error:
        raise _not_ours() from error
    if not claims.keys() >= REQUIRED_CLAIMS:
        raise _not_ours()
    home = Environment(key.environment)
    if claims["iss"] not in home.urls.accepted_base_urls:
        raise _not_ours()
    if home is not environment:
        raise _not_ours().about(
            check=CheckName.ENVIRONMENT, reason=Reason.OTHER_ENVIRONMENT, **_facts(claims)
        )
    return claims


def _facts(claims: jose.Claims) -> dict[str, str | bool]:
    return {
        "client_id": claims["client_id"],
        "credential_id": claims["credential_id"],
        "is_authentic": True,
    }


def _active_bearer(
    claims: jose.Claims,
    environment: Environment,
    lookup: Lookup,
    source: str | None,
    at: datetime,
) -> Bearer:
    client, credential = lookup.client, lookup.credential
    if credential is None or client is None or str(credential.extension_id) != claims["sub"]:
        raise _revoked(claims, CheckName.SESSION, Reason.CREDENTIAL_GONE)
    if lookup.session_has_ended:
        raise _revoked(claims, CheckName.SESSION, Reason.SESSION_ENDED)
    if not client.is_active:
        raise _revoked(claims, CheckName.CLIENT, Reason.SUSPENDED)
    if client.application.is_suspended:
        raise _revoked(claims, CheckName.CLIENT, Reason.SUSPENDED_BY_OPERATOR)
    exchange = Exchange(
        environment, client, credential, lookup.policy, lookup.is_listed, at, source
    )
    if (refusal := first_refusal(exchange, ACCESS_TOKEN_CHECKS)) is not None:
        raise _revoked(claims, refusal.facts.check)
    # For the log line of the request. At introspection, it's the client that asks.
    if "client_id" not in structlog.contextvars.get_contextvars():
        structlog.contextvars.bind_contextvars(client_id=client.client_id)
    granted = settings.PLATFORM.effective_scopes(str(claims["scope"]).split())
    scopes = credential.within_ceiling(granted & client.application.effective_scopes)
    return Bearer(claims, credential, credential.extension, client, scopes)


def _revoked(claims: jose.Claims, check: str, reason: str = "") -> InvalidAccessToken:
    # One message for every cause, because the app's developers must not learn about the credential.
    revoked = InvalidAccessToken(
        "OAU-213",
        "This access token no longer works: it was revoked, or its credential, its owner, its app "
        "or the address of the call is no longer allowed. Exchange the credential again to see "
        "why.",
    )
    revoked.about(check=check, reason=reason, **_facts(claims))
    return revoked
