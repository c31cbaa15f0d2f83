"""Fixtures for browser tests: sign-in through the page, and an accessibility check."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Program
from django.urls import reverse
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


def signed_in(page: Page, console: str, membership: Membership) -> Page:
    """Sign in as the form does, without the time that a browser takes for it."""
    program = Program(headers={"User-Agent": page.evaluate("navigator.userAgent")})
    entries = {"login": membership.user.email, "password": cast.PASSWORD}
    assert program.post(reverse("account_login"), entries).status_code == 302
    page.context.add_cookies(
        [
            {"name": name, "value": morsel.value, "url": console}
            for name, morsel in program.cookies.items()
        ]
    )
    page.goto(f"{console}/console/")
    return page


@pytest.fixture
def sign_in_page(page: Page, console: str) -> SignInPage:
    """Sign in, and open the dashboard."""
    return functools.partial(signed_in, page, console)


@pytest.fixture
def sign_in_elsewhere(new_context: CreateContextCallback, console: str) -> SignInPage:
    """Sign in with a separate browser, so that several people can work side by side."""

    def sign_in(membership: Membership) -> Page:
        return signed_in(new_context().new_page(), console, membership)

    return sign_in


@pytest.fixture
def accessible(page: Page) -> Check:
    """Assert that axe finds nothing on the current page, and that nothing overflows."""
    return functools.partial(assert_accessible, page)
