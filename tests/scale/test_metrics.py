"""The metrics for Prometheus, from a server with two processes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.credentials.running_console import RunningConsole
from tests.ports import free_port
from tests.scale.callers import AppCalls, Caller, DeveloperCalls, caller
from tests.scale.conftest import Installation

TOKEN = "a-token-of-the-monitoring-system"
PATIENCE = 10.0  # seconds
Labels = tuple[tuple[str, str], ...]
Figures = dict[tuple[str, Labels], float]
# The values of the labels that have few.
KNOWN = {
    "api": {"auth", "rest"},
    "environment": {"sandbox", "production", "none"},
    "grant": {"jwt-bearer", "refresh_token", "none"},
    "result": {"granted", "refused", "error"},
    "state": {"busy", "idle"},
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def console(installation: Installation, port: int) -> Iterator[RunningConsole]:
    with RunningConsole(
        installation.url,
        GRANIAN_WORKERS="2",
        METRICS_PORT=str(port),
        METRICS_TOKEN=TOKEN,
    ) as running:
        running.wait()
        yield running


@contextmanager
def fresh(console: RunningConsole) -> Iterator[Caller]:
    """A new connection, which either process can accept."""
    with caller(console.port) as connection:
        yield connection


def figures(port: int, token: str = TOKEN) -> Figures:
    with caller(port) as monitoring:
        answer = monitoring.send("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def use(console: RunningConsole, installation: Installation) -> None:
    for _ in range(8):
        with fresh(console) as calls:
            app = AppCalls(calls, installation.authorization)
            granted = app.exchange(installation.jwt).json
            app.refresh(granted["refresh_token"])
    with fresh(console) as calls:
        app = AppCalls(calls, installation.authorization)
        assert app.exchange("garbage").code == "JWT-101"
        assert app.token(grant_type="password").code == "OAU-250"
        assert app.account("garbage").code == "OAU-149"
        DeveloperCalls(calls, installation.sessions[0]).get("/console/")
        calls.send("GET", "/console/my-credentials/not-there")


def test_answers_are_counted_across_all_processes_and_no_label_names_anyone(
    console: RunningConsole, installation: Installation, port: int
) -> None:
    use(console, installation)
    found = figures(port)
    sandbox = ("environment", "sandbox")

    def token_requests(grant: str, result: str) -> float:
        labels = tuple(sorted((sandbox, ("grant", grant), ("result", result))))
        return found[("console_token_requests_total", labels)]

    def refusals(api: str, code: str) -> float:
        labels = tuple(sorted((sandbox, ("api", api), ("code", code))))
        return found[("console_refusals_total", labels)]

    def requests(endpoint: str, status: int) -> float:
        labels = (("endpoint", endpoint), ("status", str(status)))
        return found[("console_requests_total", labels)]

    assert token_requests("jwt-bearer", "granted") == 8
    assert token_requests("refresh_token", "granted") == 8
    assert token_requests("jwt-bearer", "refused") == 1
    assert token_requests("none", "refused") == 1
    assert refusals("auth", "JWT-101") == refusals("auth", "OAU-250") == 1
    assert refusals("rest", "OAU-149") == 1
    assert requests("token", 200) == 16
    assert requests("page", 200) == requests("page", 404) == 1
    assert found[("console_request_seconds_count", (("endpoint", "token"),))] == 18
    for name, labels in found:
        for label, value in labels:
            assert label in {*KNOWN, "code", "endpoint", "le", "status", "writer"}, name
            assert value in KNOWN.get(label, {value})


def test_gauges_are_updated_every_two_seconds_for_callers_with_the_token(
    console: RunningConsole, installation: Installation, port: int
) -> None:
    use(console, installation)
    deadline = time.monotonic() + PATIENCE
    idle = ("console_database_connections", (("state", "idle"),))
    while (found := figures(port))[idle] < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    # By then, each process has used the database, at least to write usage.
    assert found[idle] >= 2
    assert found[("console_processes", ())] == 2
    assert found[("console_database_away", ())] == 0
    assert found[("console_background_queue", (("writer", "usage"),))] >= 0
    assert found[("console_background_dropped_total", (("writer", "usage"),))] == 0
    with caller(port) as monitoring:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            answer = monitoring.send("GET", "/metrics", headers=headers)
            assert (answer.status, answer.body) == (401, b"")
    with fresh(console) as calls:
        assert calls.send("GET", "/metrics").status == 404
