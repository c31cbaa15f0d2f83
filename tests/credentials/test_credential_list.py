"""The list of one person's credentials."""

import html
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.environments import Environment
from accounts.forms.lists import ListForm
from core.background import BackgroundWriter
from credentials.models import ExchangeUsage, JwtCredential
from credentials.models.usage import Called, note_use
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.credential_states import revoke, rows_of, today
from tests.credentials.pages import (
    text_of,
    url,
    words_of,
)


def test_an_empty_list_explains_the_three_steps(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.luke).get(url("list")))
    for text in ("No credentials yet", "call the API as you", "Exchange it", "Call the API"):
        assert text in words
    assert "<table" not in text_of(sign_in(rebels.han).get(url("list", through=rebels.luke)))


def test_the_list_says_what_each_credential_is(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    cast.credential(rebels.luke, label="Nightly", at=timezone.now() - timedelta(minutes=1))
    cast.credential(
        rebels.luke,
        label="Agency",
        clients=[apps.dialer, apps.concierge, apps.crane],
        expires_on=date(2098, 3, 31),
        at=timezone.now() - timedelta(minutes=2),
    )
    response = sign_in(rebels.luke).get(url("list"))
    day = f"{today():%b} {today().day}, {today():%Y}"
    assert rows_of(response) == [
        f"Active Nightly All apps from your organization Sandbox {day} Not used yet Never",
        f"Active Agency Cloud Concierge, Hangar Crane 3 specific apps Sandbox {day} Not used yet "
        "Mar 31, 2098",
    ]
    assert re.findall(r'aria-label="(Revoke [^"]*)"', text_of(response)) == [
        "Revoke Nightly in sandbox", "Revoke Agency in sandbox",
    ]  # fmt: skip


def test_the_list_shows_only_the_owners_credentials(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    cast.credential(rebels.leia, label="Operations", environment=Environment.PRODUCTION)
    [row] = rows_of(sign_in(rebels.leia).get(url("list")))
    assert row.startswith("Active Operations All apps from your organization Production")
    [row] = rows_of(sign_in(rebels.leia).get(url("list", through=rebels.luke)))
    assert row.startswith("Active Contractor Key All apps from your organization Sandbox")


@pytest.mark.parametrize(
    ("days_left", "status"),
    [
        (0, "Expires today"),
        (1, "Expires in 1 day"),
        (6, "Expires in 6 days"),
        (29, "Expires in 29 days"),
        (31, "Active"),
        (None, "Active"),
        (-30, "Expired"),
    ],
)
def test_status_in_words(
    rebels: Rebels, sign_in: SignIn, days_left: int | None, status: str
) -> None:
    credential = cast.credential(
        rebels.luke,
        at=timezone.now() - timedelta(days=90),
        expires_on=None if days_left is None else today() + timedelta(days=days_left),
    )
    browser = sign_in(rebels.luke)
    [row] = rows_of(browser.get(url("list")))
    assert row.startswith(f"{status} Contractor Key")
    assert f"Sandbox {status} " in words_of(browser.get(url("detail", credential)))


def test_a_revoked_credential_names_the_person_who_revoked_it(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    revoke(credential, rebels.leia)
    browser = sign_in(rebels.luke)
    [row] = rows_of(browser.get(url("list")))
    assert row.startswith("Revoked by Leia Example Contractor Key")
    assert row.endswith("Never – None")
    words = words_of(browser.get(url("detail", credential)))
    assert re.search(r"Leia Example revoked it on \w+ \d+, \d{4}, \d\d:\d\d UTC: “Lost”", words)


@pytest.mark.parametrize(
    ("sort", "labels"),
    [
        ("", "Newest Middle Oldest"),
        ("nonsense", "Newest Middle Oldest"),
        ("created", "Oldest Middle Newest"),
        ("-created", "Newest Middle Oldest"),
        ("label", "Middle Newest Oldest"),
        ("-label", "Oldest Newest Middle"),
        ("expires", "Newest Middle Oldest"),
        ("-expires", "Oldest Middle Newest"),
        ("used", "Newest Oldest Middle"),
        ("-used", "Middle Oldest Newest"),
    ],
)
def test_sorting(rebels: Rebels, apps: Apps, sign_in: SignIn, sort: str, labels: str) -> None:
    now = timezone.now()
    for label, days_ago, lasts, used in (
        ("Oldest", 30, None, 9),
        ("Middle", 20, 80, 3),
        ("Newest", 10, 40, None),
    ):
        credential = cast.credential(
            rebels.luke,
            label=label,
            at=now - timedelta(days=days_ago),
            expires_on=today() + timedelta(days=lasts) if lasts else None,
        )
        if used:
            at = now - timedelta(days=used)
            ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, at=at)
    BackgroundWriter.flush_all()
    response = sign_in(rebels.luke).get(url("list"), {"sort": sort})
    assert " ".join(re.findall(r">(\w+)</a>\s*</span>", text_of(response))) == labels
    sorted_by = re.findall(r'aria-sort="(?:a|de)scending"><a[^>]*>([\w ]+)', text_of(response))
    heading = {"label": "Label", "used": "Last used", "expires": "Expires"}
    assert sorted_by == [heading.get(sort.lstrip("-"), "Created on")]


def test_the_last_call_is_shown_even_after_a_later_exchange(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    now = timezone.now()
    ids = (credential.pk, apps.dialer.pk)
    note_use(
        *ids, at=now - timedelta(days=3), address=None, called=Called("rest-api", "get-account")
    )
    ExchangeUsage.objects.count_exchange(*ids, at=now)
    BackgroundWriter.flush_all()
    called = now - timedelta(days=3)
    said = f"{called:%b} {called.day}, {called:%Y, %H:%M} UTC call"
    assert said in words_of(sign_in(rebels.luke).get(url("detail", credential)))


def test_the_list_takes_the_same_queries_however_long(
    rebels: Rebels, apps: Apps, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in(rebels.luke)
    cast.credential(rebels.luke, clients=[apps.dialer])
    with django_assert_max_num_queries(50) as few:
        browser.get(url("list"))
    for _ in range(10):
        cast.credential(rebels.luke, clients=[apps.dialer, apps.crane])
    with django_assert_max_num_queries(len(few)):
        assert len(rows_of(browser.get(url("list")))) == 11


@pytest.mark.parametrize("through", [False, True])
def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, through: bool
) -> None:
    """There and back, one's own and through the organization, also when all have one label."""
    monkeypatch.setattr(ListForm, "page_size", 2)
    for days_ago in range(5):
        cast.credential(rebels.luke, at=timezone.now() - timedelta(days=days_ago))
    browser = sign_in(rebels.han if through else rebels.luke)
    address = url("list", through=rebels.luke if through else None)
    for sort in ("-created", "label"):
        seen = walk(browser, address, sort, "next")
        assert [len(page) for page in seen] == [2, 2, 1]
        assert len({pk for page in seen for pk in page}) == 5
        last = browser.get(address, {"sort": sort, "after": seen[1][-1]})
        assert ids_in(last) == seen[2]
        previous = re.search(r'href="([^"]+)" rel="prev"', text_of(last))
        assert previous
        assert ids_in(browser.get(address + html.unescape(previous[1]))) == seen[1]


def walk(browser: Browser, address: str, sort: str, direction: str) -> list[list[str]]:
    """The credentials of each page, from the first on."""
    pages, query = [], f"?sort={sort}"
    while query:
        response = browser.get(address + query)
        pages.append(ids_in(response))
        found = re.search(rf'href="([^"]+)" rel="{direction}"', text_of(response))
        query = html.unescape(found[1]) if found else ""
    return pages


def ids_in(response: Any) -> list[str]:
    return re.findall(r'<a href="[^"]*credentials/([0-9a-f-]{36})">', text_of(response))


def test_paging_from_an_unknown_credential_shows_the_first_page(
    rebels: Rebels, sign_in: SignIn
) -> None:
    mine, theirs = cast.credential(rebels.luke), cast.credential(rebels.leia)
    for place in (str(theirs.pk), "a\x00", ""):
        assert ids_in(sign_in(rebels.luke).get(url("list"), {"after": place})) == [str(mine.pk)]
