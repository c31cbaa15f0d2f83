"""Fixtures for browser tests: sign-in through the page, and an accessibility check."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_playwright.pytest_playwright import CreateContextCallback

from accounts.models import Membership
from tests import cast
from tests.browser.axe import assert_accessible

SignInPage = Callable[[Membership], Page]
Check = Callable[[str], None]


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"viewport": {"width": 1280, "height": 900}}


def arrived(page: Page, heading: str) -> None:
    """Wait for the page with this heading, and check its accessibility."""
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    assert_accessible(page, heading)


def again_at(page: Page, heading: str) -> None:
    """Wait for a page that this test has already checked."""
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def confirm_password(page: Page, password: str = cast.PASSWORD) -> None:
    """Confirm who you are, as the console asks before it shows a secret or changes a right."""
    again_at(page, "Confirm it’s you")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Confirm").click()


def sign_in_through_the_form(page: Page, console: str, email: str) -> None:
    page.goto(f"{console}/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture
def sign_in_page(page: Page, console: str) -> SignInPage:
    """Sign in through the form, as a person does."""

    def sign_in(membership: Membership) -> Page:
        sign_in_through_the_form(page, console, membership.user.email)
        page.wait_for_url(f"{console}/console/")
        return page

    return sign_in


@pytest.fixture
def sign_in_elsewhere(new_context: CreateContextCallback, console: str) -> SignInPage:
    """Sign in with a separate browser, so that several people can work side by side."""

    def sign_in(membership: Membership) -> Page:
        page = new_context().new_page()
        sign_in_through_the_form(page, console, membership.user.email)
        page.wait_for_url(f"{console}/console/")
        return page

    return sign_in


@pytest.fixture
def accessible(page: Page) -> Check:
    """Assert that axe finds nothing on the current page, and that nothing overflows."""
    return functools.partial(assert_accessible, page)
