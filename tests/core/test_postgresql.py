"""Whether a connection is alive, and how often a process asks a database that is away.

tests/scale/ has servers that really die.
"""

import gc
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
import pytest
from django.db import connection

from core.postgresql import base
from core.postgresql.base import Absence, is_alive


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    clock = Clock()
    monkeypatch.setattr("core.postgresql.base.time.monotonic", clock)
    return clock


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_request_asks_a_database_that_answers(clock: Clock) -> None:
    absence = Absence()
    assert [absence.allows_asking() for _ in range(3)] == [True] * 3
    assert not absence.is_known


def test_one_request_per_pause_asks_a_database_that_is_away(clock: Clock) -> None:
    absence = Absence()
    absence.note(psycopg.OperationalError("refused"))
    assert absence.is_known
    assert absence.failures == 1
    assert not absence.allows_asking()
    clock.now += base.PAUSE
    assert [absence.allows_asking() for _ in range(3)] == [True, False, False]
    # It has no answer yet.
    clock.now += base.PAUSE
    assert not absence.allows_asking()
    absence.note(psycopg.OperationalError("refused"))
    clock.now += base.PAUSE
    assert absence.allows_asking()


def test_every_request_asks_a_database_that_is_back(clock: Clock) -> None:
    absence = Absence()
    absence.note(psycopg.OperationalError("refused"))
    absence.end()
    assert not absence.is_known
    assert [absence.allows_asking() for _ in range(3)] == [True] * 3
    assert absence.failures == 1


@dataclass
class Connection:
    """A connection with the attributes that `is_alive` reads, and a real socket."""

    ours: socket.socket
    closed: bool = False
    is_dead: bool = False
    executed: list[str] = field(default_factory=list)

    def fileno(self) -> int:
        return self.ours.fileno()

    def execute(self, statement: str) -> None:
        self.executed.append(statement)
        if self.is_dead:
            raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def asked(connection: Connection) -> bool:
    return is_alive(cast("psycopg.Connection[Any]", connection))


def test_a_quiet_connection_counts_as_alive_without_a_round_trip(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    connection = Connection(sockets[0])
    assert asked(connection)
    assert connection.executed == []


def test_a_connection_that_the_server_closed_is_not_alive(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    sockets[1].close()
    assert not asked(Connection(sockets[0], is_dead=True))
    assert not asked(Connection(sockets[0], closed=True))


def test_a_connection_with_a_notice_is_asked(sockets: tuple[socket.socket, socket.socket]) -> None:
    sockets[1].send(b"N")
    connection = Connection(sockets[0])
    assert asked(connection)
    assert connection.executed == [""]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to connect to")
@pytest.mark.django_db(transaction=True)
def test_a_thread_that_ends_closes_its_connection() -> None:
    """It doesn't wait for the garbage collector."""
    opened: list[psycopg.Connection[Any]] = []

    def work() -> None:
        connection.ensure_connection()
        opened.append(connection.connection)

    gc.disable()
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        [made] = opened
        assert made.closed
    finally:
        gc.enable()
