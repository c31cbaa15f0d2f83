"""Which clients use a credential, how often, and from which addresses.

Exchanges are counted exactly, each in its own statement. API calls, and the addresses of both, are
collected in the process and written together each second (`note_use`). No check reads any of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.models import F, Max, Sum, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.platform.catalog import OPERATION_ID_LENGTH
from core import networks
from core.background import BackgroundWriter
from core.postgresql import statements
from credentials.models.usage_statements import batch_sql, batches, upsert, upsert_sql

USAGE_PERIOD = timedelta(days=30)
# A year and a month, so that you can compare a month with the same month of the year before.
COUNTS_KEPT = timedelta(days=400)
ADDRESSES_KEPT_FOR = timedelta(days=90)
# How many addresses of a credential we keep, and how many a page shows.
ADDRESSES_KEPT = 20
ADDRESSES_SHOWN = 5
_DAILY = ("credential", "client", "day")
_DAILY_CALLS = (*_DAILY, "api", "operation")
_PLACE = ("credential", "client", "address")


@dataclass(frozen=True)
class ClientUse:
    """How one client used a credential in the last thirty days."""

    client_id: str
    application_name: str
    exchanges: int
    last_at: datetime


@dataclass(frozen=True)
class SeenAddress:
    """An address that requests came from; the app that used it last comes first."""

    address: str
    last_at: datetime
    applications: tuple[str, ...]


class Called(NamedTuple):
    """The IDs of an API and of an operation, which is empty if the document doesn't describe it."""

    api: str
    operation: str


@dataclass(frozen=True)
class Use:
    """One exchange or one call that is waiting to be written."""

    credential_id: UUID
    client_pk: int
    at: datetime
    address: str | None
    called: Called | None = None
    """None for an exchange."""


def first_recent_day(at: datetime) -> date:
    return (at - USAGE_PERIOD).astimezone(UTC).date() + timedelta(days=1)


@cache
def count_sql(vendor: str, *, in_transaction: bool) -> str:
    """Counts an exchange and returns the new count of the day."""
    # Losing a count in a crash is better than waiting for the disk at every exchange. Inside a
    # transaction the setting would also apply to everything else that the transaction writes.
    rows = "VALUES (%s, %s, %s, %s, %s)"
    if vendor == "postgresql" and not in_transaction:
        values = "SELECT %s::uuid, %s::bigint, %s::date, %s::bigint, %s::timestamptz"
        rows = f"{values} FROM set_config('synchronous_commit', 'off', true)"
    return upsert_sql(ExchangeUsage, _DAILY, "exchanges", rows) + " RETURNING exchanges"


@cache
def _places_sql() -> str:
    # It writes addresses, and returns the credentials that have a new one.
    insert = batch_sql(AddressUse, _PLACE, None, "postgresql", 0)
    # xmax is 0 only in a row that this statement inserted.
    return (
        f"WITH noted AS ({insert} RETURNING credential_id, xmax)"  # noqa: S608 - all ours
        " SELECT array_agg(DISTINCT credential_id) FROM noted WHERE xmax = 0"
    )


class ExchangeUsageQuerySet(models.QuerySet["ExchangeUsage"]):
    def note_days(self, uses: Iterable[tuple[UUID, date]]) -> None:
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
    # Without a queryset, which would cost more than the statement itself.

    def count_exchange(
        self, credential_id: UUID, client_pk: int, *, at: datetime | None = None, times: int = 1
    ) -> None:
        at = at or timezone.now()
        day = at.astimezone(UTC).date()
        row = (credential_id, client_pk, day, times, at)
        database = connections[DEFAULT_DB_ALIAS]
        sql = count_sql(database.vendor, in_transaction=database.in_atomic_block)
        counted = statements.write(sql, row, database=database)
        # Only the first exchange of a day changes the credential's day of last use.
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
        # Days are in UTC.
        counts: dict[tuple[UUID, int, date, str, str], int] = defaultdict(int)
        last: dict[tuple[UUID, int, date, str, str], datetime] = {}
        for use in calls:
            if use.called is None:
                continue
            day = use.at.astimezone(UTC).date()
            key = (use.credential_id, use.client_pk, day, *use.called)
            counts[key] += 1
            last[key] = max(use.at, last.get(key, use.at))
        # Sorted, so that two processes lock the same rows in the same order.
        self.add_counts([(*key, counts[key], last[key]) for key in sorted(counts)])

    def add_counts(self, rows: Sequence[tuple[UUID, int, date, str, str, int, datetime]]) -> None:
        """Add `(credential, client, day, api, operation, calls, last_at)`, each key only once."""
        upsert(self.model, _DAILY_CALLS, "calls", rows)


class CallUsage(models.Model):
    """How often one client called an operation with one credential on one day (UTC)."""

    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    client = models.ForeignKey(
        "credentials.Client", on_delete=models.PROTECT, related_name="calls", db_index=False
    )
    day = models.DateField()
    # IDs from the platform file and the API's document. They stay when the file no longer has them.
    api = models.CharField(max_length=100)
    operation = models.CharField(max_length=OPERATION_ID_LENGTH, blank=True)
    calls = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    objects = CallUsageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_DAILY_CALLS, name="call_usage_once_a_day")
        ]
        indexes: ClassVar = [
            models.Index(fields=["client", "day"], name="call_usage_by_client"),
            models.Index(fields=["day"], name="call_usage_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.calls} on {self.day}"


class AddressUseQuerySet(models.QuerySet["AddressUse"]):
    def of(self, credential_id: UUID, *, since: datetime | None = None) -> Self:
        found = self.filter(credential=credential_id)
        if since is not None:
            found = found.filter(last_at__gte=since)
        return found.select_related("client__application").order_by("-last_at", "-pk")

    def note(self, uses: Iterable[Use]) -> None:
        """Write when each address was last seen, and keep only the last few of a credential."""
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
            # A row that another process is writing stays until the next new address.
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


def _note_places(rows: Sequence[tuple[UUID, int, str, datetime]]) -> set[UUID]:
    # Returns the credentials that may have a new address.
    if connection.vendor != "postgresql":
        upsert(AddressUse, _PLACE, None, rows)
        return {credential_id for credential_id, *_ in rows}
    answers = [
        statements.write(_places_sql(), list(zip(*batch, strict=True))) for batch in batches(rows)
    ]
    return {
        credential_id for answer in answers if answer for credential_id in answer.values()[0] or ()
    }


def seen_addresses(seen: Iterable[tuple[str, datetime, str]]) -> list[SeenAddress]:
    last: dict[str, datetime] = {}
    applications: dict[str, dict[str, None]] = defaultdict(dict)
    for address, at, application in sorted(seen, key=lambda each: each[1], reverse=True):
        last.setdefault(address, at)
        applications[address][application] = None
    found = [SeenAddress(address, at, tuple(applications[address])) for address, at in last.items()]
    return found[:ADDRESSES_SHOWN]


def outdated_usage(at: datetime | None = None) -> list[models.QuerySet[Any]]:
    at = at or timezone.now()
    first_kept = (at - COUNTS_KEPT).astimezone(UTC).date()
    return [
        ExchangeUsage.objects.filter(day__lt=first_kept),
        CallUsage.objects.filter(day__lt=first_kept),
        AddressUse.objects.filter(last_at__lt=at - ADDRESSES_KEPT_FOR),
    ]


@transaction.atomic
def _write(uses: list[Use]) -> None:
    # All or nothing, because the writer tries all of it again if the database was away.
    CallUsage.objects.add_calls(uses)
    AddressUse.objects.note(uses)


_days_of_use: BackgroundWriter[tuple[UUID, date]] = BackgroundWriter(
    "days-of-use", ExchangeUsage.objects.note_days, capacity=20_000
)

# Room for more than a process can serve in a second.
_writer = BackgroundWriter("usage", _write, capacity=20_000)


def note_use(
    credential_id: UUID,
    client_pk: int,
    *,
    at: datetime,
    address: str | None,
    called: Called | None = None,
) -> None:
    """Collect a call, or the address of an exchange, to be written within a second."""
    if called or address:
        _writer.put(Use(credential_id, client_pk, at, address, called))
