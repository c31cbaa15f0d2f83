"""How one credential was used in the last thirty days: by which apps, and from where."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, CharField, DateField, F, GenericIPAddressField, Value
from django.utils import timezone

from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import (
    AddressUse,
    Called,
    CallUsage,
    ExchangeUsage,
    SeenAddress,
    first_recent_day,
    seen_addresses,
)
from credentials.reports.called_operations import CalledOperations, called_operations
from credentials.reports.daily_usage import CALLS, EXCHANGES, DailyUsage, daily_usage

_ADDRESS = 2


@dataclass
class AppUsage:
    """What one app did with a credential."""

    client_id: str
    application_name: str
    exchanges: int = 0
    calls: int = 0
    last_exchange_at: datetime | None = None
    last_call_at: datetime | None = None

    @property
    def last_at(self) -> datetime:
        known = [at for at in (self.last_exchange_at, self.last_call_at) if at is not None]
        return max(known)


@dataclass(frozen=True)
class CredentialUsage:
    by_day: DailyUsage
    apps: Sequence[AppUsage]
    """The latest first."""
    operations: CalledOperations
    addresses: Sequence[SeenAddress]


def credential_usage(credential: JwtCredential, *, at: datetime | None = None) -> CredentialUsage:
    """Who used it, in one query."""
    at = at or timezone.now()
    found = _Found()
    for row in _rows_of(credential.pk, first_recent_day(at)):
        found.add(_Row(*row))
    return CredentialUsage(
        by_day=daily_usage(found.days, at),
        apps=sorted(found.apps.values(), key=lambda app: app.last_at, reverse=True),
        operations=called_operations(found.operations),
        addresses=seen_addresses(found.addresses),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    kind: int
    client_id: str
    application_name: str
    day: date
    count: int
    last_at: datetime
    address: str
    api: str
    operation: str


class _Found:
    def __init__(self) -> None:
        self.days: dict[tuple[int, date], int] = defaultdict(int)
        self.apps: dict[str, AppUsage] = {}
        self.operations: dict[Called, tuple[int, datetime]] = {}
        self.addresses: list[tuple[str, datetime, str]] = []

    def add(self, row: _Row) -> None:
        if row.kind == _ADDRESS:
            self.addresses.append((row.address, row.last_at, row.application_name))
            return
        self.days[row.kind, row.day] += row.count
        app = self.apps.setdefault(row.client_id, AppUsage(row.client_id, row.application_name))
        if row.kind == EXCHANGES:
            app.exchanges += row.count
            app.last_exchange_at = max(row.last_at, app.last_exchange_at or row.last_at)
        else:
            app.calls += row.count
            app.last_call_at = max(row.last_at, app.last_call_at or row.last_at)
            called = Called(row.api, row.operation)
            calls, last_at = self.operations.get(called, (0, row.last_at))
            self.operations[called] = calls + row.count, max(last_at, row.last_at)


def _rows_of(credential_id: UUID, since: date) -> Iterable[tuple[Any, ...]]:
    """Of each client and day its exchanges and its calls, and the addresses that are kept."""
    nothing = Value("", CharField())
    # The addresses come first, because PostgreSQL infers the types of NULL columns from pairs of
    # queries.
    addresses = AddressUse.objects.filter(credential=credential_id).annotate(
        kind=Value(_ADDRESS),
        day_=Value(None, DateField()),
        count=Value(0, BigIntegerField()),
        address_=F("address"),
        api_=nothing,
        operation_=nothing,
    )
    daily = [
        rows.filter(credential=credential_id, day__gte=since).annotate(
            kind=Value(kind),
            day_=F("day"),
            count=F(counter),
            address_=Value(None, GenericIPAddressField()),
            api_=api,
            operation_=operation,
        )
        for rows, kind, counter, api, operation in (
            (ExchangeUsage.objects.all(), EXCHANGES, "exchanges", nothing, nothing),
            (CallUsage.objects.all(), CALLS, "calls", F("api"), F("operation")),
        )
    ]
    columns = (
        "kind", "client__client_id", "client__application__name", "day_", "count", "last_at",
        "address_", "api_", "operation_",
    )  # fmt: skip
    first, *others = (rows.order_by().values_list(*columns) for rows in (addresses, *daily))
    return first.union(*others, all=True)
