"""Measures subjects in rounds, stops the servers at the end, and copies the database."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql

from benchmarks import load
from benchmarks.load import Response
from benchmarks.seed import Seeded, add_usage, multiply
from benchmarks.servers import GRANIAN, Cores, CpuClock, Server, parent_of

WARM_UP = 1_000
"""Requests before each round of a second or more, which open connections and prepare statements."""

Check = Callable[[Response], None]


class WrongAnswer(Exception):
    """A server gave a wrong answer, so its figures would be meaningless."""


@dataclass
class Measured:
    """One round: CPU in microseconds per request, latencies in milliseconds."""

    cpu: float
    database_cpu: float
    """The CPU of all processes of PostgreSQL."""
    log_bytes: float
    """The bytes that PostgreSQL wrote to its write-ahead log."""
    per_second: float
    p50: float
    p99: float


class Database:
    """The PostgreSQL server, with its CPU time and the size of its log."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        # Its main process, which starts one for each connection.
        self.process = parent_of(self._connection.info.backend_pid)

    def log_position(self) -> int:
        """In bytes, from the beginning of all logs."""
        row = self._connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._connection.close()


@dataclass
class Subject:
    """One kind of request at one server."""

    name: str
    server: Server
    requests: Iterator[bytes]
    check: Check
    rounds: list[Measured] = field(default_factory=list)

    def measure(self, seconds: float, database: Database) -> None:
        """One round after a warm-up. Each response is checked."""
        self.server.wait()
        port = self.server.port
        warm = load.run(port, self.requests, count=WARM_UP if seconds >= 1 else load.CONNECTIONS)
        clock, database_clock = CpuClock(self.server.process.pid), CpuClock(database.process)
        log_begins = database.log_position()
        done = load.run(port, self.requests, seconds=seconds)
        used, database_used = clock.seconds(), database_clock.seconds()
        log_bytes = database.log_position() - log_begins
        for response in [*warm.responses, *done.responses]:
            self.check(response)
        answered = len(done.responses)
        self.rounds.append(
            Measured(
                cpu=used / answered * 1e6,
                database_cpu=database_used / answered * 1e6,
                log_bytes=log_bytes / answered,
                per_second=answered / done.seconds,
                p50=done.percentile(0.50) * 1000,
                p99=done.percentile(0.99) * 1000,
            )
        )

    @property
    def best(self) -> Measured:
        return min(self.rounds, key=lambda measured: measured.cpu)


class Servers:
    """The servers of a run. Stops those that started at its end."""

    def __init__(self, cores: Cores, directory: Path) -> None:
        self._cores = cores
        self._directory = directory
        self._added: list[Server] = []

    def add(self, name: str, command: Sequence[str], **environment: str) -> Server:
        log = self._directory / f"{name}.log"
        server = Server(command, environment, self._cores.keep_server, log)
        self._added.append(server)
        return server

    def ours(self, name: str, database: str, **environment: str) -> Server:
        """Our server without rate limits. Like the others, it logs only errors."""
        return self.add(
            name,
            ["bin/serve", "--host", "127.0.0.1"],
            **{
                "DATABASE_URL": database,
                "LOG_LEVEL": "ERROR",
                **{f"RATE_LIMIT_{group}": "off" for group in ("AUTH", "HEAVY", "MEDIUM", "LIGHT")},
                **environment,
            },
        )

    def granian(self, name: str, target: Sequence[str], **environment: str) -> Server:
        command = [*GRANIAN, "--host", "127.0.0.1", "--port", "{port}", *target]
        return self.add(name, command, **environment)

    def stop(self) -> None:
        for server in reversed(self._added):
            server.stop()


class Databases:
    """Copies of the seeded database, each with the requested number of credentials."""

    def __init__(self, seeded: Seeded) -> None:
        self.seeded = seeded
        self._url = os.environ["DATABASE_URL"]
        # A database with connections to it can't be copied.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it

    def url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def copy(self, name: str, credentials: int, usage_rows: int = 0) -> str:
        self._create(name, template="postgres")
        with psycopg.connect(self.url(name), autocommit=True) as database:
            multiply(database, self.seeded, credentials)
            if usage_rows:
                add_usage(database, self.seeded.app.client, usage_rows)
            database.execute("CHECKPOINT")
        return self.url(name)

    def empty(self, name: str) -> str:
        self._create(name, template="template1")
        return self.url(name)

    def _create(self, name: str, *, template: str) -> None:
        with psycopg.connect(self.url("template1"), autocommit=True) as database:
            database.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )

    def server(self) -> Database:
        """Close it afterwards. While it is open, databases can't be copied."""
        return Database(self._url)

    def jwts(self, url: str, count: int) -> list[str]:
        with psycopg.connect(url) as database:
            return self.seeded.jwts(database, count)
