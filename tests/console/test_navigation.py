"""Each person gets the links that their permissions open, and no others."""

import pytest
from django.test import Client

from accounts.roles import ConsoleRole, permissions_of
from console.navigation import SECTIONS, navigation
from tests.conftest import Rebels, SignIn


def keys(section: str, role: ConsoleRole, *, is_account_admin: bool = False) -> list[str]:
    permissions = permissions_of(role, is_account_admin=is_account_admin)
    return [link.key for link in navigation(permissions, is_operator=False)[section]]


def test_a_developer_sees_no_organization_section() -> None:
    assert keys("organization", ConsoleRole.DEVELOPER) == []
    assert keys("console", ConsoleRole.DEVELOPER) == [
        "dashboard", "apps", "credentials", "sandbox", "reference", "docs", "why",
    ]  # fmt: skip


def test_an_account_administrator_without_a_role_enters_the_organization_at_access() -> None:
    permissions = permissions_of(ConsoleRole.NO_ACCESS, is_account_admin=True)
    links = navigation(permissions, is_operator=False)["console"]
    assert [link.url_name for link in links if link.key == "organization"] == ["accounts:access"]


def test_a_developer_admin_enters_the_organization_at_the_developers() -> None:
    permissions = permissions_of(ConsoleRole.DEVELOPER_ADMIN, is_account_admin=True)
    links = navigation(permissions, is_operator=False)["console"]
    entrances = [link.url_name for link in links if link.key == "organization"]
    assert entrances == ["organization:developers"]


@pytest.mark.parametrize("is_operator", [True, False])
def test_only_operators_see_the_pages_of_operators(is_operator: bool) -> None:
    links = navigation(frozenset(), is_operator=is_operator)["user_menu"]
    theirs = {link.key for link in links} & {"organizations", "apis", "signing_keys"}
    assert theirs == ({"organizations", "apis", "signing_keys"} if is_operator else set())


def test_every_section_marks_the_page_that_is_open(rebels: Rebels, sign_in: SignIn) -> None:
    browser: Client = sign_in(rebels.leia)
    page = browser.get("/console/organization/access").content.decode()
    assert page.count('aria-current="page"') >= 2


def test_links_have_one_key_for_each_label() -> None:
    for links in SECTIONS.values():
        assert len({(link.key, link.label) for link in links}) == len({link.key for link in links})
