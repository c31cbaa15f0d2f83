"""The shape of a request at the Auth API, checked before anything else."""

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote_plus

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from core.media_types import COMPRESSED, is_plain, is_utf_8
from core.networks import canonical_address
from core.origin import client_ip
from core.requests import FORM
from credentials import jose
from credentials.oauth.errors import CompressedBody, InvalidRequest, TemporarilyUnavailable
from credentials.throttle import LimitGroup, Meter, RateLimited, meter_of

_NOT_UTF_8 = f"The body is not UTF-8. Send the parameters as {FORM} in UTF-8."
_TOO_LARGE = "The request is too large. Send fewer or shorter parameters."


@dataclass(frozen=True)
class BasicCredentials:
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Parameters:
    """The form parameters of one request; an empty one counts as missing (RFC 6749 §3.2)."""

    values: dict[str, str] = field(repr=False)
    # The address of the caller; None for *Test it now*, where no app calls.
    source: str | None = None
    meter: Meter = field(default_factory=Meter)
    authorization: str = field(default="", repr=False)
    """The header, as it was sent."""

    @classmethod
    def of(cls, request: HttpRequest) -> "Parameters":
        """Raises `InvalidRequest`: query parameters, another body type, a repeated parameter."""
        if request.META.get("QUERY_STRING"):
            raise InvalidRequest("Query strings end up in logs. Send the parameters in the body.")
        if request.content_type != FORM:
            raise InvalidRequest(f"The body is not a form. Send the parameters as {FORM}.")
        if not is_utf_8(request.content_params):
            raise InvalidRequest(_NOT_UTF_8)
        if not is_plain(request):
            raise CompressedBody(COMPRESSED)
        pairs = _pairs(request)
        values = dict(pairs)
        if len(values) < len(pairs):
            raise InvalidRequest(
                "A parameter is repeated. Send each parameter once.", code="OAU-111"
            )
        return cls(
            values,
            source=client_ip(request) or "",
            meter=meter_of(request),
            authorization=request.META.get("HTTP_AUTHORIZATION", ""),
        )

    def get(self, name: str) -> str | None:
        return self.values.get(name) or None

    def require(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"The parameter {name} is missing or empty. Add it to the body.")
        return value

    @cached_property
    def parsed_assertion(self) -> jose.ParsedToken | None:
        """The parts of the assertion (RFC 7521 §4.1), unverified; None if it isn't a JWT."""
        try:
            return jose.parse_token(self.require("assertion"))
        except jose.InvalidToken:
            return None

    def caller_address(self) -> str | None:
        """The address that a resource server says a token came from; None if it doesn't say."""
        text = self.get("client_ip")
        if text is None:
            return None
        address = canonical_address(text)
        if address is None:
            raise InvalidRequest(
                "The parameter client_ip is not an IP address. Send the address that the call came "
                "from, without a port."
            )
        return address

    def count(self, *who: str) -> None:
        count_by(self.meter, *who)


def _pairs(request: HttpRequest) -> list[tuple[str, str]]:
    # `request.POST` holds the same, but takes longer to build.
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise InvalidRequest(_TOO_LARGE) from error
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(_NOT_UTF_8) from error
    try:
        return parse_qsl(
            text, keep_blank_values=True, max_num_fields=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        )
    except ValueError as error:
        raise InvalidRequest(_TOO_LARGE) from error


def count_by(meter: Meter, *who: str) -> None:
    """One more request at the Auth API. Raises `TemporarilyUnavailable`."""
    try:
        meter.count(LimitGroup.AUTH, *who)
    except RateLimited as limited:
        raise TemporarilyUnavailable("CMN-301", str(limited)) from limited


def authorization(request: HttpRequest) -> tuple[str, str]:
    """The scheme in lower case and the credentials (RFC 9110 §11.4); empty without the header."""
    # `request.headers` would parse all headers of every request first.
    scheme, _space, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower(), rest.strip()


def has_basic(request: HttpRequest) -> bool:
    return authorization(request)[0] == "basic"


def basic_credentials(request: HttpRequest) -> BasicCredentials | None:
    """The client ID and secret of HTTP Basic, form-decoded (RFC 6749 §2.3.1); None if malformed."""
    return decoded_basic(authorization(request)[1])


def decoded_basic(encoded: str) -> BasicCredentials | None:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None
    client_id, colon, client_secret = decoded.partition(":")
    if not colon:
        return None
    return BasicCredentials(unquote_plus(client_id), unquote_plus(client_secret))
