"""Thirty days of exchanges and calls for the demo's credentials."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from accounts.environments import Environment
from console.reference.apis import described_apis
from credentials.models import AddressUse, CallUsage, Client, ExchangeUsage, JwtCredential
from credentials.models.usage import Called, Use

# What each app does on a working day: exchanges, calls per exchange, and from which addresses.
HABITS = {
    "Fleet Directory": (46, 9, ("203.0.113.24", "203.0.113.25", "2001:db8:71::24")),
    "Base Reporting": (7, 130, ("203.0.113.80",)),
    "Hangar Console": (15, 6, ("198.51.100.7", "198.51.100.12")),
    "Cloud City Connect": (88, 4, ("192.0.2.61", "192.0.2.62", "192.0.2.63")),
    "Tibanna Ledger": (24, 11, ("192.0.2.90",)),
}
# How many operations each app calls.
OPERATIONS = 4
NIGHTLY = "Base Reporting"
WEEKEND = (5, 6)


@dataclass(frozen=True)
class BusyDay:
    at: datetime
    exchanges: int
    calls: int
    address: str


def add_usage(
    used: list[tuple[JwtCredential, list[Client]]], environment: Environment, now: datetime
) -> None:
    dice = random.Random(f"1977 {environment}")  # noqa: S311 - the shape of a demo, not a secret
    size = 1.0 if environment is Environment.PRODUCTION else 0.3
    calls: dict[tuple[UUID, int, date, str, str], tuple[int, datetime]] = {}
    seen = []
    for credential, client in ((each, client) for each, clients in used for client in clients):
        operations = _operations_of(client)
        for day in _days_of_use(credential, client.application.name, size, now, dice):
            ExchangeUsage.objects.count_exchange(
                credential.pk, client.pk, at=day.at, times=day.exchanges
            )
            utc_day = day.at.astimezone(UTC).date()
            for called, count in _shares(day.calls, operations):
                # Two of the thirty moments can be on one day (UTC).
                key = (credential.pk, client.pk, utc_day, *called)
                before, last = calls.get(key, (0, day.at))
                calls[key] = before + count, max(last, day.at)
            seen.append(Use(credential.pk, client.pk, day.at, day.address))
    CallUsage.objects.add_counts([(*key, *counted) for key, counted in calls.items()])
    AddressUse.objects.note(seen)


def _operations_of(client: Client) -> list[Called]:
    """A few operations that the app has the scopes for."""
    scopes = client.application.effective_scopes
    return [
        Called(api.id, operation.id)
        for api in described_apis().values()
        if client.environment in api.servers
        for operation in api.operations
        if not operation.is_open and not operation.lacking(scopes)
    ][:OPERATIONS]


def _shares(calls: int, operations: list[Called]) -> Iterator[tuple[Called, int]]:
    # The first one gets half of the calls, the next one half of the others, and so on.
    for called in operations:
        share = calls - calls // 2 if called != operations[-1] else calls
        calls -= share
        if share:
            yield called, share


def _days_of_use(
    credential: JwtCredential, app_name: str, size: float, now: datetime, dice: random.Random
) -> Iterator[BusyDay]:
    exchanges_a_day, calls_each, addresses = HABITS[app_name]
    ended = min(credential.expires_at, credential.revoked_at or now, now)
    for days_ago in range(30):
        at = now - timedelta(days=days_ago, minutes=dice.randrange(1, 600))
        share = size * dice.uniform(0.75, 1.25)
        if at.weekday() in WEEKEND and app_name != NIGHTLY:
            share *= 0.2
        exchanges = max(1, round(exchanges_a_day * share))
        calls = round(exchanges * calls_each * dice.uniform(0.8, 1.2))
        day = BusyDay(at, exchanges, calls, dice.choice(addresses))
        if credential.issued_at < at < ended:
            yield day
