"""The shared cache, which can be away: nothing in it is worth a failed request.

Rate limits and sign-in limits are counted there. While it doesn't answer, each process counts for
itself, and the log says so once a minute. After a failure a process leaves the cache alone for a
moment, so that at most one request in two seconds waits for it.

We measured django-redis with IGNORE_EXCEPTIONS against a cache that accepts connections and stays
silent: twenty reads took 4.0 seconds instead of 0.2, because each one waits for the timeout. Its
`add` also returns None, so that `tick` would find every lock taken and send no emails.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError
from throttled.exceptions import StoreUnavailableError

logger = structlog.get_logger(__name__)

# Seconds.
LEFT_ALONE_FOR = 2.0
REMIND = 60.0
# The memory of the process, while the cache is away. With Django's default of 300 entries, anyone
# could push out the counters of sign-in.
MEANWHILE = LocMemCache("meanwhile", {"OPTIONS": {"MAX_ENTRIES": 100_000}})

Result = TypeVar("Result")


class Outage:
    def __init__(self) -> None:
        self._away_until = 0.0
        self._remind_at = 0.0

    def call(self, ask: Callable[[], Result], *, otherwise: Callable[[], Result]) -> Result:
        if time.monotonic() >= self._away_until:
            try:
                return ask()
            except (RedisError, StoreUnavailableError) as error:
                self._note(error)
        return otherwise()

    def _note(self, error: Exception) -> None:
        now = time.monotonic()
        self._away_until = now + LEFT_ALONE_FOR
        if now >= self._remind_at:
            self._remind_at = now + REMIND
            logger.warning(
                "shared_cache_away",
                consequence="each process counts rate limits and sign-in limits for itself",
                error=type(error).__name__,
            )

    def forget(self) -> None:
        # Tests call this: ask again at once and warn again, as at the start of a process.
        self._away_until = self._remind_at = 0.0
        MEANWHILE.clear()


OUTAGE = Outage()


class _Json:
    # Django's own format, pickle, runs code that is in a value, so anyone who can write to the
    # cache could run code in the console.

    @staticmethod
    def dumps(value: Any) -> bytes:
        return json.dumps(value).encode()

    @staticmethod
    def loads(data: bytes) -> Any:
        """Raises `ValueError` or `RecursionError` for anything but JSON."""
        return json.loads(data)


class ForgivingRedisCache(RedisCache):
    """Django's cache in Redis, with JSON values.

    While Redis is away, each process uses its own memory instead. A value that isn't JSON is a
    miss.
    """

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        # Values of version 1 are pickles. Processes of the former release, which run during a
        # rolling restart, would fail to read JSON, so ours have other keys.
        options = {**params.get("OPTIONS", {}), "serializer": _Json}
        super().__init__(server, {"VERSION": 2, **params, "OPTIONS": options})

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return OUTAGE.call(
            partial(getattr(super(), name), *args, **kwargs),
            otherwise=partial(getattr(MEANWHILE, name), *args, **kwargs),
        )

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("add", *args, **kwargs))

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._ask("set", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("touch", *args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("delete", *args, **kwargs))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return OUTAGE.call(
            partial(self._read, key, default, version),
            otherwise=partial(MEANWHILE.get, key, default, version),
        )

    def _read(self, key: str, default: Any, version: int | None) -> Any:
        try:
            return super().get(key, default, version)
        except (ValueError, RecursionError):
            return default
