"""Every error code of both APIs: its status, the check that failed, its cause and its fix. Pure.

The public page of error codes, the links in error bodies and *Why did my call fail?* read this
table; a test keeps `docs/reference/errors.md` in step with it.
"""

from dataclasses import dataclass

from django.conf import settings

from credentials.refused import CheckName

PAGE = "/docs/errors"


@dataclass(frozen=True)
class ErrorCode:
    code: str
    status: int
    error: str
    """RFC 6749 §5.2 or RFC 6750 §3.1; empty where neither has a word for it."""
    check: CheckName | None
    """The check that failed; None where the caller asked for something else than a right."""
    cause: str
    fix: str


_REQUEST = CheckName.REQUEST

AUTH_API: tuple[ErrorCode, ...] = (
    ErrorCode(
        "CMN-101",
        400,
        "invalid_request",
        _REQUEST,
        "A parameter is missing or empty, stands in the query string, or the body is not a form; "
        "or the client authenticates in two ways at once.",
        "Send a form body by POST with grant_type and assertion, and authenticate once.",
    ),
    ErrorCode(
        "OAU-111",
        400,
        "invalid_request",
        _REQUEST,
        "A parameter is repeated.",
        "Send every parameter once.",
    ),
    ErrorCode(
        "OAU-250",
        400,
        "unsupported_grant_type",
        _REQUEST,
        "The grant type is none that this server knows.",
        "Use urn:ietf:params:oauth:grant-type:jwt-bearer or refresh_token.",
    ),
    ErrorCode(
        "OAU-123",
        401,
        "invalid_client",
        CheckName.CLIENT,
        "The request carries no client authentication, or a malformed one.",
        "Send client ID and client secret by HTTP Basic, or both in the body.",
    ),
    ErrorCode(
        "OAU-146",
        401,
        "invalid_client",
        CheckName.CLIENT,
        "The client ID is unknown, suspended or of the other environment, or the secret is wrong.",
        "Compare with the app's page: each environment has its own client ID and secret.",
    ),
    ErrorCode(
        "OAU-251",
        400,
        "unauthorized_client",
        CheckName.FLOW,
        "The app does not use the JWT auth flow, or does not issue refresh tokens.",
        "Turn it on in the app's settings.",
    ),
    ErrorCode(
        "JWT-101",
        400,
        "invalid_grant",
        CheckName.SIGNATURE,
        "The assertion is not a credential of this server: malformed, forged, or changed.",
        "Copy the whole JWT again. One message for all, because it tells a forger nothing.",
    ),
    ErrorCode(
        "JWT-104",
        400,
        "invalid_grant",
        CheckName.ENVIRONMENT,
        "It is a genuine credential of the other environment.",
        "Use the base URL of the credential's environment, or a credential of this one.",
    ),
    ErrorCode(
        "JWT-102",
        400,
        "invalid_grant",
        CheckName.REVOCATION,
        "The credential has been revoked.",
        "Its history says by whom and why. Create another credential.",
    ),
    ErrorCode(
        "JWT-103",
        400,
        "invalid_grant",
        CheckName.EXPIRY,
        "The credential has expired.",
        "Create another credential and put it in its place.",
    ),
    ErrorCode(
        "JWT-105",
        400,
        "invalid_grant",
        CheckName.APP_ACCESS,
        "The app is not among those that may use the credential.",
        "Add the app's client ID on the credential's page.",
    ),
    ErrorCode(
        "JWT-106",
        400,
        "invalid_grant",
        CheckName.OWNER,
        "The credential's owner may not authenticate: deactivated, a console role below Developer, "
        "or a disabled account in this environment.",
        "An account administrator can mend it.",
    ),
    ErrorCode(
        "JWT-107",
        400,
        "invalid_grant",
        CheckName.POLICY,
        "A policy of the organization forbids it, or the app calls from a network that the policy "
        "or the credential does not allow.",
        "Create a credential that the policy allows, or call from an allowed network.",
    ),
    ErrorCode(
        "JWT-108",
        400,
        "invalid_grant",
        CheckName.TOKEN,
        "The refresh token is unknown, expired or revoked, or was used before.",
        "Present the JWT credential again.",
    ),
    ErrorCode(
        "CMN-301",
        429,
        "temporarily_unavailable",
        CheckName.LIMIT,
        "Too many requests of this user and app, or too many failed client authentications, in the "
        "window that the X-Rate-Limit headers tell.",
        "Wait as many seconds as Retry-After says. Keep an access token until it expires instead "
        "of exchanging for every call.",
    ),
    ErrorCode(
        "CMN-201",
        503,
        "temporarily_unavailable",
        None,
        "The database of the server is away, so nothing can be granted or refused for good.",
        "Ask again after as many seconds as Retry-After says; the same request may be sent again.",
    ),
    ErrorCode(
        "CMN-101",
        400,
        "invalid_scope",
        CheckName.SCOPE,
        "The request asks for a scope that the app does not have.",
        "Add the scope in the app's settings, or ask for less.",
    ),
)

REST_API: tuple[ErrorCode, ...] = (
    ErrorCode(
        "OAU-123",
        401,
        "",
        _REQUEST,
        "The call carries no access token.",
        "Send the header Authorization: Bearer with the access token.",
    ),
    ErrorCode(
        "OAU-149",
        401,
        "invalid_token",
        CheckName.SIGNATURE,
        "The token is not an access token of this environment: a JWT credential, a token of the "
        "other environment, or something else.",
        "Exchange the JWT credential first, at the same base URL.",
    ),
    ErrorCode(
        "OAU-210",
        401,
        "invalid_token",
        CheckName.TOKEN,
        "The access token has expired.",
        "Exchange the credential again, or refresh.",
    ),
    ErrorCode(
        "OAU-213",
        401,
        "invalid_token",
        CheckName.SESSION,
        "The access token has been revoked; or its credential, owner or app no longer stands; or a "
        "policy, or the network that the app calls from, forbids it now.",
        "Mend what no longer stands, then exchange the credential again.",
    ),
    ErrorCode(
        "CMN-401",
        403,
        "insufficient_scope",
        CheckName.SCOPE,
        "The app lacks the scope that the message names.",
        "Add the scope in the app's settings, then get a new token.",
    ),
    ErrorCode(
        "CMN-408",
        403,
        "",
        CheckName.PERMISSION,
        "The person behind the credential lacks the user permission that the message names.",
        "An account administrator can give a user role that has it.",
    ),
    ErrorCode(
        "CMN-102",
        404,
        "",
        None,
        "There is no such account or extension, or it belongs to another account.",
        "Use ~ for your own.",
    ),
    ErrorCode(
        "CMN-120",
        404,
        "",
        None,
        "There is no such address.",
        "Compare with the API reference.",
    ),
    ErrorCode(
        "CMN-101",
        400,
        "invalid_request",
        _REQUEST,
        "A parameter is invalid, which parameterName names; or the token stands in the query "
        "string.",
        "Correct it. A token belongs in the Authorization header.",
    ),
    ErrorCode(
        "CMN-301",
        429,
        "",
        CheckName.LIMIT,
        "Too many calls of this user through this app in the call's group.",
        "Wait as many seconds as Retry-After says.",
    ),
    ErrorCode(
        "CMN-103",
        400,
        "",
        None,
        "The JSON can't be parsed.",
        "Send valid JSON.",
    ),
    ErrorCode(
        "CMN-201",
        503,
        "",
        None,
        "The database of the server is away, so nothing can be granted or refused for good.",
        "Ask again after as many seconds as Retry-After says; the same request may be sent again.",
    ),
    ErrorCode(
        "CMN-500",
        500,
        "",
        None,
        "Something failed on our side.",
        "Tell the operator the request id.",
    ),
)


def api_tables() -> list[tuple[str, list[tuple[ErrorCode, str]]]]:
    """The table as the page shows it: by API, and with an anchor where a code comes first."""
    anchored: set[str] = set()

    def anchor(entry: ErrorCode) -> str:
        is_first = entry.code not in anchored
        anchored.add(entry.code)
        return entry.code if is_first else ""

    tables = (("Auth API", AUTH_API), ("REST API", REST_API))
    return [(name, [(entry, anchor(entry)) for entry in entries]) for name, entries in tables]


def help_url(code: str) -> str:
    """Where everyone can read about a code: the URI of RFC 6749 §5.2 `error_uri`."""
    return f"{settings.ORIGIN}{PAGE}#{code}"


def help_link(code: str) -> str:
    """The same as the value of a `Link` header (RFC 8288)."""
    return f'<{help_url(code)}>; rel="help"'


def entry_of(code: str, error: str, *, rest: bool) -> ErrorCode | None:
    """What the table says of an answer; `error` tells the two of one code apart."""
    entries = [entry for entry in (REST_API if rest else AUTH_API) if entry.code == code]
    return next((entry for entry in entries if entry.error == error), next(iter(entries), None))
