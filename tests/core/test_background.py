"""Background writes are bounded, in order, and never fail an answer."""

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from pytest_django import Settings

from core.background import BackgroundWriter


class Written(list[list[int]]):
    def __call__(self, batch: list[int]) -> None:
        self.append(batch)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def _unregistered() -> Iterator[None]:
    before = list(BackgroundWriter._all)
    yield
    BackgroundWriter._all[:] = before


pytestmark = pytest.mark.usefixtures("_unregistered")


def test_items_are_written_in_one_batch_and_in_order(written: Written) -> None:
    writer = BackgroundWriter("numbers", written, capacity=10)
    assert [writer.put(number) for number in (3, 1, 2)] == [True, True, True]
    assert written == []
    assert writer.flush() == 3
    assert written == [[3, 1, 2]]
    assert writer.flush() == 0
    assert written == [[3, 1, 2]]


def test_a_full_queue_drops_and_counts_items(written: Written) -> None:
    writer = BackgroundWriter("numbers", written, capacity=2)
    assert [writer.put(number) for number in range(5)] == [True, True, False, False, False]
    assert writer.dropped == 3
    writer.flush()
    assert written == [[0, 1]]
    assert writer.put(9)


def test_a_failed_write_is_counted_and_the_next_batch_is_tried() -> None:
    batches: list[list[int]] = []

    def write(batch: list[int]) -> None:
        batches.append(batch)
        if len(batches) == 1:
            raise OSError("the database is away")

    writer = BackgroundWriter("numbers", write, capacity=10)
    writer.put(1)
    writer.put(2)
    writer.flush()
    assert writer.dropped == 2
    writer.put(3)
    writer.flush()
    assert batches == [[1, 2], [3]]
    assert writer.dropped == 2


def test_a_thread_writes_within_seconds(settings: Settings) -> None:
    settings.BACKGROUND_WRITES = True
    done = threading.Event()

    def write(batch: list[int]) -> None:
        done.set()

    writer = BackgroundWriter("numbers", write, capacity=10)
    writer.put(1)
    assert done.wait(timeout=10)


def test_all_writers_are_flushed_and_emptied_together(written: Written) -> None:
    first = BackgroundWriter("first", written, capacity=1)
    second = BackgroundWriter("second", written, capacity=1)
    first.put(1)
    second.put(2)
    second.put(3)
    assert BackgroundWriter.flush_all() == 2
    assert written == [[1], [2]]
    first.put(4)
    BackgroundWriter.discard_all()
    assert BackgroundWriter.flush_all() == 0
    assert second.dropped == 0


def test_while_the_database_is_away_rows_wait_in_their_order(written: Written) -> None:
    away = [True]

    def write(batch: list[int]) -> None:
        if away:
            raise OperationalError("refused")
        written(batch)

    writer = BackgroundWriter("numbers", write, capacity=4)
    for number in (1, 2):
        writer.put(number)
    writer.flush()
    writer.put(3)
    assert (writer.waiting, writer.dropped) == (3, 0)
    away.clear()
    writer.flush()
    assert written == [[1, 2, 3]]


def test_waiting_rows_beyond_the_capacity_are_lost_and_counted() -> None:
    writer: BackgroundWriter[int]

    def write(batch: list[int]) -> None:
        for number in range(3):
            writer.put(number)
        raise OperationalError("refused")

    writer = BackgroundWriter("numbers", write, capacity=4)
    for number in (1, 2):
        writer.put(number)
    writer.flush()
    assert (writer.waiting, writer.dropped) == (3, 2)
