"""The database dies and comes back. Nothing is accepted in between, and nothing needs a restart."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings

from core.postgresql.base import PAUSE
from credentials.error_codes import help_url
from tests.credentials.running_console import RunningConsole
from tests.house.compose import SERVICES
from tests.plugins.postgres import PostgresServer, find_binaries
from tests.scale.balancer import balancer
from tests.scale.callers import AppCalls, Caller, DeveloperCalls, caller
from tests.scale.conftest import Installation
from tests.scale.postgres_pair import DURABLE, copy
from tests.scale.replacing import replaced

MESSAGE = "The service is temporarily unavailable. Try again in a moment."
# Seconds. A machine that refuses connections is noticed at once.
PATIENCE = 2.0
RECOVERY = 5.0


@contextmanager
def server(copy_of: str) -> Iterator[PostgresServer]:
    postgres = PostgresServer(find_binaries(), settings=DURABLE)
    try:
        postgres.start()
        copy(copy_of, postgres.url)
        yield postgres
    finally:
        postgres.stop()


@pytest.fixture
def postgres(installation: Installation) -> Iterator[PostgresServer]:
    with server(installation.url) as started:
        yield started


@pytest.fixture
def console(postgres: PostgresServer) -> Iterator[RunningConsole]:
    with RunningConsole(postgres.url) as running:
        running.wait()
        yield running


@pytest.fixture
def balanced(console: RunningConsole, installation: Installation) -> Iterator[AppCalls]:
    """The app behind the balancer of docker-compose.yml."""
    host = f"localhost:{console.port}"
    with balancer([f"127.0.0.1:{console.port}"] * 2, host) as port, caller(port, host) as made:
        yield AppCalls(made, installation.authorization)


def is_healthy(console: RunningConsole) -> bool:
    """Runs the health check of the web servers in docker-compose.yml."""
    mark, _, option, program = SERVICES["web"]["healthcheck"]["test"]
    assert (mark, option) == ("CMD", "-c")
    program = replaced(program, ("//127.0.0.1:8000/", f"//127.0.0.1:{console.port}/"))
    done = subprocess.run(
        [sys.executable, option, program],
        env={"ORIGIN": console.origin},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


@pytest.fixture
def calls(console: RunningConsole) -> Iterator[Caller]:
    with caller(console.port) as made:
        yield made


@pytest.mark.slow
def test_while_the_database_is_away_nothing_is_accepted_and_then_all_is_as_before(
    postgres: PostgresServer,
    console: RunningConsole,
    calls: Caller,
    balanced: AppCalls,
    installation: Installation,
) -> None:
    app = AppCalls(calls, installation.authorization)
    developer = DeveloperCalls(calls, installation.sessions[0])
    granted = app.exchange(installation.jwt)
    assert granted.status == 200
    access_token = granted.json["access_token"]
    assert developer.get("/console/").status == 200
    assert calls.send("GET", "/healthz/ready").status == 200
    assert is_healthy(console)
    assert balanced.exchange(installation.jwt).status == 200

    # The next request does not notice a restart of the database.
    postgres.kill()
    postgres.launch()
    # A background row may have met the gap; then requests wait for the next attempt.
    time.sleep(PAUSE)
    assert app.exchange(installation.jwt).status == 200

    postgres.kill()
    started = time.monotonic()
    refused = app.exchange(installation.jwt)
    assert time.monotonic() - started < PATIENCE
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["Cache-Control"] == "no-store"
    assert "X-Request-Id" in refused.headers
    assert refused.json == {
        "error": "temporarily_unavailable",
        "error_description": MESSAGE,
        "error_uri": help_url("CMN-201").replace(settings.ORIGIN, console.origin),
        "errors": [{"errorCode": "CMN-201", "message": MESSAGE}],
    }
    assert app.refresh(granted.json["refresh_token"]).code == "CMN-201"
    called = app.account(access_token)
    assert (called.status, called.headers["Retry-After"]) == (503, "2")
    assert called.json == {
        "errorCode": "CMN-201",
        "message": MESSAGE,
        "errors": [{"errorCode": "CMN-201", "message": MESSAGE}],
    }
    verified = calls.send(
        "GET", "/sandbox/restapi/oauth/verify", headers={"Authorization": f"Bearer {access_token}"}
    )
    assert verified.status == 503
    page = developer.get("/console/")
    assert (page.status, page.headers["Retry-After"]) == (503, "2")
    assert "We didn’t save any changes" in page.body.decode()
    ready = calls.send("GET", "/healthz/ready")
    assert ready.status == 503
    assert "database" in ready.json["problem"]
    assert calls.send("GET", "/healthz/live").status == 200
    assert not is_healthy(console)
    # By now no server is ready. The balancer passes on what a console says, not words of its own.
    through_the_balancer = balanced.exchange(installation.jwt)
    assert (through_the_balancer.status, through_the_balancer.code) == (503, "CMN-201")
    # Threads that all wait for the database could not answer health checks.
    started = time.monotonic()
    assert [app.exchange(installation.jwt).status for _ in range(20)] == [503] * 20
    assert time.monotonic() - started < PATIENCE

    postgres.launch()

    deadline = time.monotonic() + RECOVERY
    while app.exchange(installation.jwt).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # What was refused meanwhile is as good as before.
    assert app.refresh(granted.json["refresh_token"]).status == 200
    assert app.account(access_token).status == 200
    assert developer.get("/console/").status == 200
