"""The whole product through pgbouncer in transaction mode, as docker-compose.yml sets it up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import AuditEvent, AuditKind
from credentials.models import ExchangeUsage, JwtCredential
from tests.credentials.running_console import RunningConsole
from tests.scale.callers import AppCalls, DeveloperCalls, caller
from tests.scale.conftest import BROWSERS, Installation
from tests.scale.pgbouncer import pgbouncer

# Fewer than threads, so that anything left in a session would affect another request.
SERVER_CONNECTIONS = 4
CALLERS = BROWSERS
ROUNDS = 5


@pytest.fixture
def database_url(installation: Installation) -> Iterator[str]:
    with pgbouncer(installation.url, connections=SERVER_CONNECTIONS) as url:
        yield url


@pytest.fixture
def console(database_url: str) -> Iterator[RunningConsole]:
    with RunningConsole(database_url, DATABASE_IS_PGBOUNCER="1", GRANIAN_WORKERS="2") as running:
        running.wait()
        yield running


def live(console: RunningConsole, installation: Installation, number: int) -> list[int]:
    """One developer with an app exchanges, refreshes, calls, and writes in the console."""
    statuses = []
    with caller(console.port) as calls:
        app = AppCalls(calls, installation.authorization)
        developer = DeveloperCalls(calls, installation.sessions[number])
        for _ in range(ROUNDS):
            granted = app.exchange(installation.jwt)
            refreshed = app.refresh(granted.json["refresh_token"])
            called = app.account(refreshed.json["access_token"])
            statuses += [granted.status, refreshed.status, called.status]
        created, credential_id = developer.create(f"Key {number}")
        jwt = developer.jwt(credential_id)
        statuses += [created.status, app.exchange(jwt).status]
        statuses.append(developer.revoke(credential_id).status)
        assert app.exchange(jwt).code == "JWT-102"
    return statuses


def test_many_callers_share_few_database_connections(
    console: RunningConsole, installation: Installation
) -> None:
    existing = set(JwtCredential.objects.values_list("pk", flat=True))
    with ThreadPoolExecutor(CALLERS) as pool:
        found = list(pool.map(lambda number: live(console, installation, number), range(CALLERS)))
    assert found == [[200] * 3 * ROUNDS + [302, 200, 302]] * CALLERS

    made = JwtCredential.objects.exclude(pk__in=existing)
    assert made.count() == CALLERS
    assert all(credential.revoked_at for credential in made)
    for kind in (AuditKind.JWT_CREDENTIAL_CREATED, AuditKind.JWT_CREDENTIAL_REVOKED):
        events = AuditEvent.objects.filter(kind=kind, target_id__in=map(str, made))
        assert events.count() == len({event.target_id for event in events})
    usage = ExchangeUsage.objects.filter(credential__in=existing).values_list(
        "exchanges", flat=True
    )
    # One exchange created the keys before the console started.
    assert sum(usage) == 2 * CALLERS * ROUNDS + 1
    assert server_connections() <= SERVER_CONNECTIONS


def server_connections() -> int:
    """How many connections the database has besides this test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            # Excludes a vacuum that the server starts by itself.
            " AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])
