"""Every page of the console takes at most twelve queries and 60 kB, even with a lot of data.

Pages that are added later are measured too. `make bench-pages` measures their times.
"""

import io
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.roles import ConsoleRole
from benchmarks.console_pages import ENDS_THE_SESSION, FOR_PEOPLE, People, arguments_of
from credentials.models import ExchangeUsage
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.urls import every_url

MAX_QUERIES = 12
MAX_BYTES = 60_000
# Enough for more than one page of every list, and for more than every choice offers.
LARGE = {
    "people": 60, "credentials": 400, "events": 500, "apps": 130, "requests": 40, "invitations": 40,
    "usage_days": 31, "refusals": 2_000,
}  # fmt: skip


@pytest.fixture
def arguments(rebels: Rebels) -> dict[str, object]:
    """Objects of Luke, for the addresses of pages."""
    wedge_asks = request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    return more_of_everything(rebels) | {"request_id": wedge_asks.pk}


def more_of_everything(rebels: Rebels, prefix: str = "") -> dict[str, object]:
    apps = [cast.application(rebels.luke, f"{prefix}App {number}") for number in range(3)]
    clients = [cast.client(app, environment)[0] for app in apps for environment in Environment]
    sandbox = [client for client in clients if client.environment == Environment.SANDBOX]
    credentials = [
        cast.credential(rebels.luke, label=f"{prefix}Key {number}", clients=sandbox)
        for number in range(3)
    ]
    for credential in credentials:
        for client in sandbox:
            ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=timezone.now())
    invitations = [
        invite(
            rebels.organization, f"{prefix}new{number}@rebels.example", role=ConsoleRole.DEVELOPER,
            is_account_admin=False, actor=rebels.leia.user, origin=cast.ORIGIN,
        )[0]
        for number in range(3)
    ]  # fmt: skip
    for number in range(3):
        cast.join(rebels.organization, f"{prefix}one{number}@rebels.example", ConsoleRole.DEVELOPER)
    extension = rebels.luke.user.extensions.order_by("pk").first()
    assert extension
    return {
        "organization_id": rebels.organization.pk,
        "application_id": apps[0].pk,
        "credential_id": credentials[0].pk,
        "environment": Environment.SANDBOX,
        "extension_id": extension.pk,
        "invitation_id": invitations[0].pk,
        "user_id": rebels.luke.user_id,
    }


def is_page(response: HttpResponseBase) -> bool:
    """Pages, not pictures and texts of the documentation."""
    is_html = response.headers.get("Content-Type", "").startswith("text/html")
    return isinstance(response, HttpResponse) and response.status_code == 200 and is_html


def queries_of(browser: Client, path: str) -> int | None:
    """How many queries a page takes. None if the answer is not a page.

    Savepoints are not counted, because they replace the transaction that a test has already begun.
    """
    with CaptureQueriesContext(connection) as captured:
        response = browser.get(path)
    if not is_page(response):
        return None
    statements = [query["sql"].partition(" ")[0] for query in captured]
    return len([each for each in statements if each not in ("SAVEPOINT", "RELEASE")])


def costs(browser: Client, arguments: dict[str, object]) -> dict[str, int]:
    found = {}
    for name, path in pages(arguments):
        queries = queries_of(browser, path)
        if queries is not None:
            found[name] = queries
    return found


def pages(arguments: dict[str, object]) -> Iterator[tuple[str, str]]:
    """The name and address of every page for people who are signed in."""
    for url in every_url():
        path = url.path(arguments)
        if path.startswith(FOR_PEOPLE) and url.name not in ENDS_THE_SESSION:
            yield url.name, path


def costs_for(browser: Client, arguments: dict[str, object], *, at_least: int) -> dict[str, int]:
    """What this many pages take or more, each at most twelve queries."""
    # The first page records when the person was last active.
    browser.get("/console/")
    found = costs(browser, arguments)
    assert len(found) >= at_least
    too_many = {name: queries for name, queries in found.items() if queries > MAX_QUERIES}
    assert too_many == {}
    return found


@pytest.mark.both_databases
@pytest.mark.parametrize(("who", "at_least"), [("luke", 30), ("c3po", 25)])
def test_every_page_takes_at_most_twelve_queries(
    rebels: Rebels, sign_in: SignIn, arguments: dict[str, object], who: str, at_least: int
) -> None:
    costs_for(cast.step_up(sign_in(getattr(rebels, who))), arguments, at_least=at_least)


@pytest.mark.both_databases
def test_no_page_of_an_administrator_takes_more_queries_for_more_rows(
    rebels: Rebels, sign_in: SignIn, arguments: dict[str, object]
) -> None:
    browser = cast.step_up(sign_in(rebels.leia))
    before = costs_for(browser, arguments, at_least=45)
    more_of_everything(rebels, "other-")
    for _ in range(3):  # browsers in which she is signed in
        sign_in(rebels.leia).get("/console/")
    assert costs(browser, arguments) == before


@pytest.mark.slow
def test_no_page_exceeds_60_kilobytes_in_a_large_organization(db: None, settings: Settings) -> None:
    settings.DEMO = True
    call_command("seed_load", **LARGE, stdout=io.StringIO())
    people = People.of("Load Test")
    browsers = people.sign_in()
    sizes: dict[str, int] = {}
    for name, path in pages(arguments_of(people.developer)):
        for browser in browsers:
            response = browser.get(path)
            if is_page(response):
                sizes[name] = max(sizes.get(name, 0), len(response.content))
    assert len(sizes) >= 30
    assert {name: size for name, size in sizes.items() if size > MAX_BYTES} == {}
