"""Rate limits: how often a user can call through an app, in a sliding window.

The library counts with one round trip to the shared cache, so that all processes count together.
Without a shared cache, or while it is away (core/shared_cache.py), each process counts for itself.
The window slides over two counters: the older one counts by the part
of it that is still inside.
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

from core.responses import set_headers
from core.shared_cache import OUTAGE

# A process that counts for itself forgets the counters that were unused for longest.
KEPT_IN_PROCESS = 100_000


class LimitGroup(StrEnum):
    """Calls of about the same cost, which share a limit."""

    AUTH = "Auth"
    HEAVY = "Heavy"
    MEDIUM = "Medium"
    LIGHT = "Light"


@dataclass(frozen=True)
class Rate:
    limit: int
    window: int
    """Seconds."""


@dataclass(frozen=True)
class LimitState:
    group: LimitGroup
    rate: Rate
    remaining: int
    retry_after: int | None = None
    """Seconds until the next request can pass; None if this one passes."""

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "X-Rate-Limit-Group": self.group.value,
            "X-Rate-Limit-Limit": str(self.rate.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Window": str(self.rate.window),
        }
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


class RateLimited(Exception):
    def __init__(self, state: LimitState) -> None:
        super().__init__(
            f"Too many requests: the limit is {state.rate.limit} in {state.rate.window} seconds "
            f"(group {state.group}). Try again in {state.retry_after} seconds."
        )
        self.state = state


class Meter:
    def __init__(self) -> None:
        self.state: LimitState | None = None

    def count(self, group: LimitGroup, *who: str) -> None:
        state = hit(group, *who)
        if state is None:
            return
        self.state = state
        if state.retry_after is not None:
            raise RateLimited(state)

    def mark(self, response: HttpResponse) -> HttpResponse:
        if self.state is not None:
            set_headers(response, self.state.headers)
        return response


def meter_of(request: HttpRequest) -> Meter:
    meter: Meter | None = getattr(request, "rate_limit_meter", None)
    if meter is None:
        meter = request.rate_limit_meter = Meter()  # type: ignore[attr-defined]
    return meter


def hit(group: LimitGroup, *who: str) -> LimitState | None:
    """Count one request; None if the group has no limit."""
    allowed: tuple[int, int] | None = settings.RATE_LIMITS[group]
    return None if allowed is None else limiter().hit(group, Rate(*allowed), who)


class Limiter:
    def __init__(self, url: str | None) -> None:
        self._url = url
        self._rates: dict[Rate, BaseRateLimiter] = {}

    def hit(self, group: LimitGroup, rate: Rate, who: tuple[str, ...]) -> LimitState:
        key = _key(group, who)
        found = OUTAGE.call(
            lambda: self._counter(rate).limit(key),
            otherwise=lambda: self._meanwhile._counter(rate).limit(key),
        )
        if not found.limited:
            return LimitState(group, rate, found.state.remaining)
        return LimitState(group, rate, 0, max(1, math.ceil(found.state.retry_after)))

    @cached_property
    def _meanwhile(self) -> "Limiter":
        # While the shared cache is away, the process counts for itself.
        return Limiter(None)

    def _counter(self, rate: Rate) -> BaseRateLimiter:
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
    # The digest keeps addresses and IDs out of the cache. The braces keep the two counters of a
    # window on one node of a cluster.
    digest = hashlib.sha256("\0".join(who).encode(errors="replace")).hexdigest()[:32]
    return f"{{{group}:{digest}}}"


@cache
def limiter() -> Limiter:
    location = settings.CACHES["default"].get("LOCATION", "")
    # With several servers, clients write to the first.
    url = location if isinstance(location, str) else next(iter(location), "")
    return Limiter(url if "://" in url else None)
