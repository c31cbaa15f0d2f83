"""An Auditor sees everything and changes nothing.

The forms are not listed here. The test reads them from the pages, so that it covers new ones. It
sends every form that an administrator finds as the Auditor too, and each must be refused.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.urls import resolve, reverse
from playwright.sync_api import Page

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import invite
from accounts.models import AuditEvent
from accounts.roles import ConsoleRole
from credentials.actions.clients import suspend_client
from credentials.actions.rotations import GRACE_PERIODS, rotate_jwt_credential
from tests import cast
from tests.browser.axe import assert_accessible
from tests.browser.conftest import SignInPage, confirm_password
from tests.conftest import Rebels

MATRIX = Path(__file__).parent.parent / "access_matrix.txt"
# The Auditor's own settings, exports (which are recorded), and a dry run (which changes nothing).
ALLOWED = {
    "account_logout",
    "accounts:export_audit_log",
    "accounts:my_profile",
    "accounts:read_all_notices",
    "accounts:read_notice",
    "organization:export_credentials",
    "refusals:why",
}
# The pages that differ most from those of tests/browser/test_pages.py, where axe sees every page.
EXAMINED = {"credentials:application", "dashboard", "developer_credentials:detail"}


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@pytest.fixture
def _something_of_everything(rebels: Rebels) -> None:
    """People, apps, credentials, a rotation, a request and an invitation, in several states."""
    app = cast.application(rebels.luke)
    client, _ = cast.client(app)
    suspended, _ = cast.client(cast.application(rebels.leia, "Suspended"))
    suspend_client(suspended, actor=rebels.leia.user, origin=cast.ORIGIN)
    cast.credential(rebels.luke, label="Specific", clients=[client])
    rotate_jwt_credential(
        cast.credential(rebels.luke, label="Rotated"),
        label="Its replacement",
        expires_on=None,
        grace_period=GRACE_PERIODS[0],
        deadline=GRACE_PERIODS[-1],
        actor=rebels.luke.user,
        origin=cast.ORIGIN,
    )
    request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    invite(
        rebels.organization,
        "new@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )


@dataclass(frozen=True)
class Form:
    """A form that is sent with POST, and its initial values."""

    path: str
    data: dict[str, str] = field(compare=False)

    @property
    def name(self) -> str:
        return name_of(self.path)


def name_of(path: str) -> str:
    return resolve(path).view_name


class Offers(HTMLParser):
    """The links within the console and the forms of a page."""

    def __init__(self, path: str, html: str) -> None:
        super().__init__()
        self.path, self.links, self.forms = path, list[str](), list[Form]()
        self._form: Form | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "a":
            self._link(values.get("href", ""))
        elif tag == "form":
            action = urlsplit(urljoin(self.path, values.get("action", ""))).path
            posts = values.get("method", "get").lower() == "post"
            self._form = Form(action, {}) if posts else None
            if self._form:
                self.forms.append(self._form)
            else:
                self._link(action)
        elif tag == "button" and "formaction" in values:
            self.forms.append(Form(urljoin(self.path, values["formaction"]), {}))
        elif self._form and values.get("name"):
            self._form.data[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _link(self, href: str) -> None:
        target = urlsplit(urljoin(self.path, href))
        if not target.netloc and target.path.startswith("/console/"):
            self.links.append(target.path)


def crawl(start: str, open_page: Callable[[str], str]) -> Iterator[Offers]:
    """Follow links, and visit each kind of page once."""
    waiting, seen = deque([start]), set[str]()
    while waiting:
        path = waiting.popleft()
        if name_of(path) in seen:
            continue
        seen.add(name_of(path))
        offers = Offers(path, open_page(path))
        waiting.extend(offers.links)
        yield offers


def open_to_auditors() -> set[str]:
    """The URLs that tests/access_matrix.txt opens to an Auditor."""
    lines = [line for line in MATRIX.read_text().splitlines() if not line.startswith("#")]
    heading, *rows = map(str.split, lines)
    auditor = heading.index("auditor")
    return {row[0] for row in rows if row[1] == "GET" and row[auditor] == "200"}


def fetched(page: Page, console: str, path: str) -> str:
    """Fetch a page without rendering it, which is faster. No link can lead to a refusal."""
    response = page.request.get(f"{console}{path}")
    assert response.status == 200, path
    return response.text()


@pytest.mark.usefixtures("_something_of_everything")
def test_an_auditor_opens_every_page_and_can_send_no_form(
    console: str, sign_in_page: SignInPage, sign_in_elsewhere: SignInPage, rebels: Rebels
) -> None:
    leia, auditor = sign_in_elsewhere(rebels.leia), sign_in_page(rebels.c3po)
    leia.goto(f"{console}{reverse('accounts:invite')}")
    offered = [
        form
        for offers in crawl(reverse("dashboard"), lambda path: fetched(leia, console, path))
        for form in offers.forms
    ]
    seen = list(crawl(reverse("dashboard"), lambda path: fetched(auditor, console, path)))
    assert {name_of(offers.path) for offers in seen} >= open_to_auditors()
    examined = [offers.path for offers in seen if name_of(offers.path) in EXAMINED]
    assert len(examined) == len(EXAMINED)
    for path in examined:
        auditor.goto(f"{console}{path}")
        assert_accessible(auditor, path)
    absent = sorted(
        {form for form in offered if form.name not in ALLOWED}, key=lambda form: form.path
    )
    assert len({form.name for form in absent}) > 20
    assert {form.name for offers in seen for form in offers.forms} <= ALLOWED

    # A missing confirmation is not the reason for the refusal either.
    auditor.goto(f"{console}{reverse('account_reauthenticate')}")
    confirm_password(auditor)
    token = auditor.locator("[name=csrfmiddlewaretoken]").first.input_value()
    before = AuditEvent.objects.count()
    for form in absent:
        refused = auditor.request.post(
            f"{console}{form.path}",
            form={**form.data, "csrfmiddlewaretoken": token},
            max_redirects=0,
        )
        assert refused.status == 403, form.path
        assert "You can’t open this page" in refused.text(), form.path
    assert AuditEvent.objects.count() == before
