"""Organization: the list of people, and one person's User Profile beside Credentials."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.forms.lists import ListForm
from accounts.models import Membership
from accounts.roles import ConsoleRole
from credentials.actions.revocations import revoke_jwt_credential
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import text_of, url, words_of

pytestmark = pytest.mark.both_databases

DEVELOPERS = reverse("organization:developers")


def page_of(person: Membership) -> str:
    return reverse("organization:developer", args=[person.user_id])


def names_of(response: Any) -> list[str]:
    found = re.findall(r'data-label="Name">\s*<a href="([^"]*)">(.*?)</a>', text_of(response))
    for address, _name in found:
        assert address.startswith(f"{DEVELOPERS}/")
    return [name.partition(" ")[0] for _address, name in found]


# --- Who can -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "the_list", "luke_s_page"),
    [
        ("leia", 200, 200),
        ("han", 200, 200),
        ("c3po", 200, 200),
        ("luke", 403, 403),
        ("lando", 403, 403),
        ("wedge", 403, 403),
        ("lobot", 200, 404),
    ],
)
def test_who_can_view_the_developers(
    rebels: Rebels,
    partners: Partners,
    sign_in: SignIn,
    who: str,
    the_list: int,
    luke_s_page: int,
) -> None:
    browser = sign_in(partners.lobot if who == "lobot" else getattr(rebels, who))
    assert browser.get(DEVELOPERS).status_code == the_list
    response = browser.get(page_of(rebels.luke))
    assert response.status_code == luke_s_page
    assert ("Request access" in words_of(response)) is (who == "wedge")


def test_an_account_administrator_without_developer_role(rebels: Rebels, sign_in: SignIn) -> None:
    """Who has access is their business; people's credentials are not."""
    admin = cast.join(
        rebels.organization, "mon@rebels.example", ConsoleRole.NO_ACCESS, is_account_admin=True,
        sandbox=False,
    )  # fmt: skip
    browser = sign_in(admin)
    assert browser.get(DEVELOPERS).status_code == 403
    assert browser.get(url("list", through=rebels.luke)).status_code == 403


# --- The list ------------------------------------------------------------------------------------


def test_the_list_has_everyone_in_the_organization(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    response = sign_in(rebels.c3po).get(DEVELOPERS)
    assert names_of(response) == ["C3po", "Han", "Lando", "Leia", "Luke", "Wedge"]
    words = words_of(response)
    assert "lobot" not in words
    leia = "Leia Example leia@rebels.example Developer Admin account administrator"
    assert f"{leia} Sandbox Production 0 Never Off" in words


def test_active_credentials_are_counted(rebels: Rebels, sign_in: SignIn) -> None:
    long_ago = timezone.now() - timedelta(days=90)
    cast.credential(rebels.luke)
    cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    cast.credential(rebels.luke, at=long_ago, expires_on=(long_ago + timedelta(days=9)).date())
    revoke_jwt_credential(
        cast.credential(rebels.luke), reason="x", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    words = words_of(sign_in(rebels.leia).get(DEVELOPERS))
    assert "luke@rebels.example Developer Sandbox Production 2 " in words
    assert "han@rebels.example Developer Admin Sandbox Production 0 " in words


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("LUKE", ["Luke"]),
        (" han@ ", ["Han"]),
        ("example", ["C3po", "Han", "Lando", "Leia", "Luke", "Wedge"]),
        ("L", ["C3po", "Han", "Lando", "Leia", "Luke", "Wedge"]),
        ("lobot", []),
        ("100%_'\"", []),
        ("{{ 7|add:1 }}<b>", []),
        ("a\x00b", []),
    ],
)
def test_the_list_is_searched_by_name_and_email(
    rebels: Rebels, partners: Partners, sign_in: SignIn, query: str, names: list[str]
) -> None:
    response = sign_in(rebels.leia).get(DEVELOPERS, {"q": query})
    assert names_of(response) == names
    if not names:
        assert "No people found" in words_of(response)
        assert "<b>" not in text_of(response)


def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ListForm, "page_size", 2)
    browser, address, pages = sign_in(rebels.leia), f"{DEVELOPERS}?q=example", []
    while address:
        response = browser.get(address)
        pages.append(names_of(response))
        found = re.search(r'href="([^"]+)" rel="next"', text_of(response))
        address = DEVELOPERS + found.group(1).replace("&amp;", "&") if found else ""
    assert pages == [["C3po", "Han"], ["Lando", "Leia"], ["Luke", "Wedge"]]


def test_a_nonsense_place_in_the_list_shows_the_first_page(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.leia).get(DEVELOPERS, {"after": "a\x00"})
    assert names_of(response)[0] == "C3po"


def test_the_list_takes_the_same_queries_however_long(
    rebels: Rebels, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in(rebels.leia)
    with django_assert_max_num_queries(30) as few:
        browser.get(DEVELOPERS)
    for number in range(5):
        cast.join(rebels.organization, f"x{number}@rebels.example", ConsoleRole.DEVELOPER)
    with django_assert_max_num_queries(len(few)):
        assert len(names_of(browser.get(DEVELOPERS))) == 11


def test_a_deactivated_person_is_marked(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.luke.user.is_active = False
    rebels.luke.user.save()
    browser = sign_in(rebels.leia)
    assert "Luke Example Deactivated" in words_of(browser.get(DEVELOPERS))
    assert "Status Deactivated" in words_of(browser.get(page_of(rebels.luke)))


# --- One person ----------------------------------------------------------------------------------


def test_the_page_of_a_person(rebels: Rebels, sign_in: SignIn) -> None:
    application = cast.application(rebels.luke, "X-wing Dialer")
    response = sign_in(rebels.han).get(page_of(rebels.luke))
    words = words_of(response)
    for pattern in (
        r"User Profile Credentials",
        r"Email luke@rebels\.example Console role Developer Account administrator No",
        r"Status Active MFA Off Last active Never Active credentials 0 Joined on \w{3} \d+, \d{4}",
        r"Sandbox \d+ \d+ .*Standard User Enabled Production \d+ \d+ .*Standard User Enabled",
    ):
        assert re.search(pattern, words), pattern
    assert url("list", through=rebels.luke) in text_of(response)
    assert reverse("credentials:application", args=[application.pk]) in text_of(response)


def test_an_account_administrator_gets_links_to_console_access(
    rebels: Rebels, sign_in: SignIn
) -> None:
    link = reverse("organization:change_role", args=[rebels.luke.user_id])
    assert link in text_of(sign_in(rebels.leia).get(page_of(rebels.luke)))
    for person in (rebels.han, rebels.c3po):
        assert link not in text_of(sign_in(person).get(page_of(rebels.luke)))


def test_a_person_without_apps_and_sandbox_account(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.c3po).get(page_of(rebels.lando)))
    assert "Lando doesn’t own any apps." in words
    assert "Production" in words.partition("Platform logins")[2]
    assert "Sandbox" not in words.partition("Platform logins")[2].partition("Apps")[0]


def test_the_developer_pages_escape_names(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.luke.user.first_name = "<b>Luke</b> {{ 7|add:1 }}"
    rebels.luke.user.save()
    browser = sign_in(rebels.leia)
    for address in (DEVELOPERS, page_of(rebels.luke), url("list", through=rebels.luke)):
        page = browser.get(address)
        assert "<b>Luke</b> {{ 7|add:1 }}" in words_of(page)
        assert "<b>Luke" not in text_of(page)
