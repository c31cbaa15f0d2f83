"""A server process streams a few downloads at once, and one for each person."""

from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse

from core.downloads import DOWNLOADS_AT_ONCE, DownloadRefused, DownloadSlot, download


def started() -> StreamingHttpResponse:
    return download("audit.csv", "text/csv", ["a\n", "b\n"], DownloadSlot(uuid4()))


def test_a_person_has_one_download_at_a_time() -> None:
    person = uuid4()
    slot = DownloadSlot(person)
    with pytest.raises(DownloadRefused, match=r"^Your previous export is still running\."):
        DownloadSlot(person)
    slot.close()
    DownloadSlot(person)


def test_a_process_has_a_few_downloads_at_a_time(db: None) -> None:
    running = [started() for _ in range(DOWNLOADS_AT_ONCE)]
    with pytest.raises(DownloadRefused, match=r"^Other exports are still running\."):
        started()
    # One is read to its end.
    assert running[0].getvalue() == b"a\nb\n"
    running[0] = started()
    # The client of one leaves, before and in the middle of it.
    running[0].close()
    running[0] = started()
    next(iter(running[0]))
    running[0].close()
    assert started().getvalue() == b"a\nb\n"


def test_a_slot_that_was_closed_twice_ends_no_later_download() -> None:
    person = uuid4()
    former = DownloadSlot(person)
    former.close()
    current = DownloadSlot(person)
    former.close()
    with pytest.raises(DownloadRefused):
        DownloadSlot(person)
    current.close()


def test_a_download_that_was_never_sent_keeps_no_slot() -> None:
    for _ in range(DOWNLOADS_AT_ONCE + 1):
        started()
