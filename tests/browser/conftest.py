"""Fixtures of the journeys: people who sign in through the page, and an accessibility check."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from accounts.models import Membership
from tests import cast

SignInPage = Callable[[Membership], Page]
Check = Callable[[str], None]


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture
def sign_in_page(page: Page, console: str) -> SignInPage:
    """Sign in as a browser does: through the form."""

    def sign_in(membership: Membership) -> Page:
        page.goto(f"{console}/account/login/")
        page.get_by_label("Email").fill(membership.user.email)
        page.get_by_label("Password").fill(cast.PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{console}/console/")
        return page

    return sign_in


@pytest.fixture
def accessible(page: Page) -> Check:
    """Assert that axe finds nothing on the page as it is now, and that nothing overflows."""

    def check(where: str) -> None:
        results = Axe().run(page)
        assert not results.response["violations"], f"{where}: {results.generate_report()}"
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{where} is {overflow} px wider than the window"

    return check
