"""The search: what each person finds, which is what they can open, and how it asks the database."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import ConsoleRole
from console.search.query import SearchQuery
from console.search.sources import find_credentials, found_everywhere
from credentials.models import Refusal
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import refused

_LINK = re.compile(r'<a href="([^"]+)">\s*<span class="results__title">([^<]*)</span>')


def links_for(browser: Client, text: str) -> dict[str, str]:
    """The titles that the page of results shows for a text, by their addresses."""
    response = browser.get(reverse("search"), {"q": text})
    assert response.status_code == 200
    return dict(_LINK.findall(response.content.decode()))


FALCONS = ["Falcon Backup", "Falcon Nightly", "Falcon Report", "Falcon Sync"]
OWN = ["Falcon Nightly", "Falcon Sync"]
NIGHTLY, SYNC, SPY = ["Falcon Nightly"], ["Falcon Sync"], ["Falcon Spy", "Falcon Theirs"]
LUKE, LOBOT, REFUSED = ["Luke Example"], ["Lobot Example"], ["the request"]
# What each person finds: by the word, Luke's `jti`, Lobot's `jti`, the client ID of Luke's app, the
# name of Luke, the name of Lobot, and the ID of a request that was refused to Luke's app.
FOUND: dict[str, list[list[str]]] = {
    "luke": [OWN, NIGHTLY, [], SYNC, [], [], REFUSED],
    "lando": [[], [], [], [], [], [], []],
    "han": [FALCONS, NIGHTLY, [], SYNC, LUKE, [], REFUSED],
    "leia": [FALCONS, NIGHTLY, [], SYNC, LUKE, [], REFUSED],
    "c3po": [FALCONS, NIGHTLY, [], SYNC, LUKE, [], REFUSED],
    "account administrator": [[], [], [], [], LUKE, [], []],
    "lobot": [SPY, [], ["Falcon Theirs"], [], [], LOBOT, []],
}


@pytest.mark.both_databases
def test_everyone_finds_what_they_can_open_and_nothing_else(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    client, _ = cast.client(cast.application(rebels.luke, "Falcon Sync"))
    lukes = cast.credential(rebels.luke, label="Falcon Nightly", clients=[client])
    cast.application(rebels.han, "Falcon Report")
    cast.credential(rebels.han, label="Falcon Backup")
    cast.application(partners.lobot, "Falcon Spy")
    lobots = cast.credential(partners.lobot, label="Falcon Theirs")
    refused(lukes, times=1)
    request_id = Refusal.objects.get().request_id
    mon = cast.join(
        rebels.organization,
        "mon@rebels.example",
        ConsoleRole.NO_ACCESS,
        is_account_admin=True,
        sandbox=False,
    )
    people = {name: getattr(rebels, name) for name in ("luke", "lando", "han", "leia", "c3po")}
    people |= {"account administrator": mon, "lobot": partners.lobot}
    texts = ["FALCON", str(lukes.pk), str(lobots.pk), client.client_id, "luke", "lobot", request_id]
    found = {}
    for name, person in people.items():
        browser = cast.step_up(sign_in(person))
        results = [links_for(browser, text) for text in texts]
        addresses = {address for links in results for address in links}
        assert {browser.get(address).status_code for address in addresses} <= {200}
        found[name] = [
            sorted(
                "the request" if title == request_id else title
                for address, title in links.items()
                if not address.startswith("/docs/")
            )
            for links in results
        ]
    assert found == FOUND


@pytest.mark.parametrize("who", ["wedge", "nobody"])
def test_people_without_console_access_find_nothing(
    rebels: Rebels, sign_in: SignIn, client: Client, who: str
) -> None:
    browser = sign_in(rebels.wedge) if who == "wedge" else client
    assert browser.get(reverse("search"), {"q": "luke"}).status_code in {403, 302}


def test_pages_are_found_by_name_if_the_person_can_open_them(
    rebels: Rebels, sign_in: SignIn
) -> None:
    assert links_for(sign_in(rebels.leia), "polic")[reverse("organization:policies")] == "Policies"
    assert reverse("organization:policies") not in links_for(sign_in(rebels.luke), "polic")
    assert reverse("my_credentials:create") in links_for(sign_in(rebels.luke), "create jwt")


def test_a_setting_is_found_in_the_docs(rebels: Rebels, sign_in: SignIn) -> None:
    links = links_for(sign_in(rebels.luke), "SESSION_IDLE_MINUTES")
    assert any(address.startswith("/docs/reference/settings") for address in links)


def test_the_dialog_gets_only_the_results(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    html = browser.get(reverse("search"), {"q": "x"}, headers={"HX-Request": "true"}).content
    assert html.decode().strip().startswith('<div class="results" data-results-of="x">')


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("typed", "is_found"),
    [("nightly", True), ("JOBS night", True), ("100%", True), ("100_", False), ("night%", False),
     ("\x00", False), ("", False), ("   ", False), ("nightly " * 40, True)],
)  # fmt: skip
def test_each_word_is_a_part_of_the_label(rebels: Rebels, typed: str, is_found: bool) -> None:
    cast.credential(rebels.luke, label="Nightly jobs 100%")
    groups = found_everywhere(rebels.luke, SearchQuery.of(typed))
    titles = [result.title for _source, results in groups for result in results]
    assert ("Nightly jobs 100%" in titles) is is_found


@pytest.mark.parametrize(
    ("text", "is_id"),
    [("1b9f2c3d", True), ("1B9F2C3D-4e5f", True), ("1b9f2c3d4e5f4a6b8c7d9e0f1a2b3c4d", True),
     ("1b9f2c3", False), ("nightly1", False), ("1b9f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", True)],
)  # fmt: skip
def test_an_id_is_recognized_by_its_first_eight_digits(text: str, is_id: bool) -> None:
    assert (SearchQuery.of(text).id_range is not None) is is_id


def test_only_a_whole_id_can_be_a_request_id() -> None:
    whole = "1b9f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    assert SearchQuery.of(whole.upper()).request_id == whole
    assert SearchQuery.of(whole[:-1]).request_id == ""


@pytest.mark.both_databases
def test_labels_are_read_from_their_index(rebels: Rebels) -> None:
    cast.credential(rebels.luke)
    query = SearchQuery.of("contractor")
    with CaptureQueriesContext(connection) as captured:
        assert list(find_credentials(rebels.han, query))
    [sql] = [each["sql"] for each in captured if "LIKE" in each["sql"].partition("WHERE")[2]]
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN"
        if connection.vendor == "postgresql":
            # It prefers to read so few rows without an index.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            explain = "EXPLAIN"
        cursor.execute(f"{explain} {sql}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert re.search("(?:Index Only Scan using|USING INDEX) jwt_credential_by_label", plan), plan
