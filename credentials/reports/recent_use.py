"""What pages say about the last thirty days: how much per day, by which apps, from where.

A day is one of UTC, and today is the last of the thirty. The credential's side sees the apps that
use it; the app's side sees the credentials that it uses, of others only how many.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    DateField,
    F,
    GenericIPAddressField,
    Max,
    OuterRef,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership
from credentials.models.applications import Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import (
    ADDRESSES_SHOWN,
    RECENT,
    AddressUse,
    CallUsage,
    ExchangeUsage,
    SeenAddress,
    first_recent_day,
    seen_addresses,
)
from credentials.reports.charts import BarChart, bar_chart
from credentials.reports.client_use import Exchanged, exchanged_by

SHOWN_AT_MOST = 20
# What the page of an app says of a credential: label, status and owner.
_NAMED = (
    *("label", "expires_at", "revoked_at", "superseded_at"),
    *("extension__user__first_name", "extension__user__last_name"),
)

_EXCHANGES, _CALLS, _ADDRESS = range(3)


@dataclass(frozen=True)
class DayOfUse:
    day: date
    exchanges: int
    calls: int


@dataclass(frozen=True)
class Days:
    """Thirty days, the oldest first and today last."""

    days: Sequence[DayOfUse]

    @property
    def exchanges(self) -> int:
        return sum(each.exchanges for each in self.days)

    @property
    def calls(self) -> int:
        return sum(each.calls for each in self.days)

    @property
    def charts(self) -> list[BarChart]:
        """One for exchanges and one for calls: there are many more of these."""
        return [
            bar_chart("exchanges", [(each.day, each.exchanges) for each in self.days]),
            bar_chart("calls", [(each.day, each.calls) for each in self.days]),
        ]

    @property
    def latest_first(self) -> Sequence[DayOfUse]:
        return self.days[::-1]


@dataclass
class AppUse:
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
class UseOfCredential:
    by_day: Days
    apps: Sequence[AppUse]
    """The latest first."""
    addresses: Sequence[SeenAddress]


@dataclass(frozen=True)
class CredentialUse:
    """What an app did with one credential that the viewer may see."""

    credential: JwtCredential
    exchanges: int
    calls: int
    last_exchange_at: datetime | None


@dataclass(frozen=True)
class UseByClient:
    by_day: Days
    credentials: Sequence[CredentialUse] = field(default_factory=list)
    """The most exchanged of those that the viewer may see."""
    more: int = 0
    """How many more the viewer may see."""
    others: int = 0
    """How many credentials it used that the viewer may not see."""
    exchanges_of_others: int = 0
    addresses: Sequence[SeenAddress] = field(default_factory=list)
    last_exchange_at: datetime | None = None
    last_call_at: datetime | None = None


def use_of_credential(credential: JwtCredential, *, at: datetime | None = None) -> UseOfCredential:
    """Who used it, in one query."""
    at = at or timezone.now()
    since = first_recent_day(at)
    counts: dict[tuple[int, date], int] = defaultdict(int)
    apps: dict[str, AppUse] = {}
    seen: list[tuple[str, datetime, str]] = []
    for kind, client_id, name, day, count, last_at, address in _rows_of(credential.pk, since):
        if kind == _ADDRESS:
            seen.append((address, last_at, name))
            continue
        counts[kind, day] += count
        app = apps.setdefault(client_id, AppUse(client_id, name))
        if kind == _EXCHANGES:
            app.exchanges += count
            app.last_exchange_at = max(last_at, app.last_exchange_at or last_at)
        else:
            app.calls += count
            app.last_call_at = max(last_at, app.last_call_at or last_at)
    return UseOfCredential(
        by_day=_days(counts, at),
        apps=sorted(apps.values(), key=lambda app: app.last_at, reverse=True),
        addresses=seen_addresses(seen),
    )


def _rows_of(credential_id: UUID, since: date) -> Iterable[tuple[Any, ...]]:
    """Of each client and day its exchanges and its calls, and the addresses that are kept."""
    # The addresses stand first: PostgreSQL learns the types of NULL columns from pairs of queries.
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
            (ExchangeUsage.objects.all(), _EXCHANGES, "exchanges"),
            (CallUsage.objects.all(), _CALLS, "calls"),
        )
    ]
    columns = (
        "kind", "client__client_id", "client__application__name", "day_", "count", "last_at",
        "address_",
    )  # fmt: skip
    first, *others = (rows.order_by().values_list(*columns) for rows in (addresses, *daily))
    return first.union(*others, all=True)


def _days(counts: dict[tuple[int, date], int], at: datetime) -> Days:
    first = first_recent_day(at)
    days = (first + timedelta(days=number) for number in range(RECENT.days))
    return Days(
        [
            DayOfUse(day, counts.get((_EXCHANGES, day), 0), counts.get((_CALLS, day), 0))
            for day in days
        ]
    )


def use_by_client(client: Client, viewer: Membership, *, at: datetime | None = None) -> UseByClient:
    """Which credentials the client used, in five queries."""
    at = at or timezone.now()
    since = first_recent_day(at)
    daily = _daily_of_client(client, since)
    by_day = _days({key: total for key, (total, _) in daily.items()}, at)
    if not (by_day.exchanges or by_day.calls):
        return UseByClient(by_day)
    used = exchanged_by(client, viewer, since, among=JwtCredential.objects.all())
    visible = [each for each in used if each.is_visible]
    shown = visible[:SHOWN_AT_MOST]
    return UseByClient(
        by_day=by_day,
        credentials=_with_use(shown, client, since),
        more=len(visible) - len(shown),
        others=len(used) - len(visible),
        exchanges_of_others=sum(each.exchanges for each in used if not each.is_visible),
        addresses=_addresses_of(client, at - RECENT),
        last_exchange_at=_last(daily, _EXCHANGES),
        last_call_at=_last(daily, _CALLS),
    )


Daily = dict[tuple[int, date], tuple[int, datetime]]


def _last(daily: Daily, wanted: int) -> datetime | None:
    return max((last for (kind, _), (_, last) in daily.items() if kind == wanted), default=None)


def _daily_of_client(client: Client, since: date) -> Daily:
    """Of each day how many there were, and when the last one was.

    In two queries: for one of both, PostgreSQL would start processes that cost more than they save.
    """
    found: Daily = {}
    for days, kind, counter in (
        (ExchangeUsage.objects.all(), _EXCHANGES, "exchanges"),
        (CallUsage.objects.all(), _CALLS, "calls"),
    ):
        rows = (
            days.filter(client=client, day__gte=since)
            .order_by()
            .values("day")
            .annotate(total=Sum(counter), last=Max("last_at"))
            .values_list("day", "total", "last")
        )
        found |= {(kind, day): (int(total), last) for day, total, last in rows}
    return found


def _with_use(used: Sequence[Exchanged], client: Client, since: date) -> list[CredentialUse]:
    calls, exchanges = (
        days.filter(credential=OuterRef("pk"), client=client, day__gte=since)
        .order_by()
        .values("credential")
        .annotate(found=aggregate)
        .values("found")
        for days, aggregate in (
            (CallUsage.objects.all(), Sum("calls")),
            (ExchangeUsage.objects.all(), Max("last_at")),
        )
    )
    use = {"recent_calls": Coalesce(Subquery(calls), 0), "last_used_at": Subquery(exchanges)}
    credentials = (
        JwtCredential.objects.select_related("extension__user")
        .only(*_NAMED)
        .annotate(**use)
        .in_bulk([each.credential_id for each in used])
    )
    return [
        CredentialUse(credential, each.exchanges, credential.recent_calls, credential.last_used_at)
        for each in used
        if (credential := credentials.get(each.credential_id))
    ]


def _addresses_of(client: Client, since: datetime) -> list[SeenAddress]:
    """The app is known: an address says no more than when it was last seen."""
    rows = (
        AddressUse.objects.filter(client=client, last_at__gte=since)
        .order_by()
        .values("address")
        .annotate(last=Max("last_at"))
        .order_by("-last", "address")
        .values_list("address", "last")
    )
    return [SeenAddress(address, last, ()) for address, last in rows[:ADDRESSES_SHOWN]]
