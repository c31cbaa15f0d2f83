"""The demo organizations, made by the same actions as everything else, with thirty days of history.

Times are counted back from the moment of loading, so that the pages look used.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import emails
from accounts.actions.access_requests import request_access
from accounts.actions.notices import mark_all_notices_read
from accounts.environments import Environment
from accounts.models import Membership, Organization
from console.demo.apps import register_apps
from console.demo.credentials import create_credentials
from console.demo.people import DEMO_ORIGIN, REBELS, create_people, fill_in_addresses
from console.demo.refusals import refusals_of
from console.demo.usage import add_usage
from credentials.actions.refusals import record_refusals
from credentials.actions.reminders import remind_owners
from credentials.models.refusals import Refused


def is_loaded() -> bool:
    return Organization.objects.filter(name=REBELS).exists()


@transaction.atomic
def load_demo(*, at: datetime | None = None) -> None:
    now = at or timezone.now()
    with emails.withheld():
        people = create_people(now - timedelta(days=90))
        apps = register_apps(people, now - timedelta(days=80))
        fill_in_addresses(people, now - timedelta(days=79))
        refused: list[Refused] = []
        for environment in Environment:
            used = create_credentials(people, apps, environment, now)
            add_usage(used, environment, now)
            refused += refusals_of({each.label: each for each, _ in used}, apps, environment, now)
        record_refusals(sorted(refused, key=lambda each: each.at))
        _reminders(people["luke@rebels.example"], now)
        request_access(
            people["wedge@rebels.example"],
            reason=f"I want to build a dashboard {_of_what()}.",
            origin=DEMO_ORIGIN,
            at=now - timedelta(days=2),
        )


def _of_what() -> str:
    return "of our extension numbers" if settings.PLATFORM.built_in_api else "for our team"


def _reminders(luke: Membership, now: datetime) -> None:
    # `tick` would have sent these. Luke has read the notices that are older than a month.
    for days_ago in (59, 36, 30, 8):
        remind_owners(at=now - timedelta(days=days_ago))
    month_ago = now - timedelta(days=30)
    mark_all_notices_read(luke.user, until=month_ago, at=month_ago)
