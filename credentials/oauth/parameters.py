"""The shape of a request at the Auth API, checked before anything else."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest

from accounts.origin import client_ip
from credentials.oauth.errors import InvalidRequest, TemporarilyUnavailable
from credentials.throttle import LimitGroup, Meter, RateLimited, meter_of

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class BasicCredentials:
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Parameters:
    """The form parameters of one request. Empty ones count as omitted (RFC 6749 §3.2)."""

    values: dict[str, str] = field(repr=False)
    # The address that the request came from; None if no app sent it but we ourselves.
    source: str | None = None
    # Counts the request once its user and app are known.
    meter: Meter = field(default_factory=Meter)

    @classmethod
    def of(cls, request: HttpRequest) -> "Parameters":
        """Raises `InvalidRequest`: query parameters, another body type, a repeated parameter."""
        if request.META.get("QUERY_STRING"):
            raise InvalidRequest(
                "Parameters belong in the request body: query strings end up in logs."
            )
        if request.content_type != FORM:
            raise InvalidRequest(f"Send the parameters as {FORM}.")
        try:
            form = request.POST
        except (RequestDataTooBig, TooManyFieldsSent) as error:
            raise InvalidRequest("The request is too large.") from error
        except BadRequest as error:
            raise InvalidRequest(f"Send the parameters as {FORM} in UTF-8.") from error
        repeated = next((name for name, values in form.lists() if len(values) > 1), None)
        if repeated is not None:
            raise InvalidRequest("A parameter is repeated.", code="OAU-111")
        values = {name: value for name, value in form.items() if isinstance(value, str)}
        return cls(values, source=client_ip(request) or "", meter=meter_of(request))

    def get(self, name: str) -> str | None:
        return self.values.get(name) or None

    def require(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"The parameter {name} is missing or empty.")
        return value

    def count(self, *who: str) -> None:
        """One more request of this app and user. Raises `TemporarilyUnavailable`."""
        count_by(self.meter, *who)


def count_by(meter: Meter, *who: str) -> None:
    """One more request at the Auth API of whoever this is. Raises `TemporarilyUnavailable`."""
    try:
        meter.count(LimitGroup.AUTH, *who)
    except RateLimited as limited:
        raise TemporarilyUnavailable(str(limited)) from limited


def has_basic(request: HttpRequest) -> bool:
    return request.headers.get("Authorization", "").split(" ")[0].lower() == "basic"


def basic_credentials(request: HttpRequest) -> BasicCredentials | None:
    """The client ID and secret of HTTP Basic, form-decoded (RFC 6749 §2.3.1); None if malformed."""
    encoded = request.headers.get("Authorization", "").partition(" ")[2].strip()
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None
    client_id, colon, client_secret = decoded.partition(":")
    if not colon:
        return None
    return BasicCredentials(unquote_plus(client_id), unquote_plus(client_secret))
