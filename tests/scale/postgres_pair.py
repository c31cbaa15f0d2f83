"""A real PostgreSQL server with a synchronous standby on loopback. The primary can be killed."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.plugins.postgres import SERVER_SETTINGS, PostgresServer, find_binaries

SECONDS = 30
# Durable, as in production.
DURABLE = {
    **SERVER_SETTINGS,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
}


@dataclass
class Standby(PostgresServer):
    """A copy of the primary that follows it and answers reads."""

    primary: PostgresServer = field(kw_only=True)

    def _initialize(self) -> None:
        self.password = self.primary.password
        self.run(
            "pg_basebackup",
            f"--pgdata={self._data}",
            "--host=127.0.0.1",
            f"--port={self.primary.port}",
            "--username=postgres",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        )

    def promote(self) -> float:
        """Make the standby accept writes. Returns how many seconds that took."""
        started = time.monotonic()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        return time.monotonic() - started


@dataclass
class Pair:
    primary: PostgresServer
    standby: Standby

    @property
    def url(self) -> str:
        """The URL of both hosts. A client uses the one that accepts writes."""
        ports = (self.primary.port, self.standby.port)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://postgres:{self.primary.password}@{hosts}/postgres"


@contextmanager
def postgres_pair(copy_of: str) -> Iterator[Pair]:
    """Two servers with a copy of the database at this URL. Commits wait for both."""
    primary = PostgresServer(find_binaries(), settings=DURABLE)
    standby = Standby(
        find_binaries(), settings={**DURABLE, "cluster_name": "standby"}, primary=primary
    )
    try:
        primary.start()
        copy(copy_of, primary.url)
        standby.start()
        make_synchronous(primary)
        yield Pair(primary, standby)
    finally:
        standby.stop()
        primary.stop()


def copy(source: str, target: str) -> None:
    binaries = find_binaries()
    dump = subprocess.run(
        [binaries / "pg_dump", f"--dbname={source}", "--no-owner"], capture_output=True, check=True
    )
    subprocess.run(
        [binaries / "psql", f"--dbname={target}", "--quiet", "--set=ON_ERROR_STOP=1"],
        input=dump.stdout,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def make_synchronous(primary: PostgresServer) -> None:
    with psycopg.connect(primary.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
            if found == [("sync",)]:
                return
            time.sleep(0.05)
    raise AssertionError(f"The standby does not follow: {found}")
