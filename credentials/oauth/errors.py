"""One error class for each code of RFC 6749 §5.2; docs/reference/errors.md lists the causes."""

from typing import Any, ClassVar

from accounts.permissions import AppScope
from core import database
from credentials.error_codes import help_url
from credentials.refused import RefusedRequest


class OAuthError(RefusedRequest):
    """Answers a request at the Auth API with this `error`, HTTP status and coded message."""

    error: ClassVar[str]
    status: ClassVar[int] = 400
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": self.message,
            "error_uri": help_url(self.code),
            "errors": [{"errorCode": self.code, "message": self.message}],
        }


class InvalidRequest(OAuthError):
    error = "invalid_request"

    def __init__(self, message: str, code: str = "CMN-101") -> None:
        super().__init__(code, message)


class PostOnly(InvalidRequest):
    """RFC 6749 §3.2: the client MUST use POST."""

    status = 405
    headers: ClassVar = {"Allow": "POST"}

    def __init__(self) -> None:
        super().__init__("Use POST.")


class ReadOnly(InvalidRequest):
    """What only tells something."""

    status = 405
    headers: ClassVar = {"Allow": "GET, HEAD"}

    def __init__(self) -> None:
        super().__init__("Use GET.")


class InvalidClient(OAuthError):
    """RFC 6749 §5.2: 401, and the scheme that the client may use."""

    error = "invalid_client"
    status = 401
    headers: ClassVar = {"WWW-Authenticate": 'Basic realm="Auth API", charset="UTF-8"'}


class UnsupportedGrantType(OAuthError):
    error = "unsupported_grant_type"

    def __init__(self, grant_type: str) -> None:
        super().__init__("OAU-250", f"The grant type {_printable(grant_type)} is not supported.")

    @property
    def recorded_message(self) -> str:
        return "The grant type is not supported."


class UnauthorizedClient(OAuthError):
    error = "unauthorized_client"

    def __init__(self, message: str) -> None:
        super().__init__("OAU-251", message)


class InvalidScope(OAuthError):
    error = "invalid_scope"

    def __init__(self, scopes: list[str]) -> None:
        names = ", ".join(_printable(scope) for scope in scopes[:5])
        super().__init__("CMN-101", f"The app does not have these scopes: {names}.")
        self.about(missing=" ".join(scope for scope in scopes if scope in set(AppScope))[:100])

    @property
    def recorded_message(self) -> str:
        return f"The app does not have these scopes: {self.known.missing or 'unknown ones'}."


class InvalidGrant(OAuthError):
    error = "invalid_grant"


class TemporarilyUnavailable(OAuthError):
    """Too many requests; the headers of the answer say when there is room again."""

    error = "temporarily_unavailable"
    status = 429

    def __init__(self, message: str) -> None:
        super().__init__("CMN-301", message)


class ServiceUnavailable(OAuthError):
    """The database is away, so nothing can be granted, or refused for good (RFC 9110 §15.6.4)."""

    error = "temporarily_unavailable"
    status = database.STATUS
    headers: ClassVar = database.HEADERS

    def __init__(self) -> None:
        super().__init__(database.CODE, database.AWAY_MESSAGE)


def _printable(text: str) -> str:
    """RFC 6749 §5.2: error_description excludes quotes, backslashes and non-ASCII characters."""
    kept = (char if " " <= char <= "~" and char not in '"\\' else "?" for char in text[:100])
    return "'" + "".join(kept) + "'"
