"""Reading notices in a browser: the bell, the link and the buttons."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import cast
from tests.browser.conftest import SignInPage
from tests.conftest import Rebels


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def bell(page: Page, unread: str) -> None:
    link = page.get_by_role("banner").get_by_role("link", name=f"Notices, {unread} unread")
    expect(link).to_be_visible()


def test_following_the_link_of_a_notice_marks_it_as_read(
    sign_in_page: SignInPage, rebels: Rebels
) -> None:
    for label in ("First key", "Second key"):
        cast.credential(rebels.luke, label=label, created_by=rebels.han)
    page = sign_in_page(rebels.luke)
    bell(page, "2")
    page.get_by_role("link", name="Notices, 2 unread").press("Enter")
    # Until its script has loaded, the page doesn't report that a notice was opened.
    page.wait_for_url("**/console/notices")
    with page.expect_response(re.compile(r"/console/notices/\d+/read$")):
        page.get_by_role("link", name=re.compile("First key")).click()
    expect(page.get_by_role("heading", name="First key")).to_be_visible()
    page.reload()
    bell(page, "1")
    page.get_by_role("link", name="Notices, 1 unread").click()
    page.get_by_role("button", name=re.compile("Mark as read: .*Second key")).click()
    bell(page, "none")
    expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)


def test_notices_work_without_javascript(browser: Browser, console: str, rebels: Rebels) -> None:
    for label in ("First key", "Second key", "Third key"):
        cast.credential(rebels.luke, label=label, created_by=rebels.han)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{console}/account/login/?next=/console/notices")
        page.get_by_label("Email").fill(rebels.luke.user.email)
        page.get_by_label("Password").fill(cast.PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name=re.compile("Mark as read: .*First key")).click()
        bell(page, "2")
        page.get_by_role("button", name="Mark all as read").click()
        bell(page, "none")
        page.get_by_role("link", name="Unread", exact=True).click()
        expect(page.get_by_role("heading", name="No unread notices")).to_be_visible()
