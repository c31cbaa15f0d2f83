"""The console as it is served, in a process of its own that can be killed."""

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from django.db import connection

from tests.house.sources import ROOT
from tests.plugins.environment import ENVIRONMENT
from tests.plugins.postgres import children_of
from tests.ports import free_port

START_SECONDS = 60
CSRF = "c" * 32


class RunningConsole:
    """`bin/serve` on a free port of loopback. Leaving the block kills it without warning."""

    def __init__(self, database_url: str, **settings: str) -> None:
        self.port = free_port()
        self._environment = {
            **os.environ,
            **ENVIRONMENT,
            "DATABASE_URL": database_url,
            "EMAIL_URL": "dummymail://",
            "GRANIAN_HOST": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
            "ORIGIN": f"http://localhost:{self.port}",
            "PORT": str(self.port),
            # It accepts credentials that the test issued under its own address.
            "SANDBOX_PREVIOUS_BASE_URLS": f"{ENVIRONMENT['ORIGIN']}/sandbox",
            **settings,
        }
        self.start()

    @property
    def origin(self) -> str:
        return self._environment["ORIGIN"]

    def start(self) -> None:
        """Also once more, after it was stopped."""
        # A group of its own: the server and its workers die together.
        self.process = subprocess.Popen(
            [ROOT / "bin" / "serve"], env=self._environment, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with closing(self._connection()) as http_connection:
                    http_connection.request("GET", "/healthz/live")
                    status = http_connection.getresponse().status
            except OSError:
                time.sleep(0.05)
            else:
                assert status == 200
                return
        raise AssertionError("The console did not start.")

    def post(self, path: str, fields: dict[str, Any], session: str) -> tuple[int, str]:
        """Status and location of one answer. Raises if none comes."""
        body = urlencode({**fields, "csrfmiddlewaretoken": CSRF}, doseq=True)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"session={session}; csrftoken={CSRF}",
        }
        status, received, _ = self.request("POST", path, body, headers)
        return status, received.get("Location", "")

    def request(
        self,
        method: str,
        path: str,
        body: str | Iterable[bytes] = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Message, bytes]:
        """Status, headers and body of one answer. Raises if none comes.

        A body in pieces is sent in chunks.
        """
        sent = {"Host": f"localhost:{self.port}"} | (headers or {})
        with closing(self._connection()) as http_connection:
            http_connection.request(method, path, body, sent)
            response = http_connection.getresponse()
            return response.status, response.headers, response.read()

    def manage(self, *arguments: str) -> str:
        """What a command says that an operator gives, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def workers(self) -> set[int]:
        """The processes that serve requests."""
        return set(children_of(self.process.pid))

    def stop(self) -> int:
        """Ask it to end, as the system does, and wait for it; answers the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=START_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)


class SharedDatabase:
    """What other processes use, with everything that the test has committed.

    On PostgreSQL it is the test's own database. On SQLite, which is in memory here, it is a file:
    `open` writes it, and `read` brings back what has become of it.
    """

    def __init__(self, directory: Path) -> None:
        self.file = directory / "console.sqlite3"

    def open(self) -> str:
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            with closing(sqlite3.connect(self.file)) as file:
                connection.connection.backup(file)
            return f"sqlite:///{self.file}"
        settings = connection.settings_dict
        user, password = quote(settings["USER"]), quote(settings["PASSWORD"], safe="")
        return f"postgresql://{user}:{password}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"

    def read(self) -> None:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(self.file)) as file:
                _leave_log(file)
                file.backup(connection.connection)
            return
        deadline = time.monotonic() + START_SECONDS
        while _others() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert _others() == 0


def _leave_log(file: sqlite3.Connection) -> None:
    """Recover what the killed process left; SQLite does not wait until its last worker is gone."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            file.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _others() -> int:
    """How many other connections the database still has: those of the killed process end soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])
