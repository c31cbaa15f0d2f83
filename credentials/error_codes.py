"""Every error code of both APIs: its status, the check that failed, its cause and how to fix it.

Everything that lists error codes reads these rows: the public page, the links in error bodies, *Why
did my call fail?*, and docs/reference/errors.md, which `UPDATE_DOCS=1` rewrites
(tests/house/test_error_docs.py).
"""

from dataclasses import dataclass
from functools import partial

from django.conf import settings

from accounts.platform import built_in
from credentials.refused import CheckName

PAGE = "/docs/errors"


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    code: str
    status: int = 400
    error: str = ""
    """RFC 6749 §5.2 or RFC 6750 §3.1; empty where neither names the error."""
    check: CheckName | None = None
    """None for an error about what a call asks for, or of the server itself."""
    cause: str
    fix: str
    is_of_built_in_api: bool = False


_invalid_grant = partial(ErrorCode, error="invalid_grant")

AUTH_API: tuple[ErrorCode, ...] = (
    ErrorCode(
        code="CMN-101",
        error="invalid_request",
        check=CheckName.REQUEST,
        cause="The request has the wrong format. The message says why.",
        fix="POST the grant’s parameters form-encoded, and use only one client authentication "
        "method.",
    ),
    ErrorCode(
        code="OAU-111",
        error="invalid_request",
        check=CheckName.REQUEST,
        cause="A parameter is repeated.",
        fix="Send each parameter once.",
    ),
    ErrorCode(
        code="OAU-250",
        error="unsupported_grant_type",
        check=CheckName.REQUEST,
        cause="This server doesn’t support the grant type.",
        fix="Use one of the grant types named in the message.",
    ),
    ErrorCode(
        code="OAU-123",
        status=401,
        error="invalid_client",
        check=CheckName.CLIENT,
        cause="The client authentication is missing or malformed.",
        fix="Send the client ID and the client secret with HTTP Basic, or both in the body.",
    ),
    ErrorCode(
        code="OAU-146",
        status=401,
        error="invalid_client",
        check=CheckName.CLIENT,
        cause="The client ID is unknown, suspended, or for the other environment, or the client "
        "secret is wrong.",
        fix="Check both against the app’s page. Each environment has its own client ID and secret.",
    ),
    ErrorCode(
        code="OAU-251",
        error="unauthorized_client",
        check=CheckName.FLOW,
        cause="The app isn’t set up for the JWT auth flow, or for refresh tokens, or its client "
        "isn’t a resource server.",
        fix="Turn on the one you need in the app’s settings. To use an endpoint for resource "
        "servers, ask the operator to mark the client as one.",
    ),
    _invalid_grant(
        code="JWT-101",
        check=CheckName.SIGNATURE,
        cause="The assertion isn’t a credential from this server. It may be incomplete or forged.",
        fix="Copy the whole JWT again.",
    ),
    _invalid_grant(
        code="JWT-104",
        check=CheckName.ENVIRONMENT,
        cause="The credential belongs to the other environment.",
        fix="Use the base URL of the credential’s environment, or use a credential for this "
        "environment.",
    ),
    _invalid_grant(
        code="JWT-102",
        check=CheckName.REVOCATION,
        cause="The credential has been revoked, or replaced in a rotation.",
        fix="Use the replacement or another credential. The revoked credential’s history shows "
        "why.",
    ),
    _invalid_grant(
        code="JWT-103",
        check=CheckName.EXPIRY,
        cause="The credential has expired.",
        fix="Create another credential and use it instead.",
    ),
    _invalid_grant(
        code="JWT-109",
        check=CheckName.PAUSE,
        cause="The credential is paused until the time in the message.",
        fix="Wait until then, or resume it on the credential’s page. If an administrator paused "
        "it, only an administrator can resume it.",
    ),
    _invalid_grant(
        code="JWT-105",
        check=CheckName.APP_ACCESS,
        cause="The app isn’t allowed to use the credential.",
        fix="Add the app’s client ID on the credential’s page.",
    ),
    _invalid_grant(
        code="JWT-106",
        check=CheckName.OWNER,
        cause="The credential’s owner is inactive, has a console role below Developer, or has no "
        "enabled account in this environment, or the operator suspended their organization.",
        fix="Ask an account administrator to fix this, or the operator if the organization is "
        "suspended.",
    ),
    _invalid_grant(
        code="JWT-107",
        check=CheckName.POLICY,
        cause="The organization’s policy doesn’t allow the credential, or the app’s IP address "
        "isn’t in the networks allowed by the policy or the credential.",
        fix="Create a credential that the policy allows, or call from an allowed network.",
    ),
    _invalid_grant(
        code="JWT-110",
        check=CheckName.CEILING,
        cause="The credential’s ceiling includes none of the app’s scopes.",
        fix="Add one of the app’s scopes to the ceiling on the credential’s page.",
    ),
    _invalid_grant(
        code="JWT-108",
        check=CheckName.TOKEN,
        cause="The refresh token is unknown, expired, or revoked, or was used before.",
        fix="Exchange the JWT credential again.",
    ),
    ErrorCode(
        code="CMN-301",
        status=429,
        error="temporarily_unavailable",
        check=CheckName.LIMIT,
        cause="This user and app sent too many requests. The X-Rate-Limit headers show the limit.",
        fix="Wait the number of seconds in the Retry-After header. Reuse each access token until "
        "it expires.",
    ),
    ErrorCode(
        code="CMN-201",
        status=503,
        error="temporarily_unavailable",
        cause="The server can’t reach its database.",
        fix="Retry after the number of seconds in the Retry-After header.",
    ),
    ErrorCode(
        code="CMN-101",
        error="invalid_scope",
        check=CheckName.SCOPE,
        cause="The request asks for a scope that the app doesn’t have or that the credential’s "
        "ceiling doesn’t include, or for more scopes than fit into an access token.",
        fix="Add the scope in the app’s settings or to the credential’s ceiling, as the message "
        "says, or request fewer scopes.",
    ),
    ErrorCode(
        code="CMN-101",
        error="invalid_target",
        check=CheckName.AUDIENCE,
        cause="The parameter resource doesn’t name an API of this platform.",
        fix="Send the audience of one of the platform’s APIs, or leave the parameter out.",
    ),
)

REST_API: tuple[ErrorCode, ...] = (
    ErrorCode(
        code="OAU-123",
        status=401,
        check=CheckName.REQUEST,
        cause="The call doesn’t have an access token.",
        fix="Send the access token in the Authorization: Bearer header.",
    ),
    ErrorCode(
        code="OAU-149",
        status=401,
        error="invalid_token",
        check=CheckName.SIGNATURE,
        cause="The token isn’t an access token for this environment, or it is for another API.",
        fix="Exchange the JWT credential at the same base URL, and send the access token. In the "
        "parameter resource, name only the API that you call.",
    ),
    ErrorCode(
        code="OAU-210",
        status=401,
        error="invalid_token",
        check=CheckName.TOKEN,
        cause="The access token has expired.",
        fix="Exchange the credential again, or use a refresh token.",
    ),
    ErrorCode(
        code="OAU-213",
        status=401,
        error="invalid_token",
        check=CheckName.SESSION,
        cause="The token, its credential, its owner, its app, or the IP address is no longer "
        "allowed, or the credential is paused.",
        fix="Exchange the credential again. If the exchange fails, its error code tells you why.",
    ),
    ErrorCode(
        code="CMN-402",
        status=403,
        check=CheckName.OPERATION,
        cause="The API doesn’t have the operation, or servers could read the method or the path in "
        "more than one way.",
        fix="Compare the method and the path with the API’s reference. Send one method, and a path "
        "without empty segments, dot segments, or encoded slashes or dots.",
    ),
    ErrorCode(
        code="CMN-401",
        status=403,
        error="insufficient_scope",
        check=CheckName.SCOPE,
        cause="The app doesn’t have the app scope named in the message, or the credential’s "
        "ceiling doesn’t include it.",
        fix="Add the scope in the app’s settings or to the credential’s ceiling, as the message "
        "says, then get a new token.",
    ),
    ErrorCode(
        code="CMN-408",
        status=403,
        check=CheckName.PERMISSION,
        cause="The credential’s owner doesn’t have the user permission named in the message.",
        fix="Ask an account administrator for a user role that has it.",
    ),
    ErrorCode(
        code="CMN-102",
        status=404,
        cause="The account or extension doesn’t exist, or belongs to another account.",
        fix="Use ~ for your own account and extension.",
        is_of_built_in_api=True,
    ),
    ErrorCode(
        code="CMN-120",
        status=404,
        cause="No API endpoint matches this URI.",
        fix="Check it against the API reference.",
    ),
    ErrorCode(
        code="CMN-101",
        error="invalid_request",
        check=CheckName.REQUEST,
        cause="A parameter or the HTTP method (405) is wrong, the body is compressed or isn’t "
        "UTF-8 (415), a condition in If-Match or If-None-Match is false (412), the query string "
        "contains a secret, or the gateway is set up incorrectly.",
        fix="Correct the parameter. Send the token in the Authorization header. If the message "
        "mentions the gateway, its operator has to fix it.",
    ),
    ErrorCode(
        code="CMN-301",
        status=429,
        check=CheckName.LIMIT,
        cause="This user and app made too many calls in the same rate limit group.",
        fix="Wait the number of seconds in the Retry-After header.",
    ),
    ErrorCode(
        code="CMN-103",
        cause="The body isn’t valid JSON.",
        fix="Send valid JSON.",
        is_of_built_in_api=True,
    ),
    ErrorCode(
        code="CMN-201",
        status=503,
        cause="The server can’t reach its database.",
        fix="Retry after the number of seconds in the Retry-After header.",
    ),
    ErrorCode(
        code="CMN-500",
        status=500,
        cause="Something went wrong on our side.",
        fix="Send the request ID to the operator.",
    ),
)
TABLES = {"Auth API": AUTH_API, built_in.LABEL: REST_API}


def tables_with_anchors() -> list[tuple[str, list[tuple[ErrorCode, str]]]]:
    anchored: set[str] = set()

    def anchor(entry: ErrorCode) -> str:
        # An anchor can be on a page only once, but several rows have the same code.
        is_first = entry.code not in anchored
        anchored.add(entry.code)
        return entry.code if is_first else ""

    has_built_in_api = settings.PLATFORM.built_in_api
    return [
        (
            api if has_built_in_api or api != built_in.LABEL else "Calls",
            [
                (entry, anchor(entry))
                for entry in entries
                if has_built_in_api or not entry.is_of_built_in_api
            ],
        )
        for api, entries in TABLES.items()
    ]


def help_url(code: str) -> str:
    """The row of a code on the public page: the `error_uri` of RFC 6749 §5.2."""
    return f"{settings.ORIGIN}{PAGE}#{code}"


def help_link(code: str) -> str:
    """The value of a `Link` header (RFC 8288)."""
    return f'<{help_url(code)}>; rel="help"'


def entry_of(code: str, error: str, *, rest: bool) -> ErrorCode | None:
    """The row of an answer; `error` tells two rows of one code apart."""
    entries = [entry for entry in (REST_API if rest else AUTH_API) if entry.code == code]
    return next((entry for entry in entries if entry.error == error), next(iter(entries), None))
