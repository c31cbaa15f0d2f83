"""*Add app* and *Remove*, on the create page and on a credential's own page."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import AuditEvent
from credentials.models import Application, JwtCredential, PermittedClient
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.pages import (
    errors_of,
    fields_of,
    listed_in,
    submission,
    text_of,
    url,
    words_of,
)

UNKNOWN = (
    "No app has this client ID. Check for a missing character, or ask the app's developer to send "
    "it again."
)


@dataclass(frozen=True)
class Page:
    """One of the pages with a list of apps, and the browser that shows it."""

    browser: Browser
    form_url: str
    apps_url: str
    is_new: bool
    typed: dict[str, Any] = field(default_factory=dict)

    def change(self, headers: dict[str, str] | None = None, **changed: Any) -> Any:
        return self.browser.post(self.apps_url, self.typed | changed, headers=headers)

    def shown(self, response: Any) -> dict[str, Any]:
        return fields_of(response, self.form_url)


@pytest.fixture(params=["new", "existing of teammate"])
def at(request: pytest.FixtureRequest, rebels: Rebels, apps: Apps, sign_in: SignIn) -> Page:
    is_new, through = "new" in request.param, rebels.luke if "of" in request.param else None
    browser = sign_in(rebels.han if through else rebels.luke)
    typed: dict[str, Any] = {
        "label": "Typed label",
        "app_access": "specific",
        "client_id": "",
        "client_ids": [apps.dialer.client_id],
    }
    if is_new:
        typed = submission(**typed | {"expires_on": "2098-03-31"})
        form_url, apps_url = (url(name, through=through) for name in ("create", "new_apps"))
    else:
        credential = cast.credential(rebels.luke, clients=[apps.crane])
        form_url, apps_url = (url(name, credential, through) for name in ("detail", "apps"))
    return Page(browser, form_url, apps_url, is_new, typed)


@pytest.fixture(autouse=True)
def _changes_no_row(at: Page, apps: Apps) -> Any:
    """Nothing happens before *Create JWT* or *Save*."""

    def rows() -> list[Any]:
        return [
            AuditEvent.objects.count(),
            list(JwtCredential.objects.values_list("label", "app_access")),
            list(PermittedClient.objects.values_list("credential", "client")),
        ]

    before = rows()
    yield
    assert rows() == before


@pytest.mark.parametrize(
    "at", ["new", "new of teammate", "existing", "existing of teammate"], indirect=True
)
def test_adding_an_app_to_the_list(at: Page, apps: Apps) -> None:
    response = at.change(client_id=f" {apps.concierge.client_id} ")
    assert response.status_code == 200
    assert errors_of(response) == {}
    assert listed_in(response) == [
        [apps.dialer.client_id, "X-wing Dialer", "Rebel Alliance"],
        [apps.concierge.client_id, "Cloud Concierge", "Cloud City Partners"],
    ]
    # The field is empty again; everything else is as typed.
    ids = [apps.dialer.client_id, apps.concierge.client_id]
    assert at.shown(response) == at.typed | {"client_ids": ids}
    assert "Cloud Concierge added." in words_of(response)


def test_the_list_says_what_each_app_can_do(at: Page, apps: Apps) -> None:
    """People consent to the scopes of an app when they add it, also of another organization."""
    Application.objects.filter(clients=apps.dialer).update(scopes=[])
    Application.objects.filter(clients=apps.concierge).update(scopes=["ReadAccounts", "Accounts"])
    page = text_of(at.change(client_id=apps.concierge.client_id))
    assert re.findall(r"<small[^>]*>((?:No s|S)copes[^<]*)</small>", page) == [
        "No scopes",
        "Scopes: ReadAccounts, Accounts",
    ]


@pytest.mark.parametrize("app_access", ["organization", ""])
def test_adding_chooses_specific_apps(at: Page, apps: Apps, app_access: str) -> None:
    response = at.change(app_access=app_access, client_id=apps.crane.client_id)
    assert at.shown(response)["app_access"] == "specific"


def test_add_app_checks_only_the_client_id(at: Page, apps: Apps) -> None:
    """The label may come later."""
    response = at.change(label="", expires_on="soon", client_id=apps.crane.client_id)
    assert errors_of(response) == {}
    assert len(listed_in(response)) == 2
    if at.is_new:
        assert at.shown(response)["expires_on"] == "soon"


@pytest.mark.parametrize(
    ("client_id", "message"),
    [
        ("", "Choose the app's client ID first."),
        ("   ", "Choose the app's client ID first."),
        ("nobody", UNKNOWN),
        ("{{ 7|add:1 }}<b>🔑", UNKNOWN),
        ("x" * 65, "Ensure this value has at most 64 characters (it has 65)."),
        (
            "nobo\u200bdy",
            "Character 5 of this text, U+200B (zero width space), is invisible. Remove it, or type "
            "the text again.",
        ),
        ("a\x00b", "Null characters are not allowed."),
        ("dialer", "This app is already on the list."),
        (
            "dialer_production",
            "This is a production client ID. A sandbox credential needs the app's sandbox client "
            "ID.",
        ),
        (
            "suspended",
            "This client ID is suspended, so its app can't authenticate. Ask its developer to "
            "resume it first.",
        ),
        (
            "ledger",
            "This is a private app of another organization. Only its own organization can use "
            "it. Ask its developer to make it public.",
        ),
    ],
)
def test_a_refusal_appears_beside_the_field_and_input_is_kept(
    at: Page, apps: Apps, client_id: str, message: str
) -> None:
    typed = at.typed | {
        "client_id": getattr(getattr(apps, client_id, None), "client_id", client_id)
    }
    response = at.change(client_id=typed["client_id"])
    assert response.status_code == 200
    assert errors_of(response) == {"client_id": message}
    assert 'aria-describedby="id_client_id_error"' in text_of(response)
    assert at.shown(response) == typed
    assert "<b>🔑" not in text_of(response)


def test_removing_an_app_from_the_list(at: Page, apps: Apps) -> None:
    ids = [apps.dialer.client_id, apps.crane.client_id, "gone"]
    response = at.change(client_ids=ids, remove=apps.crane.client_id, client_id="typed")
    assert errors_of(response) == {}
    assert [row[0] for row in listed_in(response)] == [apps.dialer.client_id, "gone"]
    assert f"{apps.crane.client_id} removed." in words_of(response)
    kept = at.typed | {"client_ids": [apps.dialer.client_id, "gone"], "client_id": "typed"}
    assert at.shown(response) == kept
    last = at.change(remove=apps.dialer.client_id)
    assert "No apps on the list yet." in words_of(last)
    assert "client_ids" not in at.shown(last)


@pytest.mark.parametrize("remove", ["not listed", "", "\x00"])
def test_removing_an_app_that_is_not_on_the_list(at: Page, apps: Apps, remove: str) -> None:
    response = at.change(remove=remove)
    assert response.status_code == 200
    assert at.shown(response) == at.typed


def test_a_client_id_that_no_longer_exists_stays_on_the_list(at: Page) -> None:
    response = at.change(client_ids=["gone", "a\x00b", "<i>x"], remove="")
    assert [row[:2] for row in listed_in(response)] == [
        ["gone", "Unknown"],
        ["a�b", "Unknown"],
        ["<i>x", "Unknown"],
    ]
    assert "<i>x" not in text_of(response)


def test_the_response_to_add_app_has_the_part_for_htmx(at: Page, apps: Apps) -> None:
    response = at.change(client_id=apps.crane.client_id, headers={"HX-Request": "true"})
    for part in ("permitted-apps", "apps-status"):
        assert text_of(response).count(f'id="{part}"') == 1
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("environment", ["", "staging"])
def test_a_new_credential_needs_its_environment_first(
    at: Page, apps: Apps, environment: str
) -> None:
    response = at.change(environment=environment, client_id=apps.crane.client_id)
    if at.is_new:
        assert errors_of(response) == {"client_id": "Choose an environment first."}
    else:
        # The environment of an existing credential is known, so the form does not matter.
        assert errors_of(response) == {}


def test_an_existing_credential_keeps_its_environment(at: Page, apps: Apps) -> None:
    response = at.change(environment="production", client_id=apps.dialer_production.client_id)
    assert ("client_id" in errors_of(response)) is not at.is_new
