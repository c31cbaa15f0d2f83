"""Long downloads, of which a server process streams a few at once, and one for each person.

A download keeps a thread of the server until the client has read it, however slowly. The other
threads must stay free for everyone else.
"""

from collections.abc import Iterable, Iterator
from threading import Lock
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone

DOWNLOADS_AT_ONCE = 2
_running = set[UUID]()
_lock = Lock()


class DownloadRefused(Exception):
    """Too many downloads are running. The message tells people which, and what to do."""


class DownloadSlot:
    """Taken for a person until it is closed. Raises `DownloadRefused` if none is free."""

    def __init__(self, person: UUID) -> None:
        self._person: UUID | None = None
        with _lock:
            if person in _running:
                raise DownloadRefused(
                    "Your previous export is still running. Wait until it ends, then try again."
                )
            if len(_running) >= DOWNLOADS_AT_ONCE:
                raise DownloadRefused("Other exports are still running. Try again in a minute.")
            _running.add(person)
        self._person = person

    def close(self) -> None:
        with _lock:
            if self._person:
                _running.discard(self._person)
            self._person = None

    # No one closes a response that was never sent.
    __del__ = close


class _Lines:
    """The lines of a download. Its slot is free again at their end or when the response is closed.

    A generator would not do: closing one that was never started runs none of its code.
    """

    def __init__(self, lines: Iterable[str], slot: DownloadSlot) -> None:
        self._lines = lines
        self._slot = slot

    def __iter__(self) -> Iterator[str]:
        try:
            yield from self._lines
        finally:
            self.close()

    def close(self) -> None:
        self._slot.close()


def download(
    name: str, content_type: str, lines: Iterable[str], slot: DownloadSlot
) -> StreamingHttpResponse:
    """A file of these lines. Its name gets today's date: `audit.csv` is `audit-2027-03-01.csv`."""
    stem, _, ending = name.rpartition(".")
    dated = f"{stem}-{timezone.now():%Y-%m-%d}.{ending}"
    return StreamingHttpResponse(
        _Lines(lines, slot),
        content_type=f"{content_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{dated}"'},
    )
