"""The request that a gateway asks about, from the headers that the gateway sends.

A gateway, the service behind it and this server can read a request differently. If two of them
could disagree, we refuse it, so that no one reaches an operation under the rule of another.
"""

import re
from dataclasses import dataclass

from django.http import HttpRequest

from credentials.oauth.bearer import BearerError, bearer_challenge
from credentials.refused import CheckName, Reason

# Each gateway sends one of these pairs: X-Original-Method and X-Original-URI, or the other.
_PAIRS_IN_META = (
    ("HTTP_X_ORIGINAL_METHOD", "HTTP_X_ORIGINAL_URI"),
    ("HTTP_X_FORWARDED_METHOD", "HTTP_X_FORWARDED_URI"),
)
# Many frameworks let one of these headers override the method.
_OVERRIDES_IN_META = {
    "X-HTTP-Method-Override": "HTTP_X_HTTP_METHOD_OVERRIDE",
    "X-Method-Override": "HTTP_X_METHOD_OVERRIDE",
    "X-HTTP-Method": "HTTP_X_HTTP_METHOD",
}
MUST_SEND = (
    "The gateway must send the method and the URI of the original request, in X-Original-Method "
    "and X-Original-URI or in X-Forwarded-Method and X-Forwarded-Uri."
)
# Many servers ignore case, so `get` could reach an operation that we check only for `GET`.
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*")
# Servers join a repeated header with a comma (RFC 9110 §5.3).
_REPEATED = re.compile(r",\s*/")


class GatewaySetup(BearerError):
    """The gateway, not the caller, sent an incorrect request."""

    status = 400
    rfc_error = "invalid_request"

    def __init__(self, message: str) -> None:
        super().__init__("CMN-101", message)
        self.challenge = bearer_challenge(error=self.rfc_error)
        self.about(check=CheckName.REQUEST, reason=Reason.GATEWAY_SETUP)


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    method: str
    path: str
    """As the caller sent it, not decoded."""
    query: str


def original_request(request: HttpRequest) -> OriginalRequest:
    """Raises `GatewaySetup` if headers are missing or repeated, or contradict each other."""
    original, forwarded = (_pair(request, *names) for names in _PAIRS_IN_META)
    if any(original) and any(forwarded) and original != forwarded:
        raise GatewaySetup(f"{MUST_SEND} It sent both, and they differ.")
    method, uri = original if any(original) else forwarded
    if not (method and uri):
        raise GatewaySetup(MUST_SEND)
    if _REPEATED.search(uri):
        raise GatewaySetup(
            f"{MUST_SEND} The URI has a comma before a slash, as if it had been sent twice. If the "
            "request really has that comma, encode it as %2C."
        )
    path, _, query = uri.partition("?")
    return OriginalRequest(method, path, query)


def ambiguity(request: HttpRequest, original: OriginalRequest) -> str:
    """Why servers could read the method differently; empty if they can't."""
    if not is_method(original.method):
        return "the method isn't one word in capital letters"
    for name, in_meta in _OVERRIDES_IN_META.items():
        if in_meta in request.META:
            return f"the header {name} can override the method"
    return ""


def is_method(text: str) -> bool:
    return _METHOD.fullmatch(text) is not None


def _pair(request: HttpRequest, method: str, uri: str) -> tuple[str, str]:
    return request.META.get(method, ""), request.META.get(uri, "")
