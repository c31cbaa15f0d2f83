"""Records refused requests for *Why did my call fail?*, without delaying the answers."""

import re
import threading
import time
from http import HTTPStatus

import structlog
from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.http import HttpRequest
from django.utils import timezone

from accounts.environments import Environment
from core.background import BackgroundWriter
from core.origin import client_ip, network_of
from credentials.actions.refusals import record_refusals
from credentials.error_codes import entry_of
from credentials.models.refusals import CALL_KINDS, Refused, RefusedWhat
from credentials.oauth.grants import GRANTS
from credentials.oauth.parameters import basic_credentials, has_basic
from credentials.refused import RefusedRequest

logger = structlog.get_logger(__name__)

CAPACITY = 10_000
# The most rows per minute and process for requests that name no app and no credential.
ANONYMOUS_PER_ADDRESS = 30
ANONYMOUS_IN_ALL = 300

# The form of our client IDs. A secret or a token that someone sent in their place has another one.
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{22}")
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


class AnonymousCap:
    """Allows a number of requests per minute, from one address and in all."""

    def __init__(self, per_address: int, in_all: int) -> None:
        self.refused = 0
        """Requests that this process has not recorded."""
        self._per_address = per_address
        self._in_all = in_all
        self._lock = threading.Lock()
        self._minute = -1
        self._seen: dict[str, int] = {}
        self._total = 0

    def allows(self, address: str | None, *, minute: int) -> bool:
        network = network_of(address)
        with self._lock:
            if minute != self._minute:
                self._minute, self._total = minute, 0
                self._seen.clear()
            seen = self._seen.get(network, 0)
            if seen >= self._per_address or self._total >= self._in_all:
                self.refused += 1
                return False
            # `in_all` bounds this dictionary too, because each address in it has a row.
            self._seen[network] = seen + 1
            self._total += 1
            return True


anonymous_cap = AnonymousCap(ANONYMOUS_PER_ADDRESS, ANONYMOUS_IN_ALL)


def _write(batch: list[Refused]) -> None:
    record_refusals(batch)
    _tell_losses()


writer = BackgroundWriter("refusals", _write, capacity=CAPACITY)
_told = [0, 0]


def _tell_losses() -> None:
    # One log line for each batch that lost some, with the totals of this process.
    losses = [writer.dropped, anonymous_cap.refused]
    if losses != _told:
        logger.warning("refusals_not_recorded", dropped=losses[0], capped=losses[1])
        _told[:] = losses


def note_refusal(
    request: HttpRequest,
    environment: Environment,
    error: RefusedRequest,
    *,
    status: int,
    rfc_error: str,
    what: RefusedWhat | None = None,
) -> None:
    """Put a refusal on the queue. It never raises an error."""
    try:
        facts, at, address = error.facts, timezone.now(), client_ip(request)
        is_anonymous = not facts.is_authentic and not facts.credential_id
        # Rate limits bound all other refusals.
        is_bounded = not is_anonymous and status != HTTPStatus.TOO_MANY_REQUESTS
        if not is_bounded and not anonymous_cap.allows(address, minute=int(time.monotonic() // 60)):
            return
        kind = what or _kind(request)
        entry = entry_of(error.code, rfc_error, rest=kind in CALL_KINDS)
        writer.put(
            Refused(
                request_id=getattr(request, "request_id", ""),
                at=at,
                environment=environment.value,
                what=str(kind),
                method=(facts.method or request.method or "")[:10],
                path=facts.path[:200] if facts.method else _template(request),
                status=status,
                error=rfc_error,
                code=error.code,
                message=error.recorded_message[:300],
                check_name=facts.check or (str(entry.check) if entry and entry.check else ""),
                reason=facts.reason,
                presented_client_id=facts.client_id or _presented_client_id(request),
                is_authentic=facts.is_authentic,
                credential_id=facts.credential_id,
                missing=facts.missing[:300],
                api=facts.api,
                operation=facts.operation,
                address=address if network_of(address) else None,
            )
        )
    except Exception:
        logger.exception("refusal_not_noted", code=error.code)


def _kind(request: HttpRequest) -> str:
    if not request.path.endswith("/token"):
        return RefusedWhat.CLIENT_REQUEST
    grant = GRANTS.get(_form_value(request, "grant_type"))
    return grant.kind if grant else RefusedWhat.EXCHANGE


def _presented_client_id(request: HttpRequest) -> str:
    if has_basic(request):
        credentials = basic_credentials(request)
        presented = credentials.client_id if credentials else ""
    else:
        presented = _form_value(request, "client_id")
    return presented if _CLIENT_ID.fullmatch(presented) else ""


def _form_value(request: HttpRequest, name: str) -> str:
    # Only if the view has read the form already.
    if not hasattr(request, "_body"):
        return ""
    try:
        return request.POST.get(name, "")
    except (BadRequest, TooManyFieldsSent):
        return ""


def _template(request: HttpRequest) -> str:
    # The path below the base URL, with the names of its arguments instead of their values.
    route = request.resolver_match.route if request.resolver_match else ""
    _prefix, slash, below = route.partition("restapi/")
    return "/" + slash + _ARGUMENT.sub(lambda match: "{" + _camel(match[1]) + "}", below)[:190]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
