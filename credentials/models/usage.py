"""Who uses a credential, how much, and from where. Informational: never decides about access.

Exchanges are counted exactly, each in a statement of its own. Calls of the REST API, and the
addresses of both, are collected in the process and written together each second (`note_use`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, cast
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.models import F, Max, Sum, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from core import networks
from core.background import BackgroundWriter
from core.postgresql import statements

USAGE_PERIOD = timedelta(days=30)
# Counts stay a year and a month, so that a month can be compared with that of the year before.
COUNTS_KEPT = timedelta(days=400)
ADDRESSES_KEPT_FOR = timedelta(days=90)
# How many addresses of a credential are kept, and how many pages show.
ADDRESSES_KEPT = 20
ADDRESSES_SHOWN = 5
# Rows of one statement, far below what either database takes.
BATCH = 500

_Row = TypeVar("_Row")
_DAILY = ("credential", "client", "day")
_PLACE = ("credential", "client", "address")


@dataclass(frozen=True)
class ClientUse:
    """How one client used a credential lately."""

    client_id: str
    application_name: str
    exchanges: int
    last_at: datetime


@dataclass(frozen=True)
class SeenAddress:
    """An address, when something last came from it, and from which apps, the latest first."""

    address: str
    last_at: datetime
    applications: tuple[str, ...]


@dataclass(frozen=True)
class Use:
    """One exchange or one call, as it waits to be written."""

    credential_id: UUID
    client_pk: int
    at: datetime
    address: str | None
    is_call: bool


def first_recent_day(at: datetime) -> date:
    """The first of the thirty days (UTC) of which the one of `at` is the last."""
    return (at - USAGE_PERIOD).astimezone(UTC).date() + timedelta(days=1)


def _columns(
    model: type[models.Model], key: Sequence[str], counter: str | None
) -> "list[models.Field[Any, Any]]":
    """Those of a row of `(*key, [counter], last_at)`."""
    names = [*key, *([counter] if counter else []), "last_at"]
    return [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in names]


def _upsert_sql(
    model: type[models.Model], key: Sequence[str], counter: str | None, rows: str
) -> str:
    """Inserts rows of `(*key, [counter], last_at)`, or adds them to those that exist."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = [quote(str(field.column)) for field in _columns(model, key, counter)]
    greatest = "MAX" if connection.vendor == "sqlite" else "GREATEST"
    changes = [f"last_at = {greatest}({table}.last_at, excluded.last_at)"]
    if counter:
        added = columns[len(key)]
        changes.append(f"{added} = {table}.{added} + excluded.{added}")
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) {rows}"
        f" ON CONFLICT ({', '.join(columns[: len(key)])})"
        f" DO UPDATE SET {', '.join(changes)}"
    )


@cache
def count_sql(vendor: str, *, in_transaction: bool) -> str:
    """Counts an exchange and answers how many there are by now, without waiting for the disk.

    In a transaction of others, whether to wait is theirs to say.
    """
    rows = "VALUES (%s, %s, %s, %s, %s)"
    if vendor == "postgresql" and not in_transaction:
        values = "SELECT %s::uuid, %s::bigint, %s::date, %s::bigint, %s::timestamptz"
        rows = f"{values} FROM set_config('synchronous_commit', 'off', true)"
    return _upsert_sql(ExchangeUsage, _DAILY, "exchanges", rows) + " RETURNING exchanges"


@cache
def _batch_sql(
    model: type[models.Model], key: Sequence[str], counter: str | None, vendor: str, count: int
) -> str:
    """Adds so many rows; PostgreSQL gets an array of each column, however many there are."""
    fields = _columns(model, key, counter)
    if vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        return _upsert_sql(model, key, counter, f"SELECT * FROM unnest({arrays})")  # noqa: S608
    row = f"({', '.join(['%s'] * len(fields))})"
    return _upsert_sql(model, key, counter, f"VALUES {', '.join([row] * count)}")


@cache
def _places_sql() -> str:
    """For PostgreSQL: notes addresses, and answers which credentials have one more now."""
    upsert = _batch_sql(AddressUse, _PLACE, None, "postgresql", 0)
    # A row that nobody has locked or changed since it was made is a new one.
    return (
        f"WITH noted AS ({upsert} RETURNING credential_id, xmax)"  # noqa: S608 - all ours
        " SELECT array_agg(DISTINCT credential_id) FROM noted WHERE xmax = 0"
    )


class ExchangeUsageQuerySet(models.QuerySet["ExchangeUsage"]):
    def note_days(self, uses: Iterable[tuple[UUID, date]]) -> None:
        """Lists sort and filter by the day of the last use: written once a day and client."""
        by_day: dict[date, set[UUID]] = defaultdict(set)
        for credential_id, day in uses:
            by_day[day].add(credential_id)
        credentials = apps.get_model("credentials", "JwtCredential").objects
        for day, ids in by_day.items():
            credentials.filter(pk__in=ids, last_used_on__lt=day).update(last_used_on=day)

    def recent_by_credential(
        self, credential_ids: Iterable[UUID], at: datetime | None = None
    ) -> dict[UUID, list[ClientUse]]:
        """Which clients exchanged each credential in the last 30 days, the busiest first."""
        since = first_recent_day(at or timezone.now())
        rows = (
            self.filter(credential__in=list(credential_ids), day__gte=since)
            .values_list("credential_id", "client__client_id", "client__application__name")
            .annotate(total=Sum("exchanges"), last=Max("last_at"))
            .order_by("-total", "client__client_id")
        )
        found: dict[UUID, list[ClientUse]] = {}
        for credential_id, *use in rows:
            found.setdefault(credential_id, []).append(ClientUse(*use))
        return found


_Manager = models.Manager.from_queryset(ExchangeUsageQuerySet)


class ExchangeUsageManager(_Manager["ExchangeUsage"]):
    """Counts without a queryset, which would cost more than what it is for."""

    def count_exchange(
        self, credential_id: UUID, client_pk: int, *, at: datetime | None = None, times: int = 1
    ) -> None:
        """Add to the day's counter in one statement.

        The first exchange of a day is also noted on the credential.
        """
        at = at or timezone.now()
        day = at.astimezone(UTC).date()
        row = (credential_id, client_pk, day, times, at)
        database = connections[DEFAULT_DB_ALIAS]
        counted = statements.write(
            count_sql(database.vendor, in_transaction=database.in_atomic_block), row
        )
        if counted and int(counted.raw[0]) == times:
            _days_of_use.put((credential_id, day))


class ExchangeUsage(models.Model):
    """How often one client exchanged one credential on one day (UTC), refreshes included."""

    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="usage"
    )
    client = models.ForeignKey(
        "credentials.Client", on_delete=models.PROTECT, related_name="usage", db_index=False
    )
    day = models.DateField()
    exchanges = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    objects = ExchangeUsageManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_DAILY, name="exchange_usage_once_a_day")
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "day"], name="exchange_usage_by_client"),
            models.Index(fields=["day"], name="exchange_usage_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.exchanges} on {self.day}"


class CallUsageQuerySet(models.QuerySet["CallUsage"]):
    def add_calls(self, calls: Iterable[Use]) -> None:
        """Add to the counters of credential, client and day (UTC), in a statement per batch.

        In the order of their keys, so that two processes wait for each other in the same order.
        """
        counts: dict[tuple[UUID, int, date], int] = defaultdict(int)
        last: dict[tuple[UUID, int, date], datetime] = {}
        for use in calls:
            key = (use.credential_id, use.client_pk, use.at.astimezone(UTC).date())
            counts[key] += 1
            last[key] = max(use.at, last.get(key, use.at))
        self.add_counts([(*key, counts[key], last[key]) for key in sorted(counts)])

    def add_counts(self, rows: Sequence[tuple[UUID, int, date, int, datetime]]) -> None:
        """Add `(credential, client, day, calls, last_at)`; a key may be there only once."""
        _upsert(self.model, _DAILY, "calls", rows)


class CallUsage(models.Model):
    """How often one client called the REST API with one credential on one day (UTC)."""

    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    client = models.ForeignKey(
        "credentials.Client", on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    day = models.DateField()
    calls = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    objects = CallUsageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_DAILY, name="call_usage_once_a_day")
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "day"], name="call_usage_by_client"),
            models.Index(fields=["day"], name="call_usage_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.calls} on {self.day}"


class AddressUseQuerySet(models.QuerySet["AddressUse"]):
    def of(self, credential_id: UUID, *, since: datetime | None = None) -> Self:
        """From where which apps used the credential, the latest first; with their apps."""
        found = self.filter(credential=credential_id)
        if since is not None:
            found = found.filter(last_at__gte=since)
        return found.select_related("client__application").order_by("-last_at", "-pk")

    def note(self, uses: Iterable[Use]) -> None:
        """Remember when each address was last seen; of each credential only the last few stay."""
        last: dict[tuple[UUID, int, str], datetime] = {}
        for use in uses:
            address = networks.canonical_address(use.address or "")
            if address is not None:
                key = (use.credential_id, use.client_pk, address)
                last[key] = max(use.at, last.get(key, use.at))
        if grown := _note_places([(*key, last[key]) for key in sorted(last)]):
            self._forget_all_but_the_last(grown)

    @transaction.atomic(savepoint=False)
    def _forget_all_but_the_last(self, credential_ids: set[UUID]) -> None:
        """Another process may be writing one of them: such a row is left for the next new one."""
        place = Window(
            RowNumber(),
            partition_by=F("credential"),
            order_by=[F("last_at").desc(), F("pk").desc()],
        )
        outdated = (
            self.filter(credential__in=credential_ids)
            .annotate(place=place)
            .filter(place__gt=ADDRESSES_KEPT)
        )
        found = [row.pk for row in outdated]
        if found:
            free = self.filter(pk__in=found).select_for_update(skip_locked=True)
            self.filter(pk__in=list(free.values_list("pk", flat=True))).delete()


class AddressUse(models.Model):
    """When one client last used one credential from one address."""

    credential = models.ForeignKey(
        "credentials.JwtCredential",
        on_delete=models.PROTECT,
        related_name="addresses",
        db_index=False,
    )
    client = models.ForeignKey(
        "credentials.Client", on_delete=models.PROTECT, related_name="addresses"
    )
    address = models.GenericIPAddressField()
    last_at = models.DateTimeField(db_index=True)

    objects = AddressUseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=_PLACE, name="address_use_once")]

    def __str__(self) -> str:
        return f"{self.address} at {self.last_at}"


def _upsert(
    model: type[models.Model],
    key: Sequence[str],
    counter: str | None,
    rows: Sequence[Sequence[Any]],
) -> None:
    vendor = connection.vendor
    for batch in _batches(rows):
        if vendor == "postgresql":
            statements.write(
                _batch_sql(model, key, counter, vendor, 0), list(zip(*batch, strict=True))
            )
        else:
            sql = _batch_sql(model, key, counter, vendor, len(batch))
            statements.write(sql, [value for row in batch for value in row])


def _note_places(rows: Sequence[tuple[UUID, int, str, datetime]]) -> set[UUID]:
    """Write `(credential, client, address, last_at)`; which credentials may have one more now."""
    if connection.vendor != "postgresql":
        _upsert(AddressUse, _PLACE, None, rows)
        return {credential_id for credential_id, *_ in rows}
    answers = [
        statements.write(_places_sql(), list(zip(*batch, strict=True))) for batch in _batches(rows)
    ]
    return {
        credential_id for answer in answers if answer for credential_id in answer.values()[0] or ()
    }


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def seen_addresses(seen: Iterable[tuple[str, datetime, str]]) -> list[SeenAddress]:
    """The last few addresses of `(address, when, app)`, the latest first, each with its apps."""
    last: dict[str, datetime] = {}
    applications: dict[str, dict[str, None]] = defaultdict(dict)
    for address, at, application in sorted(seen, key=lambda each: each[1], reverse=True):
        last.setdefault(address, at)
        applications[address][application] = None
    found = [SeenAddress(address, at, tuple(applications[address])) for address, at in last.items()]
    return found[:ADDRESSES_SHOWN]


def outdated_usage(at: datetime | None = None) -> list[models.QuerySet[Any]]:
    """What `tick` forgets: days and addresses that are too long ago, a queryset of each table."""
    at = at or timezone.now()
    first_kept = (at - COUNTS_KEPT).astimezone(UTC).date()
    return [
        ExchangeUsage.objects.filter(day__lt=first_kept),
        CallUsage.objects.filter(day__lt=first_kept),
        AddressUse.objects.filter(last_at__lt=at - ADDRESSES_KEPT_FOR),
    ]


@transaction.atomic
def _write(uses: list[Use]) -> None:
    """All or nothing, as all of it is tried again if the database was away."""
    CallUsage.objects.add_calls(use for use in uses if use.is_call)
    AddressUse.objects.note(uses)


_days_of_use: BackgroundWriter[tuple[UUID, date]] = BackgroundWriter(
    "days-of-use", ExchangeUsage.objects.note_days, capacity=20_000
)
# Room for more than a process can serve in a second.
_writer = BackgroundWriter("usage", _write, capacity=20_000)


def note_use(
    credential_id: UUID, client_pk: int, *, at: datetime, address: str | None, is_call: bool = False
) -> None:
    """Collect a call, or the address of an exchange (which counts itself); written in a second."""
    if is_call or address:
        _writer.put(Use(credential_id, client_pk, at, address, is_call))
