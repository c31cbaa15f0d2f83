"""Keeps what strangers and programs can cause from filling the database."""

import threading
import time

HOUR = 60 * 60


class HourlyCap:
    """Allows a number of events per hour and process, for one key and in all."""

    def __init__(self, *, per_key: int, in_all: int) -> None:
        self._per_key = per_key
        self._in_all = in_all
        self._lock = threading.Lock()
        self.forget()

    def allows(self, key: str) -> bool:
        hour = int(time.monotonic() // HOUR)
        with self._lock:
            if hour != self._hour:
                self._begin(hour)
            seen = self._seen.get(key, 0)
            if seen >= self._per_key or self._total >= self._in_all:
                return False
            # `in_all` bounds this dictionary too.
            self._seen[key] = seen + 1
            self._total += 1
            return True

    def forget(self) -> None:
        self._begin(-1)

    def _begin(self, hour: int) -> None:
        self._hour, self._total = hour, 0
        self._seen: dict[str, int] = {}
