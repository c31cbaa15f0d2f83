"""What a reader of docker-compose.yml can't see: whether its scripts and health checks work.

Commands, environments and health checks are the file's own, run as processes on loopback with other
addresses, ports and paths. tests/house/test_compose.py checks everything else, and
test_database_away.py runs the health check of the web servers.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import redis
import structlog
from django.core.cache import cache
from pytest_django import Settings

from console.env import with_password
from core.shared_cache import OUTAGE
from credentials import throttle
from tests.house.compose import COMPOSE, SERVICES, interpolated_in
from tests.house.sources import ROOT
from tests.plugins.postgres import (
    descendants_of,
    end_with_parent,
    find_binaries,
    reachable,
    server_user,
)
from tests.ports import free_port
from tests.scale.replacing import replaced

# Seconds: how long something can take on a busy machine, and between two attempts.
PATIENCE, PAUSE = 30.0, 0.05
PASSWORD = "compose-only-password"
PROMOTE = re.search(
    r"^docker compose --env-file production.env exec standby (psql .*)$",
    (ROOT / "docs" / "how-to" / "scale.md").read_text(),
    re.MULTILINE,
)
# What the image of PostgreSQL does before it runs a command: an empty volume gets a superuser and a
# database. Here servers listen on loopback only, and don't wait for the disk.
ENTRYPOINT = """#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$PGHOST'"
        echo "fsync = off"
    } >> "$PGDATA/postgresql.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -j postgres
fi
exec "$@"
"""


def wait_until(come: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(PAUSE)


class Cluster:
    """The machine of both databases."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Other users can pass through it, but not read it.
        directory.chmod(0o711)
        self.ports = {name: free_port() for name in ("postgres", "standby")}
        self.binaries = reachable(find_binaries(), directory)
        (directory / "bin").mkdir()
        entrypoint = directory / "bin" / "docker-entrypoint.sh"
        entrypoint.write_text(ENTRYPOINT)
        entrypoint.chmod(0o755)
        self.hba = directory / "pg_hba.conf"
        self.hba.write_text(COMPOSE["configs"]["pg_hba"]["content"])
        self.hba.chmod(0o444)
        self.password = directory / "postgres_password"
        self.password.write_text(f"{PASSWORD}\n")
        self.private("sockets")

    def private(self, name: str) -> Path:
        """A directory that only the databases use."""
        made = self.directory / name
        made.mkdir(mode=0o700, exist_ok=True)
        if user := server_user():
            shutil.chown(made, user)
        return made


class Database:
    """A container of the service `postgres` or `standby`."""

    def __init__(self, cluster: Cluster, name: str, *, primary: str) -> None:
        self.name = name
        self.port = cluster.ports[name]
        self.volume = cluster.private(name)
        variables = {"POSTGRES_PRIMARY": primary}
        service = interpolated_in(SERVICES[name], variables)
        assert service["environment"]["POSTGRES_PRIMARY"] == primary
        self._command = service["command"]
        self._command[-1] = replaced(
            self._command[-1],
            ("--host=$POSTGRES_PRIMARY ", f"--host=127.0.0.1 --port={cluster.ports[primary]} "),
            ("/etc/pg_hba.conf", str(cluster.hba)),
            ("/run/secrets/postgres_password", str(cluster.password)),
        )
        mark, *self._health_check = service["healthcheck"]["test"]
        assert mark == "CMD"
        path = f"{cluster.directory / 'bin'}:{cluster.binaries}:{os.environ['PATH']}"
        self._environment = {key: str(value) for key, value in service["environment"].items()} | {
            "POSTGRES_PASSWORD_FILE": str(cluster.password),
            "PATH": path,
            "HOME": "/nonexistent",
            "PGDATA": str(self.volume / "data"),
            "PGHOST": str(cluster.directory / "sockets"),
            "PGPORT": str(self.port),
        }
        self.start()

    def start(self) -> None:
        with (self.volume / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.volume,
                env=self._environment,
                user=server_user(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    @property
    def log(self) -> str:
        return (self.volume / "log").read_text(errors="replace")

    def run(self, *command: str) -> int:
        """Runs a command in the container; returns the exit code."""
        return subprocess.run(
            command,
            cwd=self.volume,
            env=self._environment,
            user=server_user(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        ).returncode

    def wait_until_healthy(self) -> None:
        wait_until(lambda: self.run(*self._health_check) == 0, lambda: self.log)

    def wait_until_followed_by(self, name: str) -> None:
        """Waits until commits wait for the standby."""
        query: LiteralString = "SELECT application_name, sync_state FROM pg_stat_replication"
        wait_until(lambda: self.ask(query) == [(name, "sync")], lambda: self.log)

    def ask(self, query: LiteralString) -> list[tuple[object, ...]]:
        """Runs one statement through the network, and commits."""
        address = f"postgresql://console:{PASSWORD}@127.0.0.1:{self.port}/console"
        with psycopg.connect(address) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def exit_code(self) -> int:
        return self._process.wait(timeout=PATIENCE)

    def stop(self) -> None:
        """Stops it as Docker does: the image of PostgreSQL asks for SIGINT."""
        self._process.send_signal(signal.SIGINT)
        self.exit_code()

    def kill(self) -> None:
        started = descendants_of(self._process.pid)
        for pid in (self._process.pid, *started):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not in `tmp_path`, where the user of the databases can't go.
    with tempfile.TemporaryDirectory(prefix="console-tests-compose-") as directory:
        yield Cluster(Path(directory))


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Callable[[str, str], Database]]:
    """Makes the container of a database, with a value of POSTGRES_PRIMARY."""
    started: list[Database] = []

    def made(name: str, primary: str) -> Database:
        started.append(Database(cluster, name, primary=primary))
        return started[-1]

    yield made
    for database in started:
        database.kill()


@pytest.mark.slow
def test_a_lost_primary_is_replaced_and_comes_back_as_the_standby(
    start: Callable[[str, str], Database],
) -> None:
    primary = start("postgres", "postgres")
    primary.wait_until_healthy()
    standby = start("standby", "postgres")
    primary.wait_until_followed_by("standby")
    standby.wait_until_healthy()
    primary.ask("CREATE TABLE kept (number int)")
    primary.ask("INSERT INTO kept VALUES (1)")

    primary.kill()
    # A standby also starts without its primary.
    standby.stop()
    standby.start()
    standby.wait_until_healthy()
    assert PROMOTE
    assert standby.run(*shlex.split(PROMOTE[1])) == 0
    standby.stop()
    new_primary = start("standby", "standby")
    new_primary.wait_until_healthy()
    assert new_primary.ask("SELECT number FROM kept") == [(1,)]
    # A write doesn't wait for a standby that is gone.
    assert new_primary.ask("INSERT INTO kept VALUES (2)") == []

    old = start("postgres", "standby")
    assert old.exit_code() == 1
    assert "postgres is no copy of it" in old.log

    shutil.rmtree(old.volume)
    copy = start("postgres", "standby")
    new_primary.wait_until_followed_by("postgres")
    copy.wait_until_healthy()
    assert copy.ask("SELECT pg_is_in_recovery(), max(number) FROM kept") == [(True, 2)]


@pytest.fixture
def shared_cache(tmp_path: Path) -> Iterator[str]:
    """The address of the service `redis` as the console's services have it, once it is healthy."""
    port, secret = free_port(), tmp_path / "redis_password"
    secret.write_text(f"{PASSWORD}\n")
    service = interpolated_in(SERVICES["redis"], {})
    file = ("/run/secrets/redis_password", str(secret))
    *shell, script = service["command"]
    script = replaced(
        script, file, ("redis-server -", f"redis-server - --bind 127.0.0.1 --port {port}")
    )
    mark, check = service["healthcheck"]["test"]
    assert mark == "CMD-SHELL"
    check = replaced(check, file, ("redis-cli ", f"redis-cli -p {port} "))

    def exit_code() -> int:
        return subprocess.run(["sh", "-c", check], check=False).returncode

    with subprocess.Popen([*shell, script], cwd=tmp_path, stdout=subprocess.DEVNULL) as cache:
        try:
            wait_until(lambda: exit_code() == 0, lambda: "The cache did not start.")
            secret.write_text("wrong")
            assert exit_code() != 0
            address = SERVICES["web"]["environment"]["CACHE_URL"]
            here = replaced(address, ("@redis:6379", f"@127.0.0.1:{port}"))
            yield with_password(here, PASSWORD)
        finally:
            cache.kill()


def test_the_cache_serves_the_console_and_no_one_else(
    shared_cache: str, settings: Settings
) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "core.shared_cache.ForgivingRedisCache", "LOCATION": shared_cache}
    }
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "Auth": (2, 60)}
    throttle.limiter.cache_clear()
    OUTAGE.forget()
    with structlog.testing.capture_logs() as logs:
        cache.set("key", ["value"], 60)
        assert cache.get("key") == ["value"]
        assert (cache.add("key", 1), cache.touch("key", 60), cache.delete("key")) == (False, 1, 1)
        hits = [throttle.hit(throttle.LimitGroup.AUTH, "app") for _ in range(3)]
    assert [hit and hit.retry_after is None for hit in hits] == [True, True, False]
    assert logs == []
    throttle.limiter.cache_clear()
    client = redis.Redis.from_url(shared_cache)
    for refused in ("FLUSHALL", "KEYS *", "CONFIG GET *", "ACL LIST", "FLUSHDB"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*refused.split())  # type: ignore[no-untyped-call]
    stranger = redis.Redis.from_url(re.sub("//.*@", "//", shared_cache))
    with pytest.raises(redis.exceptions.AuthenticationError):
        stranger.get("key")
