"""Rows that no answer waits for: a process collects them, and a thread writes them every second.

They only inform (where a credential is used, what was refused) and never decide about access. A
crash loses what hasn't been written yet, at most one second of rows. While the database is away,
rows wait. A full queue drops further rows and counts them, so that collecting never slows or fails
an answer.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import ClassVar, Generic, TypeVar

import structlog
from django.conf import settings
from django.db import close_old_connections

from core.database import is_away

logger = structlog.get_logger(__name__)

INTERVAL = 1.0  # seconds

Item = TypeVar("Item")


class BackgroundWriter(Generic[Item]):
    """A bounded queue, and the thread that empties it into `write`. The first item starts it.

    Without `settings.BACKGROUND_WRITES` there is no thread, and tests call `flush` themselves.
    """

    _all: ClassVar[list["BackgroundWriter[object]"]] = []

    def __init__(self, name: str, write: Callable[[list[Item]], None], *, capacity: int) -> None:
        self.name = name
        self.dropped = 0
        """How many items this process lost to a full queue or a failed write."""
        self._write = write
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._thread_of: int | None = None
        BackgroundWriter._all.append(self)  # type: ignore[arg-type]

    def put(self, item: Item) -> bool:
        """Returns whether there was room. Never waits and never raises."""
        with self._lock:
            if len(self._items) >= self._capacity:
                self.dropped += 1
                return False
            self._items.append(item)
            if settings.BACKGROUND_WRITES and self._thread_of != os.getpid():
                self._start()
        return True

    def _start(self) -> None:
        # Remember the process: a forked one inherits this mark of its parent, but not the thread.
        self._thread_of = os.getpid()
        threading.Thread(target=self._run, name=f"background-{self.name}", daemon=True).start()
        # A forked worker of the server doesn't run `atexit` functions when it ends. It runs these.
        Finalize(None, self.flush, exitpriority=0)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(INTERVAL):
            self.flush()

    def flush(self) -> int:
        with self._flushing:
            with self._lock:
                batch = list(self._items)
                self._items.clear()
            if batch:
                self._write_safely(batch)
            return len(batch)

    def _write_safely(self, batch: list[Item]) -> None:
        try:
            self._write(batch)
        except Exception as error:
            if is_away(error) and self._keep(batch):
                return
            # These rows aren't worth a crash: the next batch is tried no matter what went wrong.
            self.dropped += len(batch)
            logger.exception("background_write_failed", writer=self.name, lost=len(batch))
        finally:
            if settings.BACKGROUND_WRITES:
                close_old_connections()

    def _keep(self, batch: list[Item]) -> bool:
        # While the database is away, rows wait in their order as long as there is room.
        with self._lock:
            if len(batch) + len(self._items) > self._capacity:
                return False
            self._items.extendleft(reversed(batch))
        return True

    @property
    def waiting(self) -> int:
        return len(self._items)

    @classmethod
    def all(cls) -> "list[BackgroundWriter[object]]":
        return list(cls._all)

    @classmethod
    def flush_all(cls) -> int:
        return sum(writer.flush() for writer in cls._all)

    @classmethod
    def discard_all(cls) -> None:
        # Tests call this, so that one doesn't write what another collected.
        for writer in cls._all:
            with writer._lock:
                writer._items.clear()
                writer.dropped = 0
