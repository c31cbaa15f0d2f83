"""Choosing the scopes of an app among those of the platform."""

import pytest
from playwright.sync_api import expect

from credentials.models import Application
from tests.browser.axe import assert_accessible
from tests.browser.conftest import SignInPage
from tests.conftest import Rebels
from tests.platforms import UsePlatform, with_scopes


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def test_a_filter_hides_the_scopes_without_its_words(
    sign_in_page: SignInPage, console: str, rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(with_scopes(6))
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}/console/apps/create")
    page.get_by_label("App name").fill("Falcon Dialer")
    change, read, spare = (
        page.get_by_role("checkbox", name=name)
        for name in ("Change orders", "Read orders", "Spare 1")
    )
    expect(change).to_be_checked()
    field = page.get_by_role("searchbox", name="Filter the list")
    field.fill("ORDERS lines")
    expect(read).to_be_visible()
    expect(change).to_be_hidden()
    expect(page.get_by_text("Other scopes")).to_be_hidden()
    field.press("Enter")
    read.check()
    assert_accessible(page, "the filtered scopes")
    # IDs are found too.
    field.fill("orders:write")
    expect(change).to_be_visible()
    field.fill("")
    expect(spare).to_be_visible()
    field.fill("nothing like it")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="You registered Falcon Dialer")).to_be_visible()
    assert Application.objects.get().scopes == ["orders:write", "orders:read"]
