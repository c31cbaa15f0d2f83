"""What operators see in the log and in the metrics when the database or a process dies."""

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.credentials.running_console import RunningConsole
from tests.plugins.postgres import PostgresServer, find_binaries
from tests.ports import free_port
from tests.scale.callers import AppCalls, caller
from tests.scale.conftest import Installation
from tests.scale.pgbouncer import pgbouncer
from tests.scale.postgres_pair import DURABLE, copy
from tests.scale.test_metrics import TOKEN, figures

PATIENCE = 20.0  # seconds
AWAY, FAILURES = ("console_database_away", ()), ("console_database_connection_failures_total", ())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def events(stderr: str) -> list[str]:
    """Every line is JSON."""
    return [json.loads(line)["event"] for line in stderr.splitlines()]


@pytest.mark.slow
def test_an_outage_behind_pgbouncer_is_logged_once_and_counted(
    installation: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    postgres, port = PostgresServer(find_binaries(), settings=DURABLE), free_port()
    try:
        postgres.start()
        copy(installation.url, postgres.url)
        with (
            pgbouncer(postgres.url, connections=2) as url,
            RunningConsole(
                url,
                DATABASE_IS_PGBOUNCER="1",
                LOG_LEVEL="WARNING",
                METRICS_PORT=str(port),
                METRICS_TOKEN=TOKEN,
            ) as console,
            caller(console.port) as calls,
        ):
            console.wait()
            app = AppCalls(calls, installation.authorization)
            assert app.exchange(installation.jwt).status == 200
            capfd.readouterr()
            postgres.kill()
            wait_until(lambda: app.exchange(installation.jwt).status == 503)
            wait_until(
                lambda: app.exchange(installation.jwt).status == 503 and figures(port)[AWAY] == 1
            )
            assert figures(port)[FAILURES] >= 1
            # Others don't wait for pgbouncer.
            started = time.monotonic()
            assert {app.exchange(installation.jwt).code for _ in range(20)} == {"CMN-201"}
            assert time.monotonic() - started < PATIENCE / 2
            postgres.launch()
            wait_until(lambda: app.exchange(installation.jwt).status == 200)
            wait_until(lambda: figures(port)[AWAY] == 0)
            found = events(capfd.readouterr().err)
            assert [found.count(event) for event in ("database_away", "database_back")] == [1, 1]
    finally:
        postgres.stop()


@pytest.mark.slow
def test_a_process_that_crashes_is_in_the_log_and_replaced(
    installation: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    with RunningConsole(installation.url) as console:
        console.wait()
        capfd.readouterr()
        crashed = console.workers()
        os.kill(max(crashed), signal.SIGKILL)
        wait_until(lambda: bool(console.workers() - crashed))
        console.wait()
        assert "process_crashed" in events(capfd.readouterr().err)
