"""A large organization in one transaction. One seed gives the same data, apart from secrets."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import emails
from accounts.models import Organization, User
from console.load import bulk
from console.load.apps import Apps, apps
from console.load.credentials import Credentials, credentials
from console.load.dice import Dice
from console.load.history import history
from console.load.people import People, add_invitations, add_requests, domain_of, people
from console.load.refusals import refusals
from console.load.usage import use


@dataclass(frozen=True)
class Size:
    """How many rows of each kind. The lists are measured with the defaults."""

    people: int = 10_000
    credentials: int = 100_000
    events: int = 1_000_000
    apps: int = 500
    requests: int = 300
    invitations: int = 300
    usage_days: int = 60
    usage_apps: int = 2
    """How many apps use each credential."""
    refusals: int = 200_000


@dataclass(frozen=True)
class LoadedOrganization:
    people: People
    apps: Apps
    credentials: Credentials
    usage: dict[str, int]
    refusals: int
    events: int


def is_taken(name: str) -> bool:
    return (
        Organization.objects.filter(name=name).exists()
        or User.objects.filter(email__endswith=f"@{domain_of(name)}").exists()
    )


def load(name: str, size: Size, *, seed: int, at: datetime | None = None) -> LoadedOrganization:
    """Ask `is_taken` first."""
    dice, now = Dice(f"{seed} {name}"), at or timezone.now()
    with transaction.atomic():
        with emails.withheld():
            everyone = people(name, size.people, dice=dice, now=now)
            add_requests(everyone, size.requests, dice=dice, now=now)
            add_invitations(everyone, size.invitations, dice=dice, now=now)
            built = apps(everyone, size.apps, dice=dice, now=now)
        issued = credentials(everyone, built, size.credentials, dice=dice, now=now)
        usage = use(issued, built, size.usage_days, size.usage_apps, dice=dice, now=now)
        refused = refusals(issued, built, size.refusals, dice=dice, now=now)
        events = history(everyone, built, issued, size.events, dice=dice, now=now)
    bulk.analyze()
    return LoadedOrganization(everyone, built, issued, usage, refused, events)
