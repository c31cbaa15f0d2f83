"""Counting: exchanges, calls and addresses, by credential, client and day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.background import BackgroundWriter
from credentials.actions.clients import suspend_client
from credentials.models import AddressUse, CallUsage, ExchangeUsage, JwtCredential
from credentials.models.usage import (
    ADDRESSES_KEPT,
    Called,
    SeenAddress,
    Use,
    note_use,
    seen_addresses,
)
from credentials.reports.credential_usage import credential_usage
from tests import api, cast
from tests.conftest import Rebels
from tests.races import at_once, shared_database

pytestmark = pytest.mark.both_databases

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
CALLED = Called("rest-api", "get-account")
HERE, THERE = "192.0.2.10", "2001:db8::10"


@dataclass(frozen=True)
class World:
    app: api.App
    credential: JwtCredential

    @property
    def ids(self) -> tuple[Any, int]:
        return self.credential.pk, self.app.client.pk


@pytest.fixture
def world(rebels: Rebels) -> World:
    return World(api.app(rebels.luke), cast.credential(rebels.luke))


def call_rows() -> list[tuple[date, int, datetime]]:
    return list(CallUsage.objects.order_by("day").values_list("day", "calls", "last_at"))


def addresses() -> list[tuple[str, datetime]]:
    return list(AddressUse.objects.order_by("-last_at").values_list("address", "last_at"))


def used(
    world: World, at: datetime, address: str | None = HERE, called: Called | None = CALLED
) -> None:
    note_use(*world.ids, at=at, address=address, called=called)


# --- What counts ----------------------------------------------------------------------------------


def test_an_exchange_counts_at_once_and_its_address_a_moment_later(world: World) -> None:
    response = api.post(
        {"grant_type": api.GRANT_TYPE, "assertion": world.credential.encode()},
        world.app.authorization,
        REMOTE_ADDR=HERE,
    )
    assert response.status_code == 200
    assert ExchangeUsage.objects.get().exchanges == 1
    assert addresses() == []
    BackgroundWriter.flush_all()
    assert [address for address, _ in addresses()] == [HERE]
    assert call_rows() == []


def test_a_refresh_counts_as_an_exchange(rebels: Rebels) -> None:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    granted = api.exchange(app, cast.credential(rebels.luke).encode()).json()
    refreshed = api.post(
        {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]},
        app.authorization,
        REMOTE_ADDR=THERE,
    )
    assert refreshed.status_code == 200
    assert ExchangeUsage.objects.get().exchanges == 2
    BackgroundWriter.flush_all()
    assert {address for address, _ in addresses()} == {"127.0.0.1", THERE}


def test_a_call_counts_whatever_its_response(world: World) -> None:
    token = api.access_token(world.app, world.credential)
    BackgroundWriter.discard_all()
    statuses = [
        api.call("GET", "/account/~", token, REMOTE_ADDR=HERE).status_code,
        api.call("HEAD", "/account/~", token, REMOTE_ADDR=HERE).status_code,
        api.call("GET", "/account/1", token, REMOTE_ADDR=HERE).status_code,
        # A Standard User may not edit the company.
        api.call(
            "PUT", "/account/~/business-address", token, {"company": "x"}, REMOTE_ADDR=THERE
        ).status_code,
    ]
    assert statuses == [200, 200, 404, 403]
    assert call_rows() == []
    BackgroundWriter.flush_all()
    rows = CallUsage.objects.order_by("operation")
    assert [(row.api, row.operation, row.calls) for row in rows] == [
        ("rest-api", "get-account", 3),
        ("rest-api", "put-business-address", 1),
    ]
    for row in rows:
        assert (row.credential, row.client) == (world.credential, world.app.client)
        assert row.day == row.last_at.date() == timezone.now().date()
    assert {address for address, _ in addresses()} == {HERE, THERE}


def test_a_request_that_fails_to_authenticate_does_not_count(rebels: Rebels, world: World) -> None:
    token = api.access_token(world.app, world.credential)
    BackgroundWriter.discard_all()
    suspend_client(world.app.client, actor=rebels.luke.user, origin=cast.ORIGIN)
    statuses = [
        api.call("GET", "/account/~").status_code,
        api.call("GET", "/account/~", "nonsense").status_code,
        api.call("GET", "/account/~", token).status_code,
    ]
    assert statuses == [401, 401, 401]
    assert api.exchange(world.app, world.credential.encode()).status_code == 401
    BackgroundWriter.flush_all()
    assert (call_rows(), addresses()) == ([], [])


def test_introspection_and_verify_do_not_count_as_calls(world: World) -> None:
    token = api.access_token(world.app, world.credential)
    BackgroundWriter.discard_all()
    verified = api.program().get(
        "/sandbox/restapi/oauth/verify", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    introspected = api.program().post(
        "/sandbox/restapi/oauth/introspect",
        f"token={token}",
        content_type=api.FORM,
        HTTP_AUTHORIZATION=world.app.authorization,
    )
    anonymous = api.call("GET", "/status", token)
    assert (verified.status_code, introspected.json()["active"]) == (204, True)
    assert anonymous.status_code == 200
    assert BackgroundWriter.flush_all() == 0


def test_a_call_costs_no_statement_of_its_own(world: World) -> None:
    token = api.access_token(world.app, world.credential)
    with CaptureQueriesContext(connection) as queries:
        assert api.call("GET", "/account/~", token).status_code == 200
    assert not [query["sql"] for query in queries if "usage" in query["sql"]]


# --- Days, batches, addresses ---------------------------------------------------------------------


def test_a_day_begins_at_midnight_utc(world: World) -> None:
    tatooine = timezone.get_fixed_timezone(-8 * 60)
    last_second = datetime(2026, 3, 14, 23, 59, 59, tzinfo=UTC)
    used(world, last_second.astimezone(tatooine))
    used(world, last_second + timedelta(seconds=1))
    ExchangeUsage.objects.count_exchange(*world.ids, at=last_second.astimezone(tatooine))
    ExchangeUsage.objects.count_exchange(*world.ids, at=last_second + timedelta(seconds=1))
    BackgroundWriter.flush_all()
    days = [date(2026, 3, 14), date(2026, 3, 15)]
    assert [(day, calls) for day, calls, _ in call_rows()] == [(day, 1) for day in days]
    exchanged = ExchangeUsage.objects.order_by("day").values_list("day", "exchanges")
    assert list(exchanged) == [(day, 1) for day in days]
    world.credential.refresh_from_db()
    assert world.credential.last_used_on == days[1]


def test_a_batch_of_calls_is_summed_before_it_is_written(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for second in (5, 40, 20):
        used(world, NOON + timedelta(seconds=second))
    BackgroundWriter.flush_all()
    for second in (30, 10):
        used(world, NOON + timedelta(seconds=second))
    # Calls, addresses, and a transaction around them. PostgreSQL says that no address is new; on
    # SQLite we look whether they are too many now.
    with django_assert_num_queries(4 if connection.vendor == "postgresql" else 5):
        BackgroundWriter.flush_all()
    last = NOON + timedelta(seconds=40)
    assert call_rows() == [(NOON.date(), 5, last)]
    assert addresses() == [(HERE, last)]


def test_calls_count_once_when_the_database_goes_away_between_two_statements(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is tried again as a whole is written as a whole."""

    def gone(_manager: object, _uses: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    used(world, NOON)
    with monkeypatch.context() as while_away:
        while_away.setattr(type(AddressUse.objects), "note", gone)
        BackgroundWriter.flush_all()
    BackgroundWriter.flush_all()
    assert call_rows() == [(NOON.date(), 1, NOON)]
    assert addresses() == [(HERE, NOON)]


def test_more_keys_than_one_statement_holds(world: World) -> None:
    CallUsage.objects.add_calls(
        Use(*world.ids, NOON - timedelta(days=days), HERE, CALLED) for days in range(1203)
    )
    assert CallUsage.objects.count() == 1203


def test_only_the_last_addresses_of_a_credential_are_kept(rebels: Rebels, world: World) -> None:
    other = World(world.app, cast.credential(rebels.luke, label="Other"))
    used(other, NOON - timedelta(days=1))
    for number in range(ADDRESSES_KEPT + 7):
        used(world, NOON + timedelta(minutes=number), f"198.51.100.{number}")
    BackgroundWriter.flush_all()
    kept = [f"198.51.100.{number}" for number in range(ADDRESSES_KEPT + 6, 6, -1)]
    assert [address for address, _ in addresses()] == [*kept, HERE]
    shown = credential_usage(world.credential).addresses
    assert [seen.address for seen in shown] == kept[:5]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("::ffff:192.0.2.10", [HERE]),
        ("2001:DB8:0::10", [THERE]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("unknown", []),
        ("", []),
        (None, []),
    ],
)
def test_addresses_have_one_spelling(world: World, sent: str | None, kept: list[str]) -> None:
    used(world, NOON, sent)
    BackgroundWriter.flush_all()
    assert [address for address, _ in addresses()] == kept
    assert call_rows() == [(NOON.date(), 1, NOON)]


def test_which_apps_and_addresses_use_a_credential_since_then(rebels: Rebels, world: World) -> None:
    second = World(api.app(rebels.luke, name="Second"), world.credential)
    used(world, NOON - timedelta(hours=2), THERE, None)
    used(world, NOON - timedelta(hours=1))
    used(second, NOON)
    BackgroundWriter.flush_all()
    everything = [
        SeenAddress(HERE, NOON, ("Second", "Falcon Dialer")),
        SeenAddress(THERE, NOON - timedelta(hours=2), ("Falcon Dialer",)),
    ]
    credential_id = world.credential.pk
    assert credential_usage(world.credential).addresses == everything
    assert seen_addresses([]) == []
    since = AddressUse.objects.of(credential_id, since=NOON - timedelta(minutes=90))
    assert [row.client for row in since] == [second.app.client, world.app.client]


# --- Several processes ----------------------------------------------------------------------------


@pytest.fixture
def _one_database(world: World, tmp_path: Path) -> Iterator[None]:
    with shared_database(tmp_path):
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database")
def test_two_processes_that_write_at_once_lose_nothing(rebels: Rebels, world: World) -> None:
    credentials = [cast.credential(rebels.luke, label=str(number)) for number in range(20)]
    batches = [
        [
            Use(credential.pk, world.app.client.pk, NOON, f"192.0.2.{number}", CALLED)
            for credential in order
            for _ in range(3)
        ]
        for number, order in enumerate((credentials, credentials[::-1]))
    ]

    def write(batch: list[Use]) -> None:
        for _ in range(5):
            CallUsage.objects.add_calls(batch)
            AddressUse.objects.note(batch)

    assert at_once(*(lambda batch=batch: write(batch) for batch in batches)) == [None, None]
    assert set(CallUsage.objects.values_list("calls", flat=True)) == {2 * 5 * 3}
    assert CallUsage.objects.count() == 20
    assert AddressUse.objects.count() == 40


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database")
def test_addresses_are_pruned_while_others_write(world: World) -> None:
    def write(network: str) -> None:
        for number in range(3 * ADDRESSES_KEPT):
            at = NOON + timedelta(seconds=number)
            AddressUse.objects.note([Use(*world.ids, at, f"{network}.{number % 50}")])

    assert at_once(
        *(lambda network=network: write(network) for network in ("192.0.2", "198.51.100"))
    ) == [None, None]
    assert ADDRESSES_KEPT <= AddressUse.objects.count() <= ADDRESSES_KEPT + 1
