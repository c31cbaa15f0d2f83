"""Servers are restarted under load. Behind a balancer, no request fails."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connection, transaction

from credentials.models import AddressUse, JwtCredential
from tests.credentials.running_console import RunningConsole
from tests.scale.balancer import balancer
from tests.scale.callers import CLIENT, Answer, DeveloperCalls, caller
from tests.scale.conftest import Installation
from tests.scale.workload import Workload

# Behind a balancer, both servers have the same name.
HOST = "localhost"
DRAIN_SECONDS = 1
PATIENCE = 30.0  # seconds
# The end of the old process can reset the kept-alive connection of each caller once.
MAX_RESETS = 8


@contextmanager
def two_servers(installation: Installation) -> Iterator[list[RunningConsole]]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                RunningConsole(
                    installation.url,
                    ORIGIN=f"http://{HOST}",
                    DRAIN_SECONDS=str(DRAIN_SECONDS),
                    TRUSTED_PROXY_COUNT="2",
                    # The port names the file that tells a server to stop.
                    GRANIAN_WORKERS="1",
                )
            )
            for _ in range(2)
        ]
        for server in servers:
            server.wait()
        yield servers


def wait_until_ready(server: RunningConsole) -> None:
    server.wait()
    with caller(server.port, HOST) as connection:
        deadline = time.monotonic() + PATIENCE
        while connection.send("GET", "/healthz/ready").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def failures(answers: Counter[str]) -> dict[str, int]:
    """Count failed answers by request and status, 0 for none.

    `ready` can answer 503, because that is how a balancer learns about a stop.
    """
    return {
        name: count
        for name, count in answers.items()
        if name.rpartition(" ")[2] not in ("200", "302") and not name.startswith("ready")
    }


@pytest.mark.slow
def test_a_rolling_restart_behind_a_balancer_loses_nothing(installation: Installation) -> None:
    with (
        two_servers(installation) as servers,
        balancer([f"127.0.0.1:{server.port}" for server in servers], HOST) as port,
        Workload(port, installation, HOST) as workload,
    ):
        time.sleep(0.5)
        for server in servers:
            assert server.stop() == 0
            server.start()
            wait_until_ready(server)
            # The balancer needs two successful checks, on a machine that is busy.
            time.sleep(1.5)
    workload.raise_failures()
    record = workload.record
    assert failures(record.answers) == {}
    assert record.accepted_after_revocation == []
    assert record.sessions == 1
    assert record.answers["exchange 200"] > 100
    assert record.answers["revoke 302"] > 5
    # These pass through both proxies.
    assert CLIENT in AddressUse.objects.values_list("address", flat=True)


@pytest.mark.slow
def test_a_reload_of_one_server_resets_a_few_connections_at_most(
    installation: Installation,
) -> None:
    with RunningConsole(installation.url) as server:
        server.wait()
        before = server.workers()
        with Workload(server.port, installation) as workload:
            time.sleep(0.5)
            server.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + PATIENCE
            while before & server.workers() and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not before & server.workers()
            time.sleep(0.5)
        workload.raise_failures()
    record = workload.record
    # No answer is an error. Requests that were reset are repeated with the same effect.
    assert {name.rpartition(" ")[2] for name in failures(record.answers)} <= {"0"}
    assert sum(failures(record.answers).values()) <= MAX_RESETS
    assert record.accepted_after_revocation == []
    assert record.sessions == 1
    assert record.answers["exchange 200"] > 100


def test_a_request_under_way_is_finished_before_the_server_ends(installation: Installation) -> None:
    """The request waits for a database lock while its server is told to end."""
    with RunningConsole(installation.url) as server, caller(server.port) as connection_to_it:
        server.wait()
        developer = DeveloperCalls(connection_to_it, installation.sessions[0])
        _, credential_id = developer.create("Key")
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                JwtCredential.objects.select_for_update().get(pk=credential_id)
                revoking = pool.submit(developer.revoke, credential_id)
                wait_until_it_waits(revoking)
                server.process.terminate()
                time.sleep(1)
                assert server.process.poll() is None
            assert revoking.result().status == 302
        assert server.process.wait(timeout=PATIENCE) == 0
    assert JwtCredential.objects.get(pk=credential_id).revoked_at


def wait_until_it_waits(request: "Future[Answer]") -> None:
    """Wait until the request waits for a database lock."""
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            # Not `pg_stat_activity`, which stays the same within a transaction.
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert not request.done(), request.result()
            time.sleep(0.05)
    raise AssertionError("The request does not wait.")
