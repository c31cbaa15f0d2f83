"""What *Try it* sends: the URL, the headers and the body of a call to an operation."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

from accounts.environments import Environment
from accounts.platform.catalog import Api, Operation, Parameter
from core.outgoing import OutgoingCall

_IN_PATH = re.compile(r"\{([^{}/]+)\}")
# RFC 9110 §5.6.2.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# OpenAPI describes the first three elsewhere in a document. The console or its HTTP client sets the
# others, or a proxy on the way trusts them.
_RESERVED_HEADERS = {
    "accept", "content-type", "authorization",
    "connection", "content-length", "cookie", "expect", "forwarded", "host", "keep-alive", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent",
}  # fmt: skip
_RESERVED_PREFIXES = ("proxy-", "x-forwarded-", "x-original-")
_TEXT_TYPES = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml)|application/x-www-form-urlencoded"
)
_JSON_TYPES = re.compile(r"application/(?:.*\+)?json")
_USER_AGENT = "developer-console (Try it)"


class UnusablePath(ValueError):
    """The path has a dot segment, which servers and browsers remove."""


def why_not(api: Api, operation: Operation) -> str:
    """Why *Try it* can't call this operation; empty if it can."""
    if Environment.SANDBOX not in api.servers:
        return "Try it calls only the sandbox, and this API has no sandbox server."
    if operation.method == "TRACE":
        return "Try it doesn’t send TRACE, because the response repeats the access token."
    if operation.body_type and not _TEXT_TYPES.fullmatch(media_type(operation)):
        return f"Try it sends only text, and the body of this operation is {operation.body_type}."
    return ""


def media_type(operation: Operation) -> str:
    return operation.body_type.partition(";")[0].strip().lower()


def takes_json(operation: Operation) -> bool:
    return bool(_JSON_TYPES.fullmatch(media_type(operation)))


def sent_parameters(operation: Operation) -> Iterator[Parameter]:
    """The parameters that *Try it* asks for: first those of the path, in the order of the path."""
    described = {each.name: each for each in operation.parameters if each.location == "path"}
    for name in dict.fromkeys(_IN_PATH.findall(operation.path)):
        yield described.get(name) or Parameter(name, "path", required=True)
    for parameter in operation.parameters:
        if parameter.location == "query" or _is_sent_header(parameter):
            yield parameter


def call_of(
    api: Api, operation: Operation, values: dict[Parameter, str], body: str
) -> OutgoingCall:
    """The call with these values, without an access token. Raises `UnusablePath`."""
    query = [(each.name, value) for each, value in values.items() if each.location == "query"]
    headers = {each.name: value for each, value in values.items() if each.location == "header"}
    if body:
        headers["Content-Type"] = operation.body_type
    path = _path(operation, {p.name: v for p, v in values.items() if p.location == "path"})
    return OutgoingCall(
        method=operation.method,
        url=api.servers[Environment.SANDBOX]
        + path
        + (f"?{urlencode(query, quote_via=quote)}" if query else ""),
        headers={"Accept": "application/json, */*", "User-Agent": _USER_AGENT} | headers,
        body=body.encode() if body else None,
    )


def _is_sent_header(parameter: Parameter) -> bool:
    name = parameter.name.lower()
    return (
        parameter.location == "header"
        and bool(_HEADER_NAME.fullmatch(name))
        and name not in _RESERVED_HEADERS
        and not name.startswith(_RESERVED_PREFIXES)
    )


def _path(operation: Operation, values: dict[str, str]) -> str:
    # Each value stays within its segment, because its slashes are encoded too.
    path = _IN_PATH.sub(lambda match: quote(values[match[1]], safe=""), operation.path)
    if {".", ".."} & set(urlsplit(path).path.split("/")):
        raise UnusablePath
    return path
