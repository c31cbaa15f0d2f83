"""How one client was used in the last thirty days: with which credentials, and from where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Max, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership
from credentials.models.applications import Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import (
    ADDRESSES_SHOWN,
    USAGE_PERIOD,
    AddressUse,
    Called,
    CallUsage,
    ExchangeUsage,
    SeenAddress,
    first_recent_day,
)
from credentials.reports.called_operations import CalledOperations, called_operations
from credentials.reports.daily_usage import CALLS, EXCHANGES, DailyUsage, daily_usage
from credentials.reports.exchanged_credentials import ExchangedCredential, exchanged_credentials

CREDENTIALS_OF_CLIENT_SHOWN = 20

# The columns that the page of an app shows: label, status and owner.
_NAMED = (
    *("label", "expires_at", "revoked_at", "superseded_at"),
    *("extension__user__first_name", "extension__user__last_name"),
)


@dataclass(frozen=True)
class UsedCredential:
    """How an app used one credential that the viewer can see."""

    credential: JwtCredential
    exchanges: int
    calls: int
    last_exchange_at: datetime | None


@dataclass(frozen=True)
class ClientUsage:
    by_day: DailyUsage
    credentials: Sequence[UsedCredential] = field(default_factory=list)
    """The most exchanged ones that the viewer can see."""
    more: int = 0
    """How many more the viewer can see."""
    others: int = 0
    """How many credentials it used that the viewer can't see."""
    exchanges_of_others: int = 0
    operations: CalledOperations = field(default_factory=CalledOperations)
    addresses: Sequence[SeenAddress] = field(default_factory=list)
    last_exchange_at: datetime | None = None
    last_call_at: datetime | None = None


def client_usage(client: Client, viewer: Membership, *, at: datetime | None = None) -> ClientUsage:
    """Five queries at most."""
    at = at or timezone.now()
    since = first_recent_day(at)
    calls, operations = _calls(client, since)
    daily = _daily_exchanges(client, since) | calls
    by_day = daily_usage({key: total for key, (total, _) in daily.items()}, at)
    if not (by_day.exchanges or by_day.calls):
        return ClientUsage(by_day)
    used = exchanged_credentials(client, viewer, since, among=JwtCredential.objects.all())
    visible = [each for each in used if each.is_visible]
    shown = visible[:CREDENTIALS_OF_CLIENT_SHOWN]
    return ClientUsage(
        by_day=by_day,
        credentials=_with_use(shown, client, since),
        more=len(visible) - len(shown),
        others=len(used) - len(visible),
        exchanges_of_others=sum(each.exchanges for each in used if not each.is_visible),
        operations=called_operations(operations),
        addresses=_addresses_of(client, at - USAGE_PERIOD),
        last_exchange_at=_last(daily, EXCHANGES),
        last_call_at=_last(daily, CALLS),
    )


Count = tuple[int, datetime]
"""How many there were, and when the last one was."""
Daily = dict[tuple[int, date], Count]


def _last(daily: Daily, wanted: int) -> datetime | None:
    return max((last for (kind, _), (_, last) in daily.items() if kind == wanted), default=None)


def _daily_exchanges(client: Client, since: date) -> Daily:
    rows = (
        ExchangeUsage.objects.filter(client=client, day__gte=since)
        .order_by()
        .values("day")
        .annotate(total=Sum("exchanges"), last=Max("last_at"))
        .values_list("day", "total", "last")
    )
    return {(EXCHANGES, day): (int(total), last) for day, total, last in rows}


def _calls(client: Client, since: date) -> tuple[Daily, dict[Called, Count]]:
    """The calls of each day, and those of each operation."""
    # A query of its own: for one of both, PostgreSQL would start processes that cost more than they
    # save.
    rows = (
        CallUsage.objects.filter(client=client, day__gte=since)
        .order_by()
        .values("day", "api", "operation")
        .annotate(total=Sum("calls"), last=Max("last_at"))
        .values_list("day", "api", "operation", "total", "last")
    )
    days: Daily = {}
    operations: dict[Called, Count] = {}
    for day, api, operation, total, last in rows:
        called = Called(api, operation)
        days[CALLS, day] = _sum(days.get((CALLS, day)), int(total), last)
        operations[called] = _sum(operations.get(called), int(total), last)
    return days, operations


def _sum(before: Count | None, calls: int, last: datetime) -> Count:
    if before is None:
        return calls, last
    return before[0] + calls, max(before[1], last)


def _with_use(
    used: Sequence[ExchangedCredential], client: Client, since: date
) -> list[UsedCredential]:
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
        UsedCredential(credential, each.exchanges, credential.recent_calls, credential.last_used_at)
        for each in used
        if (credential := credentials.get(each.credential_id))
    ]


def _addresses_of(client: Client, since: datetime) -> list[SeenAddress]:
    rows = (
        AddressUse.objects.filter(client=client, last_at__gte=since)
        .order_by()
        .values("address")
        .annotate(last=Max("last_at"))
        .order_by("-last", "address")
        .values_list("address", "last")
    )
    return [SeenAddress(address, last, ()) for address, last in rows[:ADDRESSES_SHOWN]]
