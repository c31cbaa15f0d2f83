"""The pages that `benchmarks.pages` measures, and the table of what it saw."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.test import Client as Browser
from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Extension, Membership, Organization
from accounts.pagination import PAGE_SIZE, Order
from benchmarks import report
from credentials.models import Client, ExchangeUsage, JwtCredential
from credentials.models.developers import ORDERS as PEOPLE_ORDERS
from credentials.models.developers import people_of
from credentials.models.inventory import ORDERS as CREDENTIAL_ORDERS
from credentials.models.inventory import ORDERS_OF_ONE, credentials_of
from tests.house.urls import every_url

NEWEST = Order(("created_at", "pk"), descending=True)


@dataclass(frozen=True)
class Place:
    """One page of a list: the query string that asks for it."""

    query: dict[str, str]

    def address(self, path: str) -> str:
        return f"{path}?{urlencode(self.query)}" if self.query else path


@dataclass(frozen=True)
class Listing:
    """A list in one order: its rows, to find pages in the middle and at the end."""

    name: str
    path: str
    rows: QuerySet[Any]
    order: Order
    query: dict[str, str]
    after: str = "after"
    before: str = "before"
    key: str = "pk"
    """What `after` names: the row, or its value in the order."""

    @property
    def count(self) -> int:
        return self.rows.count()

    @property
    def places(self) -> list[Place]:
        """The first page, one in the middle, the last; and the first and middle, coming back."""
        places = [Place(self.query)]
        if (count := self.count) > PAGE_SIZE:
            middle, end = self._key_at(count // 2), self._key_at(count - PAGE_SIZE)
            places += [self._at(self.after, middle), self._at(self.after, end)]
            if self.before:
                places += [self._at(self.before, end), self._at(self.before, middle)]
        return places

    def _at(self, name: str, key: object) -> Place:
        return Place({**self.query, name: str(key)})

    def _key_at(self, index: int) -> object:
        return self.rows.order_by(*self.order.columns).values_list(self.key, flat=True)[index]


@dataclass
class Measured:
    queries: int
    kilobytes: float
    milliseconds: list[float]
    """Of each place."""


class Counter:
    """Counts statements, as a wrapper of `connection.execute_wrapper`."""

    count = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def measured(browser: Browser, addresses: Sequence[str], rounds: int) -> Measured | None:
    """None for what is no page: a redirect, or a view that only takes POST."""
    found = Measured(0, 0, [])
    for address in addresses:
        counter = Counter()
        with connection.execute_wrapper(counter):
            response = browser.get(address)
        if response.status_code != 200 or not response["Content-Type"].startswith("text/html"):
            return None
        found.queries = max(found.queries, counter.count)
        found.kilobytes = max(found.kilobytes, len(response.content) / 1000)
        found.milliseconds.append(min(_times(browser, address, rounds)))
    return found


def _times(browser: Browser, address: str, rounds: int) -> Iterator[float]:
    for _ in range(rounds):
        started = time.perf_counter()
        browser.get(address)
        yield (time.perf_counter() - started) * 1000


def signed_in(membership: Membership) -> Browser:
    """A browser whose person has just proved again who they are, as some pages demand."""
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(membership.user, settings.AUTHENTICATION_BACKENDS[0])
    browser.post(reverse("account_reauthenticate"), {"password": settings.DEMO_PASSWORD})
    return browser


def run(name: str, *, rounds: int, write: bool) -> None:
    people = Membership.objects.select_related("user", "organization").filter(
        organization__name=name, user__last_name="Load"
    )
    administrator, developer = people.order_by("-is_account_admin")
    text = "\n\n".join(
        [
            _conditions(administrator.organization, rounds),
            "Lists, with the time of the first page, a page in the middle and the last page, the "
            "slower of going there forwards and backwards:",
            _lists(administrator, developer, rounds),
            "Filters, first page:",
            _filters(administrator, rounds),
            "Every other page of the console:",
            _pages(administrator, developer, rounds),
            _export(administrator),
        ]
    )
    sys.stdout.write(f"{text}\n")
    if write:
        report.write("lists", text)


def _conditions(organization: Organization, rounds: int) -> str:
    counts = {
        "people": organization.memberships.count(),
        "platform logins": Extension.objects.filter(account__organization=organization).count(),
        "apps": organization.applications.count(),
        "credentials": credentials_of(organization).count(),
        "days of use": ExchangeUsage.objects.filter(credential__organization=organization).count(),
        "audit events": organization.audit_events.count(),
    }
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {rows}, on {report.machine()}, fsync on, "
        f"shared_buffers 512 MB. Best of {rounds} requests after a first one, in one process, "
        "without the HTTP server."
    )


def listings(administrator: Membership, developer: Membership) -> Iterator[Listing]:
    organization = administrator.organization
    path = reverse("organization:developers")
    for sort, order in PEOPLE_ORDERS.items():
        yield Listing(f"Developers by {sort}", path, people_of(organization), order, {"sort": sort})
    path = reverse("organization:credentials")
    everything = credentials_of(organization)
    for sort, order in CREDENTIAL_ORDERS.items():
        yield Listing(f"Credentials by {sort}", path, everything, order, {"sort": sort})
    path = reverse("developer_credentials:list", args=[developer.user_id])
    own = JwtCredential.objects.of(developer)
    for sort, order in ORDERS_OF_ONE.items():
        yield Listing(f"One person's credentials by {sort}", path, own, order, {"sort": sort})
    yield Listing(
        "Apps", reverse("credentials:applications"), organization.applications.all(), NEWEST, {},
        before="",
    )  # fmt: skip
    yield Listing(
        "Access: people", reverse("accounts:access"),
        organization.memberships.annotate(email=F("user__email")), Order(("email",)), {},
        key="email",
    )  # fmt: skip
    yield Listing(
        "Access: invitations", reverse("accounts:access"), organization.invitations.all(), NEWEST,
        {}, after="invitations_after", before="",
    )  # fmt: skip
    for environment in Environment:
        yield Listing(
            f"Platform logins, {environment.label.lower()}", reverse("accounts:extensions"),
            Extension.objects.filter(
                account__organization=organization, account__environment=environment
            ),
            Order(("extension_number",)), {"environment": environment.value},
            key="extension_number",
        )  # fmt: skip


def _lists(administrator: Membership, developer: Membership, rounds: int) -> str:
    browser = signed_in(administrator)
    rows = []
    for listing in listings(administrator, developer):
        found = measured(browser, [place.address(listing.path) for place in listing.places], rounds)
        if found is None:
            raise SystemExit(f"{listing.path} is no page.")
        first, middle, last = _columns(found.milliseconds)
        rows.append(
            (
                listing.name,
                f"{listing.count:,}",
                found.queries,
                first,
                middle,
                last,
                f"{found.kilobytes:.0f}",
            )
        )
    heads = ("list", "rows", "queries", "first, ms", "middle, ms", "last, ms", "HTML, kB")
    return report.table(heads, rows)


def _columns(milliseconds: Sequence[float]) -> tuple[str, str, str]:
    """Places come as first, middle, last, and then the two from behind."""
    first, *rest = milliseconds
    if not rest:
        return f"{first:.0f}", "–", "–"
    middle, last, *backwards = rest
    if backwards:
        last, middle = max(last, backwards[0]), max(middle, backwards[1])
    return f"{first:.0f}", f"{middle:.0f}", f"{last:.0f}"


def _filters(administrator: Membership, rounds: int) -> str:
    organization = administrator.organization
    client = Client.objects.filter(application__organization=organization).order_by("pk")[0]
    app = client.application
    people = reverse("organization:developers")
    inventory = reverse("organization:credentials")
    access = reverse("accounts:access")
    cases = [
        (people, {"q": "garcia"}),
        (people, {"q": "zoe zimmer"}),
        (people, {"q": "nobody has this name"}),
        (people, {"role": "auditor"}),
        (people, {"environment": "sandbox", "mfa": "on", "status": "deactivated"}),
        (people, {"mfa": "off", "sort": "-active"}),
        (inventory, {"owner": "garcia"}),
        (inventory, {"owner": "nobody has this name"}),
        (inventory, {"app": client.client_id}),
        (inventory, {"app": app.name}),
        (inventory, {"app": "billing", "sort": "owner"}),
        (inventory, {"app": "no such app"}),
        (inventory, {"environment": "sandbox"}),
        (inventory, {"environment": "sandbox", "sort": "expires"}),
        (inventory, {"status": "active"}),
        (inventory, {"status": "expired", "sort": "owner"}),
        (inventory, {"status": "revoked", "sort": "-used"}),
        (inventory, {"app_access": "specific", "sort": "-owner"}),
        (inventory, {"never_expires": "on", "unused_days": "90"}),
        (inventory, {"expiring_days": "30", "sort": "expires"}),
        (inventory, {"expiring_days": "1", "environment": "production", "owner": "zoe"}),
        (inventory, {"unused_days": "700", "status": "active", "sort": "owner"}),
        (access, {"q": "garcia"}),
        (access, {"role": "developer_admin"}),
        (reverse("accounts:extensions"), {"environment": "production", "q": "zoe zimmer"}),
    ]
    browser = signed_in(administrator)
    rows = []
    for path, query in cases:
        found = measured(browser, [Place(query).address(path)], rounds)
        if found is None:
            raise SystemExit(f"{path} is no page.")
        what = ", ".join(f"{name} {value}" for name, value in query.items())
        what = what.replace(client.client_id, "(a client ID)")
        rows.append(
            (
                f"`{path.removeprefix('/console')}`: {what}",
                found.queries,
                f"{found.milliseconds[0]:.0f}",
                f"{found.kilobytes:.0f}",
            )
        )
    return report.table(("filter", "queries", "ms", "HTML, kB"), rows)


def _pages(administrator: Membership, developer: Membership, rounds: int) -> str:
    """All that answer GET with HTML: as the developer who owns much, else as the administrator."""
    values = arguments_of(developer)
    browsers = [signed_in(developer), signed_in(administrator)]
    rows = []
    for url in every_url():
        path = url.path(values)
        if not (url.is_ours and path.startswith("/console")):
            continue
        found = next(
            (found for browser in browsers if (found := measured(browser, [path], rounds))), None
        )
        if found:
            rows.append(
                (
                    f"`{url.name}`",
                    found.queries,
                    f"{found.milliseconds[0]:.0f}",
                    f"{found.kilobytes:.0f}",
                )
            )
    return report.table(("page", "queries", "ms", "HTML, kB"), rows)


def _export(administrator: Membership) -> str:
    """All credentials as CSV, once."""
    counter = Counter()
    started = time.perf_counter()
    with connection.execute_wrapper(counter):
        response = signed_in(administrator).post(reverse("organization:export_credentials"))
        size = sum(map(len, response))
    seconds = time.perf_counter() - started
    rows = credentials_of(administrator.organization).count()
    return (
        f"The export of all {rows:,} credentials as CSV streams {size / 1e6:.0f} MB in "
        f"{seconds:.0f} s with {counter.count} queries, a thousand rows each time."
    )


def arguments_of(developer: Membership) -> dict[str, object]:
    """Things with a long history: the first app, the first credential, a busy person."""
    organization = developer.organization
    first = {
        "application_id": organization.applications.order_by("created_at"),
        "credential_id": JwtCredential.objects.of(developer)
        .filter(revoked_at__isnull=True)
        .order_by("-last_used_on", "pk"),
        "extension_id": developer.user.extensions.order_by("pk"),
        "request_id": organization.access_requests.pending().order_by("pk"),
        "invitation_id": organization.invitations.filter(withdrawn_at=None).order_by("pk"),
    }
    found = {name: rows.values_list("pk", flat=True).first() for name, rows in first.items()}
    return {**found, "environment": Environment.PRODUCTION, "user_id": developer.user_id}
