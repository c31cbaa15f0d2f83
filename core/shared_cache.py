"""The shared cache, which may be away: nothing in it is worth a failed request. Pure.

Rate limits and sign-in limits count there. While it does not answer they let everyone pass, and
the log says so once a minute. A silent cache is left alone for a moment, so that at most one
request in two seconds waits for it.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError
from throttled.exceptions import StoreUnavailableError

logger = structlog.get_logger(__name__)

# Seconds.
PAUSE = 2.0
REMIND = 60.0

Result = TypeVar("Result")


class Outage:
    """Whether the cache is away, as this process has seen it."""

    def __init__(self) -> None:
        self._away_until = 0.0
        self._remind_at = 0.0

    def call(self, ask: Callable[[], Result], *, otherwise: Result) -> Result:
        """What the cache answers, or `otherwise` while it is away."""
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            return ask()
        except (RedisError, StoreUnavailableError) as error:
            self._note(error)
            return otherwise

    def _note(self, error: Exception) -> None:
        now = time.monotonic()
        self._away_until = now + PAUSE
        if now >= self._remind_at:
            self._remind_at = now + REMIND
            logger.warning(
                "shared_cache_away",
                consequence="rate limits and sign-in limits let everyone pass",
                error=type(error).__name__,
            )

    def forget(self) -> None:
        """Ask again at once and say again, as at the start of a process."""
        self._away_until = self._remind_at = 0.0


OUTAGE = Outage()


class ForgivingRedisCache(RedisCache):
    """Django's cache in Redis; while that is away, it is empty and forgets what it is given."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        # True: whoever takes a lock with it goes on instead of waiting.
        return OUTAGE.call(
            lambda: super(ForgivingRedisCache, self).add(*args, **kwargs), otherwise=True
        )

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return OUTAGE.call(
            lambda: super(ForgivingRedisCache, self).get(key, default, version), otherwise=default
        )

    def set(self, *args: Any, **kwargs: Any) -> None:
        OUTAGE.call(lambda: super(ForgivingRedisCache, self).set(*args, **kwargs), otherwise=None)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return OUTAGE.call(
            lambda: super(ForgivingRedisCache, self).touch(*args, **kwargs), otherwise=False
        )

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        drop = super().delete
        return OUTAGE.call(lambda: drop(*args, **kwargs), otherwise=False)
