"""The errors of the Auth API: a class for each `error` of RFC 6749 §5.2.

`errorCode` tells the causes of one `error` apart (credentials/error_codes.py). A message says what
went wrong, why, and what to do next. Functions give the messages that several modules need.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.conf import settings

from accounts.environments import Environment
from core import database
from credentials.error_codes import help_url
from credentials.refused import CheckName, Reason, RefusedRequest


class OAuthError(RefusedRequest):
    """Answers a request at the Auth API with this `error`, HTTP status and coded message."""

    error: ClassVar[str]
    status: ClassVar[int] = 400
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": self.full_message,
            "error_uri": help_url(self.code),
            "errors": [{"errorCode": self.code, "message": self.message}],
        }


class InvalidRequest(OAuthError):
    error = "invalid_request"

    def __init__(self, message: str, code: str = "CMN-101") -> None:
        super().__init__(code, message)


class WrongMethod(InvalidRequest):
    status = 405

    def __init__(self, *allowed: str) -> None:
        method = allowed[0]
        super().__init__(f"This endpoint only accepts {method}. Send the request with {method}.")
        self.headers = {"Allow": ", ".join(allowed)}


class CompressedBody(InvalidRequest):
    # RFC 9110 §15.5.16: the answer names the coding that the client can use.
    status = 415
    headers = MappingProxyType({"Accept-Encoding": "identity"})


class InvalidClient(OAuthError):
    # RFC 6749 §5.2: the answer names the scheme that the client can use.
    error = "invalid_client"
    status = 401
    headers = MappingProxyType({"WWW-Authenticate": 'Basic realm="Auth API", charset="UTF-8"'})


class UnsupportedGrantType(OAuthError):
    error = "unsupported_grant_type"

    def __init__(self, grant_type: str, supported: Iterable[str]) -> None:
        self._advice = f"Use {' or '.join(supported)}."
        message = f"The grant type {_printable(grant_type)} is not supported. {self._advice}"
        super().__init__("OAU-250", message)

    @property
    def recorded_message(self) -> str:
        return f"The grant type is not supported. {self._advice}"


class UnauthorizedClient(OAuthError):
    error = "unauthorized_client"


class InvalidScope(OAuthError):
    error = "invalid_scope"

    def __init__(self, scopes: list[str]) -> None:
        names = ", ".join(_printable(scope) for scope in scopes[:5])
        super().__init__("CMN-101", self._message(names))
        known = [scope for scope in scopes if scope in settings.PLATFORM.scopes]
        self.about(missing=" ".join(known)[:100])

    @property
    def recorded_message(self) -> str:
        return self._message(self.facts.missing or "unknown ones")

    @staticmethod
    def _message(scopes: str) -> str:
        return (
            f"The app does not have these scopes: {scopes}. Add them in the app's settings, or "
            "request fewer."
        )


class RequestedScopeAboveCeiling(InvalidScope):
    """The app has the scopes, but the credential's ceiling doesn't include them."""

    def __init__(self, scopes: list[str]) -> None:
        super().__init__(scopes)
        self.about(check=CheckName.CEILING)

    @staticmethod
    def _message(scopes: str) -> str:
        return (
            f"The credential's ceiling does not include these scopes: {scopes}. Ask the "
            "credential's owner to add them, or request fewer."
        )


class TooManyScopes(OAuthError):
    """The scopes and the APIs that use them don't fit into an access token."""

    error = "invalid_scope"

    def __init__(self) -> None:
        super().__init__(
            "CMN-101",
            "These scopes do not fit into an access token. Request fewer with the parameter scope, "
            "or name one API in the parameter resource.",
        )
        self.about(check=CheckName.REQUEST, reason=Reason.TOO_MANY_SCOPES)


class InvalidTarget(OAuthError):
    # RFC 8707 §2.
    error = "invalid_target"
    _advice = "Send the audience of one of its APIs, or leave the parameter out."

    def __init__(self, resource: str) -> None:
        platform = f"{_printable(resource)} is not an API of this platform."
        super().__init__("CMN-101", f"The resource {platform} {self._advice}")

    @property
    def recorded_message(self) -> str:
        return f"The resource is not an API of this platform. {self._advice}"


class InvalidGrant(OAuthError):
    error = "invalid_grant"


class TemporarilyUnavailable(OAuthError):
    error = "temporarily_unavailable"
    status = 429


class ServiceUnavailable(OAuthError):
    """The server can't reach its database, so it refuses nothing for good (RFC 9110 §15.6.4)."""

    error = "temporarily_unavailable"
    status = database.STATUS
    headers = database.HEADERS


def client_authentication_failed() -> InvalidClient:
    return InvalidClient(
        "OAU-146",
        "Client authentication failed: the client ID is unknown, suspended or belongs to the other "
        "environment, or the client secret is wrong. Check both against the app's page.",
    )


def flow_not_used() -> UnauthorizedClient:
    return UnauthorizedClient(
        "OAU-251",
        "This app does not use the JWT auth flow. Turn the flow on in the app's settings.",
    )


def refresh_tokens_not_used() -> UnauthorizedClient:
    return UnauthorizedClient(
        "OAU-251",
        "This app does not use refresh tokens. Turn them on in the app's settings.",
    ).about(reason=Reason.NO_REFRESH_TOKENS)


def not_a_resource_server() -> UnauthorizedClient:
    return UnauthorizedClient(
        "OAU-251",
        "Only resource servers can use this endpoint. Ask the operator to mark this client as one.",
    ).about(reason=Reason.NOT_A_RESOURCE_SERVER)


def other_environment(home: Environment) -> InvalidGrant:
    where = home.label.lower()
    return InvalidGrant(
        "JWT-104", f"This is a {where} credential. Use it with the {where} base URL."
    )


def credential_revoked() -> InvalidGrant:
    return InvalidGrant("JWT-102", "This credential has been revoked. Use another credential.")


def invalid_assertion() -> InvalidGrant:
    # One message for every cause, because a forger must not learn which one it was.
    return InvalidGrant(
        "JWT-101",
        "The assertion is not a valid JWT credential of this authorization server. Copy the whole "
        "JWT again.",
    )


def credential_expired() -> InvalidGrant:
    return InvalidGrant("JWT-103", "This credential has expired. Use another credential.")


def app_not_allowed() -> InvalidGrant:
    return InvalidGrant(
        "JWT-105",
        "This app is not allowed to use this credential. Ask the credential's owner to add the "
        "app's client ID to it.",
    )


def nothing_within_ceiling() -> InvalidGrant:
    return InvalidGrant(
        "JWT-110",
        "The credential's ceiling includes none of this app's scopes. Ask the credential's owner "
        "to add one to it.",
    ).about(reason=Reason.NOTHING_WITHIN_CEILING)


def refresh_token_invalid(reason: Reason | str = "") -> InvalidGrant:
    return InvalidGrant(
        "JWT-108",
        "The refresh token is unknown, expired, used, or revoked. Exchange the JWT credential "
        "again.",
    ).about(reason=reason)


def _printable(text: str) -> str:
    # RFC 6749 §5.2: error_description excludes quotes, backslashes and non-ASCII characters.
    kept = (char if " " <= char <= "~" and char not in '"\\' else "?" for char in text[:100])
    return "'" + "".join(kept) + "'"
