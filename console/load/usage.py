"""The usage of the large organization's credentials: exchanges, calls, and their addresses."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from accounts.environments import Environment
from console.load import bulk
from console.load.apps import Apps
from console.load.credentials import Credentials
from console.load.dice import Dice
from console.reference.apis import described_apis
from credentials.models import AddressUse, CallUsage, Client, ExchangeUsage, JwtCredential
from credentials.models.jwt_credentials import NEVER_USED
from credentials.models.usage import ADDRESSES_KEPT_FOR

# The probability that an app uses its credential on a day.
USED_ON_A_DAY = 0.4
EXCHANGES_A_DAY, CALLS_OF_ONE = 200, 40
# Each app has as many machines, and calls from some of them.
MACHINES = 4


class Day(NamedTuple):
    """A day (UTC) on which a client used a credential."""

    credential: JwtCredential
    client: Client
    day: date
    last_at: datetime

    @property
    def key(self) -> tuple[UUID, int, date]:
        return self.credential.pk, self.client.pk, self.day


def use(
    made: Credentials, apps: Apps, days: int, apps_each: int, *, dice: Dice, now: datetime
) -> dict[str, int]:
    """Usage of the last `days` days by up to `apps_each` apps each; returns the numbers of rows."""
    # There can be millions of days, so they are computed again for each table instead of kept.
    since = now.date() - timedelta(days=days)
    seed = dice.getrandbits(64)

    def thrown() -> Iterator[Day]:
        return _days(made, apps, since, apps_each, Dice(seed))

    operations = {environment.value: _operations(environment) for environment in Environment}
    exchanges = bulk.stream_values(
        ExchangeUsage,
        ("credential_id", "client_id", "day", "exchanges", "last_at"),
        ((*each.key, dice.randint(1, EXCHANGES_A_DAY), each.last_at) for each in thrown()),
    )
    calls = bulk.stream_values(
        CallUsage,
        ("credential_id", "client_id", "day", "api", "operation", "calls", "last_at"),
        (
            (
                *each.key,
                *dice.choice(operations[each.client.environment]),
                dice.randint(1, EXCHANGES_A_DAY * CALLS_OF_ONE),
                each.last_at,
            )
            for each in thrown()
            if operations[each.client.environment]
        ),
    )
    return {
        "days of exchanges": exchanges,
        "days of calls": calls,
        "addresses": bulk.stream(AddressUse, _addresses(thrown(), dice, now)),
    }


def _operations(environment: Environment) -> list[tuple[str, str]]:
    # Calls to open operations aren't counted.
    return [
        (api.id, operation.id)
        for api in described_apis().values()
        if environment in api.servers
        for operation in api.operations
        if not operation.is_open
    ]


def _days(made: Credentials, apps: Apps, since: date, apps_each: int, dice: Dice) -> Iterator[Day]:
    # One client after the other, because `_addresses` needs the days of each client in a row.
    for credential in made.credentials:
        last = credential.last_used_on
        if last == NEVER_USED or last <= since:
            continue
        usable = made.clients.get(credential.pk) or apps.clients[credential.extension.environment]
        favorites = {dice.favorite(usable) for _ in range(apps_each)}
        for client in sorted(favorites, key=lambda client: client.pk):
            yield from _days_of(credential, client, since, dice)


def _days_of(credential: JwtCredential, client: Client, since: date, dice: Dice) -> Iterator[Day]:
    last = credential.last_used_on
    day = max(since + timedelta(days=1), credential.issued_at.date())
    while day <= last:
        if day == last or dice.chance(USED_ON_A_DAY):
            yield Day(credential, client, day, _last_at(credential, day, dice))
        day += timedelta(days=1)


def _last_at(credential: JwtCredential, day: date, dice: Dice) -> datetime:
    midnight = datetime.combine(day, time(), UTC)
    last_at = midnight + timedelta(seconds=dice.randrange(86_400))
    if credential.revoked_at is not None:
        last_at = min(last_at, credential.revoked_at)
    return max(last_at, credential.issued_at)


def _addresses(days: Iterator[Day], dice: Dice, now: datetime) -> Iterator[AddressUse]:
    # One or two machines on which each client last used each credential.
    for _, days_of_one in groupby(days, key=lambda each: (each.credential, each.client)):
        yield from _seen(deque(days_of_one, maxlen=1).pop(), dice, now)


def _seen(last: Day, dice: Dice, now: datetime) -> Iterator[AddressUse]:
    if last.last_at < now - ADDRESSES_KEPT_FOR:
        return
    machines = dice.sample(range(MACHINES), dice.randint(1, 2))
    for number, machine in enumerate(machines):
        host = last.client.pk * MACHINES + machine
        yield AddressUse(
            credential=last.credential,
            client=last.client,
            address=f"2001:db8::{host:x}"
            if host % 3
            else f"198.18.{host // 256 % 256}.{host % 256}",
            last_at=last.last_at - timedelta(hours=number),
        )
