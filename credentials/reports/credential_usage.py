"""How one credential was used in the last thirty days: by which apps, and from where."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, DateField, F, GenericIPAddressField, Value
from django.utils import timezone

from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import (
    AddressUse,
    CallUsage,
    ExchangeUsage,
    SeenAddress,
    first_recent_day,
    seen_addresses,
)
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
    addresses: Sequence[SeenAddress]


def credential_usage(credential: JwtCredential, *, at: datetime | None = None) -> CredentialUsage:
    """Who used it, in one query."""
    at = at or timezone.now()
    since = first_recent_day(at)
    counts: dict[tuple[int, date], int] = defaultdict(int)
    apps: dict[str, AppUsage] = {}
    seen: list[tuple[str, datetime, str]] = []
    for kind, client_id, name, day, count, last_at, address in _rows_of(credential.pk, since):
        if kind == _ADDRESS:
            seen.append((address, last_at, name))
            continue
        counts[kind, day] += count
        app = apps.setdefault(client_id, AppUsage(client_id, name))
        if kind == EXCHANGES:
            app.exchanges += count
            app.last_exchange_at = max(last_at, app.last_exchange_at or last_at)
        else:
            app.calls += count
            app.last_call_at = max(last_at, app.last_call_at or last_at)
    return CredentialUsage(
        by_day=daily_usage(counts, at),
        apps=sorted(apps.values(), key=lambda app: app.last_at, reverse=True),
        addresses=seen_addresses(seen),
    )


def _rows_of(credential_id: UUID, since: date) -> Iterable[tuple[Any, ...]]:
    """Of each client and day its exchanges and its calls, and the addresses that are kept."""
    # The addresses come first, because PostgreSQL infers the types of NULL columns from pairs of
    # queries.
    addresses = AddressUse.objects.filter(credential=credential_id).annotate(
        kind=Value(_ADDRESS),
        day_=Value(None, DateField()),
        count=Value(0, BigIntegerField()),
        address_=F("address"),
    )
    daily = [
        rows.filter(credential=credential_id, day__gte=since).annotate(
            kind=Value(kind),
            day_=F("day"),
            count=F(counter),
            address_=Value(None, GenericIPAddressField()),
        )
        for rows, kind, counter in (
            (ExchangeUsage.objects.all(), EXCHANGES, "exchanges"),
            (CallUsage.objects.all(), CALLS, "calls"),
        )
    ]
    columns = (
        "kind", "client__client_id", "client__application__name", "day_", "count", "last_at",
        "address_",
    )  # fmt: skip
    first, *others = (rows.order_by().values_list(*columns) for rows in (addresses, *daily))
    return first.union(*others, all=True)
