"""Rate limits: how often a user may call through an app, in a sliding window. Pure.

Counting is the library's, one round trip to the shared cache for each request, so that several
processes count together; without a shared cache each process counts for itself. The window slides
over two counters of which the older counts by the part that is still inside.

While the shared cache is away, requests pass (`core/shared_cache.py`).
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache, cached_property

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from throttled import (
    BaseRateLimiter,
    BaseStore,
    MemoryStore,
    RateLimiterRegistry,
    RateLimiterType,
    RedisStore,
    per_duration,
)

from core.shared_cache import OUTAGE

# Counters that one process keeps for itself; those longest unused go first.
KEPT_IN_PROCESS = 100_000


class LimitGroup(StrEnum):
    """How dear a call is; each group has a rate of its own."""

    AUTH = "Auth"
    HEAVY = "Heavy"
    MEDIUM = "Medium"
    LIGHT = "Light"


@dataclass(frozen=True)
class Rate:
    """So many requests in a window of so many seconds."""

    limit: int
    window: int


@dataclass(frozen=True)
class LimitState:
    """Where a user and app stand in a group after this request."""

    group: LimitGroup
    rate: Rate
    remaining: int
    retry_after: int | None = None
    """Seconds until there is room again; None if the request may pass."""

    @property
    def headers(self) -> dict[str, str]:
        """What every limited answer says, and when to come back if it is refused."""
        headers = {
            "X-Rate-Limit-Group": self.group.value,
            "X-Rate-Limit-Limit": str(self.rate.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Window": str(self.rate.window),
        }
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers

    @property
    def message(self) -> str:
        return (
            f"Request rate exceeded: {self.rate.limit} requests in {self.rate.window} seconds "
            f"(group {self.group}). Try again in {self.retry_after} s."
        )


class RateLimited(Exception):
    """A request too many; each API answers it in its own form, as CMN-301."""

    def __init__(self, state: LimitState) -> None:
        super().__init__(state.message)
        self.state = state


class Meter:
    """Counts one request, and remembers what its answer has to say about it."""

    def __init__(self) -> None:
        self.state: LimitState | None = None

    def count(self, group: LimitGroup, *who: str) -> None:
        """One more request of whoever this is. Raises `RateLimited`."""
        state = hit(group, *who)
        if state is None:
            return
        self.state = state
        if state.retry_after is not None:
            raise RateLimited(state)

    def mark(self, response: HttpResponse) -> HttpResponse:
        if self.state is not None:
            for name, value in self.state.headers.items():
                response[name] = value
        return response


def meter_of(request: HttpRequest) -> Meter:
    """The one meter of a request."""
    meter: Meter | None = getattr(request, "rate_limit_meter", None)
    if meter is None:
        meter = request.rate_limit_meter = Meter()  # type: ignore[attr-defined]
    return meter


def hit(group: LimitGroup, *who: str) -> LimitState | None:
    """Count one request; None if the group has no limit, or nobody can count now."""
    allowed: tuple[int, int] | None = settings.RATE_LIMITS[group]
    return None if allowed is None else _limiter().hit(group, Rate(*allowed), who)


class Limiter:
    """Counts in the shared cache, or in this process if there is none."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._rates: dict[Rate, BaseRateLimiter] = {}

    def hit(self, group: LimitGroup, rate: Rate, who: tuple[str, ...]) -> LimitState | None:
        limiter = self._rate_limiter(rate)
        found = OUTAGE.call(lambda: limiter.limit(_key(group, who)), otherwise=None)
        if found is None:
            return None
        if not found.limited:
            return LimitState(group, rate, found.state.remaining)
        return LimitState(group, rate, 0, max(1, math.ceil(found.state.retry_after)))

    def _rate_limiter(self, rate: Rate) -> BaseRateLimiter:
        if rate not in self._rates:
            quota = per_duration(timedelta(seconds=rate.window), limit=rate.limit)
            sliding = RateLimiterRegistry.get(RateLimiterType.SLIDING_WINDOW.value)
            self._rates[rate] = sliding(quota, self._store)
        return self._rates[rate]

    @cached_property
    def _store(self) -> BaseStore:
        if self._url is None:
            return MemoryStore(options={"MAX_SIZE": KEPT_IN_PROCESS})
        options = settings.CACHES["default"].get("OPTIONS", {})
        return RedisStore(server=self._url, options={"CONNECTION_POOL_KWARGS": dict(options)})


def _key(group: LimitGroup, who: tuple[str, ...]) -> str:
    """The counter's name: of fixed size, and telling whoever reads the cache no address or ID.

    The braces keep the two counters of a window on one node of a cluster.
    """
    digest = hashlib.sha256("\0".join(who).encode(errors="replace")).hexdigest()[:32]
    return f"{{{group}:{digest}}}"


@cache
def _limiter() -> Limiter:
    location = settings.CACHES["default"].get("LOCATION", "")
    # Of several servers the first is the one that is written to.
    url = location if isinstance(location, str) else next(iter(location), "")
    return Limiter(url if "://" in url else None)


def forget() -> None:
    """Start anew, as after a change of the settings."""
    _limiter.cache_clear()
