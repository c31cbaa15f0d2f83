"""Measures the pages of `benchmarks.console_pages`, and makes tables of the results."""

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import Extension, Organization
from benchmarks import report
from benchmarks.console_pages import Console, People, Place, console_of, filters, listings
from credentials.models import AddressUse, CallUsage, ExchangeUsage, Refusal
from credentials.reports.credential_list import organization_credentials

# The aims for every page.
MOST_QUERIES, MOST_MILLISECONDS, MOST_KILOBYTES = 12, 50, 60
# How often each page is requested in a round.
AT_ONCE = 2
# IDs of clients and of credentials, which differ from one run to the next.
ID = re.compile(r"[A-Za-z0-9]{22}|[0-9a-f-]{36}")


@dataclass
class Measured:
    name: str
    queries: int
    kilobytes: float
    milliseconds: list[float]
    """Of each place."""

    @property
    def shortfalls(self) -> list[str]:
        """The goals that it misses."""
        slowest = max(self.milliseconds)
        return [
            f"{figure:.0f} {unit}"
            for figure, unit, most in (
                (self.queries, "queries", MOST_QUERIES),
                (slowest, "ms", MOST_MILLISECONDS),
                (self.kilobytes, "kB", MOST_KILOBYTES),
            )
            if figure > most
        ]

    def slower(self, other: "Measured | None") -> "Measured":
        """The slower figures of two people."""
        return self._with(other, max)

    def quicker(self, other: "Measured | None") -> "Measured":
        """The faster time of two rounds."""
        return self._with(other, min)

    def _with(self, other: "Measured | None", choose: Callable[..., float]) -> "Measured":
        if other is None:
            return self
        return Measured(
            self.name,
            max(self.queries, other.queries),
            max(self.kilobytes, other.kilobytes),
            [choose(pair) for pair in zip(self.milliseconds, other.milliseconds, strict=True)],
        )

    @property
    def cells(self) -> tuple[str, int, str, str]:
        return self.name, self.queries, f"{self.milliseconds[0]:.0f}", f"{self.kilobytes:.0f}"


class Counter:
    """Counts statements, as a wrapper of `connection.execute_wrapper`."""

    count = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


@dataclass
class Page:
    """A page, or some places of a list, with the people who view it."""

    name: str
    addresses: Sequence[str]
    browsers: Sequence[Browser]
    found: dict[int, Measured] = field(default_factory=dict)
    """By the number of the browser, without browsers that get no page."""

    def measure(self) -> None:
        """One round. The best of all rounds counts."""
        for number, browser in enumerate(self.browsers):
            found = measured(browser, self.name, self.addresses)
            if found is not None:
                self.found[number] = found.quicker(self.found.get(number))

    @property
    def worst(self) -> Measured | None:
        """The slowest figures; None if no one gets this as a page."""
        slowest: Measured | None = None
        for found in self.found.values():
            slowest = found.slower(slowest)
        return slowest


def measured(browser: Browser, name: str, addresses: Sequence[str]) -> Measured | None:
    """None if the answer isn't a page: a redirect, a POST-only view, or a missing permission."""
    found = Measured(name, 0, 0, [])
    for address in addresses:
        counter = Counter()
        started = time.perf_counter()
        with connection.execute_wrapper(counter):
            response = browser.get(address)
        first = _milliseconds_since(started)
        if not _is_page(response):
            return None
        found.queries = max(found.queries, counter.count)
        found.kilobytes = max(found.kilobytes, len(response.content) / 1000)
        found.milliseconds.append(min([first, *_times(browser, address)]))
    return found


def _is_page(response: Any) -> bool:
    is_html = response["Content-Type"].startswith("text/html")
    return bool(response.status_code == HTTPStatus.OK and is_html)


def _times(browser: Browser, address: str) -> Iterator[float]:
    for _ in range(AT_ONCE):
        started = time.perf_counter()
        browser.get(address)
        yield _milliseconds_since(started)


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


@dataclass(frozen=True)
class Pages:
    """Everything that is measured, by its table."""

    lists: list[Page]
    row_counts: list[int]
    """Of each list."""
    filters: list[Page]
    others: list[Page]

    def measure(self, rounds: int) -> None:
        # In turns, so that a busy minute of the machine affects all of them.
        for _ in range(rounds):
            for page in (*self.lists, *self.filters, *self.others):
                page.measure()


def run(name: str, *, rounds: int, write: bool) -> None:
    people = People.of(name)
    conditions = _conditions(people.administrator.organization, rounds)
    browsers = people.sign_in()
    # Before `console_of`, which rotates a credential.
    lists, row_counts = _lists(people, browsers[0])
    filtered = list(_filters(people, browsers[0]))
    export = _export(people)
    pages = Pages(lists, row_counts, filtered, list(_pages(console_of(people), browsers)))
    pages.measure(rounds)
    text = "\n\n".join([conditions, *_tables(pages), export])
    sys.stdout.write(f"{text}\n")
    if write:
        report.write("lists", text)


def _tables(pages: Pages) -> list[str]:
    """The paragraphs and tables of the report, which begins with the pages that miss the goals."""
    lists, filtered = ([*map(_required, part)] for part in (pages.lists, pages.filters))
    others = [found for page in pages.others if (found := page.worst) is not None]
    heads = ("queries", "ms", "HTML, kB")
    return [
        _summary([*lists, *filtered, *others]),
        "Lists, with the times of the first page, a middle page, and the last page. Each time is "
        "the slower one of paging forward and backward:",
        _table_of_lists(zip(pages.row_counts, lists, strict=True)),
        "Filters, first page:",
        report.table(("filter", *heads), (found.cells for found in filtered)),
        "All other pages, with the slower time of an administrator and a developer:",
        report.table(("page", *heads), (found.cells for found in others)),
    ]


def _summary(everything: Sequence[Measured]) -> str:
    """How many pages meet the goals, and which miss them."""
    missed = [found for found in everything if found.shortfalls]
    summary = f"{len(everything) - len(missed)} of {len(everything)} pages meet the goals."
    if not missed:
        return summary
    names = ", ".join(f"{found.name} ({', '.join(found.shortfalls)})" for found in missed)
    return f"{summary} These miss them: {names}."


def _conditions(organization: Organization, rounds: int) -> str:
    of_credential = {"credential__organization": organization}
    counts = {
        "people": organization.memberships.count(),
        "platform logins": Extension.objects.filter(account__organization=organization).count(),
        "apps": organization.applications.count(),
        "credentials": organization_credentials(organization).count(),
        "days of exchanges": ExchangeUsage.objects.filter(**of_credential).count(),
        "days of calls": CallUsage.objects.filter(**of_credential).count(),
        "addresses": AddressUse.objects.filter(**of_credential).count(),
        "refused requests": Refusal.objects.filter(
            client__application__organization=organization
        ).count(),
        "audit events": organization.audit_events.count(),
    }
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {rows}, on {report.machine()}, fsync on, "
        "shared_buffers 512 MB. We measured the pages in turn, in one process, without the HTTP "
        f"server. Each time is the best of {rounds} rounds of {AT_ONCE + 1} requests."
    )


def _lists(people: People, browser: Browser) -> tuple[list[Page], list[int]]:
    """And how many rows each list has."""
    pages, counts = [], []
    for listing in listings(people):
        addresses = [place.address(listing.path) for place in listing.places]
        pages.append(Page(listing.name, addresses, [browser]))
        counts.append(listing.count)
    return pages, counts


def _required(page: Page) -> Measured:
    if page.worst is None:
        raise SystemExit(f"{page.addresses[0]} is no page.")
    return page.worst


def _table_of_lists(lists: Iterable[tuple[int, Measured]]) -> str:
    heads = ("list", "rows", "queries", "first, ms", "middle, ms", "last, ms", "HTML, kB")
    return report.table(
        heads,
        (
            (
                found.name,
                f"{count:,}",
                found.queries,
                *_columns(found.milliseconds),
                f"{found.kilobytes:.0f}",
            )
            for count, found in lists
        ),
    )


def _columns(milliseconds: Sequence[float]) -> tuple[str, str, str]:
    """Places are first, middle and last, then the two going back."""
    first, *rest = milliseconds
    if not rest:
        return f"{first:.0f}", "–", "–"
    middle, last, *backwards = rest
    if backwards:
        last, middle = max(last, backwards[0]), max(middle, backwards[1])
    return f"{first:.0f}", f"{middle:.0f}", f"{last:.0f}"


def _filters(people: People, browser: Browser) -> Iterator[Page]:
    for path, query in filters(people):
        what = ", ".join(
            f"{name} {'(an ID)' if ID.fullmatch(value) else value}" for name, value in query.items()
        )
        name = f"`{path.removeprefix('/console')}`: {what}"
        yield Page(name, [Place(query).address(path)], [browser])


def _pages(console: Console, browsers: Sequence[Browser]) -> Iterator[Page]:
    """All pages that one of the two people gets."""
    for name, address in console.pages():
        yield Page(name, [address], browsers)


def _export(people: People) -> str:
    """All credentials as CSV, once."""
    counter = Counter()
    started = time.perf_counter()
    with connection.execute_wrapper(counter):
        response = people.sign_in()[0].post(reverse("organization:export_credentials"))
        size = sum(map(len, response))
    seconds = time.perf_counter() - started
    rows = organization_credentials(people.administrator.organization).count()
    return (
        f"The export of all {rows:,} credentials as CSV streams {size / 1e6:.0f} MB in "
        f"{seconds:.0f} s with {counter.count} queries of a thousand rows."
    )
