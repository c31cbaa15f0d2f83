"""The page of one credential: who opens it, what it says, and what can be changed there."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, Membership
from credentials.actions.clients import suspend_client
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.shown_jwts import show_jwt
from credentials.forms import exchange_tests as test_forms
from credentials.models import AppAccess, ExchangeUsage, JwtCredential
from credentials.views import credential_pages
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.credential_states import revoke
from tests.credentials.pages import (
    JWT,
    ONLY_POST,
    alerts_of,
    assert_audited,
    errors_of,
    every_url,
    fields_of,
    listed_in,
    submission,
    text_of,
    the_event,
    url,
    words_of,
)


def statuses(browser: Browser, addresses: dict[str, str]) -> dict[str, set[int]]:
    """What GET and POST answer at each address, without the refused methods."""
    return {
        name: {
            response.status_code
            for response in (browser.get(address), browser.post(address, submission()))
            if response.status_code != 405
        }
        for name, address in addresses.items()
    }


@pytest.mark.parametrize("name", ["detail", "apps", "created", "revoke", "show", "test"])
def test_a_credential_is_found_under_its_owner_only(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, name: str
) -> None:
    browser = cast.step_up(sign_in(rebels.leia))
    address = url(name, credential, rebels.han)
    assert browser.post(address, {"reason": "Wrong person"}).status_code in {404, 405}
    if name not in ONLY_POST:
        assert browser.get(address).status_code == 404


def test_without_console_access_credential_pages_offer_to_request_it(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.wedge)
    response = browser.get(url("list"))
    assert response.status_code == 403
    assert "Request access" in words_of(response)
    assert reverse("accounts:request_access") in text_of(response)


def test_actions_refuse_people_without_the_permission(
    credential: JwtCredential, rebels: Rebels, partners: Partners
) -> None:
    for actor in (rebels.lando, rebels.c3po, rebels.wedge, partners.lobot):
        with pytest.raises(PermissionDenied):
            revoke(credential, actor)
        with pytest.raises(PermissionDenied):
            cast.credential(rebels.luke, created_by=actor)
        with pytest.raises(PermissionDenied):
            show_jwt(credential, actor=actor.user, origin=cast.ORIGIN)
        with pytest.raises(PermissionDenied):
            update_jwt_credential(
                credential,
                label="Mine",
                app_access=AppAccess.ORGANIZATION,
                client_ids=[],
                ceiling=None,
                actor=actor.user,
                origin=cast.ORIGIN,
            )


def test_a_person_who_lost_the_role_gets_403_everywhere(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    Membership.objects.filter(pk=rebels.luke.pk).update(role="auditor")
    browser = cast.step_up(sign_in(rebels.luke))
    assert set().union(*statuses(browser, every_url(credential, None)).values()) == {403}


def test_an_auditor_sees_no_links_to_change_anything(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.c3po)
    pages = text_of(browser.get(url("list", through=rebels.luke))) + text_of(
        browser.get(url("detail", credential, rebels.luke))
    )
    assert "Contractor Key" in pages
    for name in ("create", "revoke", "show", "test", "apps"):
        assert f"/{name}" not in pages.replace("/console/apps", ""), name


def test_the_page_offers_the_first_apps_and_the_requested_one(
    rebels: Rebels, apps: Apps, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page grows with the number of apps; *Test it now* still takes every one of them."""
    monkeypatch.setattr(credential_pages, "APPS_OFFERED", 1)
    monkeypatch.setattr(test_forms, "APPS_OFFERED", 1)
    credential = cast.credential(rebels.luke)
    first, other = credential.usable_clients[:2]
    browser = sign_in(rebels.luke)
    page = text_of(browser.get(url("detail", credential)))
    assert first.client_id in page
    assert other.client_id not in page
    assert "The first 1 apps by name." in page
    asked_for = browser.get(url("detail", credential), {"client_id": other.client_id})
    assert f'value="{other.client_id}" selected' in text_of(asked_for)
    tested = browser.post(url("test", credential), {"client_id": other.client_id})
    assert other.application.name in words_of(tested)
    foreign = browser.get(url("detail", credential), {"client_id": apps.concierge.client_id})
    assert f'value="{apps.concierge.client_id}"' not in text_of(foreign)


def test_the_page_of_a_credential(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    credential = cast.credential(
        rebels.luke, created_by=rebels.han, clients=[apps.dialer], expires_on=date(2098, 3, 31)
    )
    ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, times=17)
    response = sign_in(rebels.luke).get(url("detail", credential))
    words = words_of(response)
    when = r"\w{3} \d{1,2}, \d{4}, \d\d:\d\d UTC"
    for pattern in (
        r"Anyone with this JWT can call the sandbox API as Luke Example \(extension \d+, "
        r"Standard User\) through 1 specific app, until Mar 31, 2098, 23:59 UTC",
        f"Credential ID the JWT’s jti {credential.pk}",
        "Owner Luke Example · luke@rebels.example",
        rf"Created on {when} by Han Example",
        r"Expires Mar 31, 2098, 23:59 UTC",
        rf"Last used {when}",
        rf"X-wing Dialer {apps.dialer.client_id} 17 0 {when} Not in the last 30 days",
        r"han@rebels\.example created the JWT credential",
    ):
        assert re.search(pattern, words), pattern
    assert not JWT.search(text_of(response))


def test_the_page_of_an_unused_credential_that_never_expires(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    for text in (
        "through any app in Rebel Alliance, with no expiration date",
        "Expires Never",
        "Last used Not used yet",
        "No app has exchanged it in the last 30 days",
        "No app is allowed to use this credential",
    ):
        assert text in words, text


@pytest.mark.parametrize("end", ["revoke", "expire"])
def test_the_page_of_an_ended_credential_uses_the_past_tense(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, end: str
) -> None:
    if end == "revoke":
        revoke(credential, rebels.han)
    else:
        JwtCredential.objects.update(expires_at=timezone.now() - timedelta(days=1))
    page = sign_in(rebels.luke).get(url("detail", credential))
    words = words_of(page)
    before = "Before it was revoked" if end == "revoke" else "Before it expired"
    assert f"{before}, anyone with this JWT could call the sandbox API as" in words
    assert "can call" not in words
    assert ("Han Example revoked it on" if end == "revoke" else "It expired on") in words
    assert re.search(rf'href="{reverse("my_credentials:create")}".*Create another', text_of(page))
    # Only people who can create a credential get the link.
    theirs = reverse("developer_credentials:create", args=[rebels.luke.user_id])
    address = url("detail", credential, rebels.luke)
    assert theirs in text_of(sign_in(rebels.han).get(address))
    assert theirs not in text_of(sign_in(rebels.c3po).get(address))


def test_the_page_says_when_the_owner_cannot_authenticate(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    rebels.luke.user.extensions.update(status="disabled")
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    assert "Exchanges fail with JWT-106" in words


def test_the_history_shows_only_this_credential(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    other = cast.credential(rebels.luke, label="Other")
    revoke(other, rebels.han)
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    assert "luke@rebels.example created the JWT credential" in words
    assert "han@rebels.example" not in words


def save(browser: Browser, credential: JwtCredential, **fields: Any) -> Any:
    return browser.post(url("detail", credential), {"label": credential.label, **fields})


@pytest.mark.parametrize("who", ["luke", "han"])
def test_saving(rebels: Rebels, apps: Apps, sign_in: SignIn, who: str) -> None:
    credential = cast.credential(rebels.luke, clients=[apps.dialer, apps.crane])
    editor: Membership = getattr(rebels, who)
    address = url("detail", credential, None if who == "luke" else rebels.luke)
    browser = sign_in(editor)
    assert fields_of(browser.get(address), address) == {
        "label": "Contractor Key",
        "app_access": "specific",
        "client_id": "",
        "client_ids": [apps.dialer.client_id, apps.crane.client_id],
        "ceiling_choice": "none",
    }
    response = browser.post(
        address,
        {
            "label": "  Agency ",
            "app_access": "specific",
            "client_ids": [apps.crane.client_id, apps.concierge.client_id],
        },
    )
    assert (response.status_code, response["Location"]) == (302, address)
    assert "We saved your changes." in words_of(browser.get(address))
    credential.refresh_from_db()
    assert credential.label == "Agency"
    assert set(credential.permitted_clients.all()) == {apps.crane, apps.concierge}
    assert_audited(response, AuditKind.JWT_CREDENTIAL_UPDATED, editor, credential.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_UPDATED).details == {
        "changes": {
            "label": ["Contractor Key", "Agency"],
            "client_ids": [
                sorted([apps.dialer.client_id, apps.crane.client_id]),
                sorted([apps.crane.client_id, apps.concierge.client_id]),
            ],
        }
    }


def test_saving_without_changes_records_no_event(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    response = save(sign_in(rebels.luke), credential, app_access="organization")
    assert response.status_code == 302
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_UPDATED).exists()


def test_allowing_all_apps_clears_the_list(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke, clients=[apps.concierge])
    save(
        sign_in(rebels.luke),
        credential,
        app_access="organization",
        client_ids=[apps.concierge.client_id],
    )
    credential.refresh_from_db()
    assert credential.app_access == AppAccess.ORGANIZATION
    assert not credential.permitted.exists()
    assert apps.concierge not in credential.usable_clients


def test_a_suspended_client_stays_on_the_list_but_cannot_be_added(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke, clients=[apps.dialer])
    suspend_client(apps.dialer, actor=rebels.luke.user, origin=cast.ORIGIN)
    browser = sign_in(rebels.luke)
    assert listed_in(browser.get(url("detail", credential))) == [
        [apps.dialer.client_id, "X-wing Dialer Suspended", "Rebel Alliance"]
    ]
    kept = {"app_access": "specific", "client_ids": [apps.dialer.client_id]}
    assert save(browser, credential, **kept, label="Agency").status_code == 302
    more = [apps.dialer.client_id, apps.suspended.client_id]
    response = save(browser, credential, app_access="specific", client_ids=more)
    assert errors_of(response)["client_id"] == (
        f"{apps.suspended.client_id}: This client ID is suspended, so its app can't authenticate. "
        "Ask its developer to resume it first."
    )
    assert list(credential.permitted_clients.all()) == [apps.dialer]


INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"label": ""}, "label", "Give the credential a label."),
    ({"label": "x" * 101}, "label", "at most 100 characters"),
    ({"app_access": ""}, "app_access", "Choose which apps can use this credential."),
    ({"app_access": "everyone"}, "app_access", "Select a valid choice."),
    ({"client_ids": []}, "client_id", "Add at least one app, or allow all apps."),
    ({"client_ids": ["unknown"]}, "client_id", "unknown: No app has this client ID."),
    ({"client_ids": ["a\x00b"]}, "client_id", "a�b: No app has this client ID."),
    ({"client_id": "typed"}, "client_id", "You entered this client ID but didn’t add it."),
]


@pytest.mark.parametrize(("changed", "field", "message"), INVALID)
def test_an_error_appears_beside_its_field_and_input_is_kept(
    rebels: Rebels,
    apps: Apps,
    sign_in: SignIn,
    changed: dict[str, Any],
    field: str,
    message: str,
) -> None:
    credential = cast.credential(rebels.luke, clients=[apps.dialer])
    data = {
        "label": "Typed label",
        "app_access": "specific",
        "client_id": "",
        "client_ids": [apps.dialer.client_id],
    } | changed
    address = url("detail", credential)
    response = sign_in(rebels.luke).post(address, data)
    assert response.status_code == 200
    assert list(errors_of(response)) == [field]
    assert message in errors_of(response)[field]
    kept = fields_of(response, address)
    chosen = {"app_access": data["app_access"]} if data["app_access"] == "specific" else {}
    assert kept.get("label") == data["label"]
    assert kept.get("client_ids", []) == [i.replace("\x00", "�") for i in data["client_ids"]]
    assert {name: kept[name] for name in ("app_access",) if name in kept} == chosen
    assert kept["client_id"] == data["client_id"]
    credential.refresh_from_db()
    assert credential.label == "Contractor Key"
    assert list(credential.permitted_clients.all()) == [apps.dialer]


def test_a_revoked_credential_cannot_be_edited(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    revoke(credential, rebels.luke)
    browser = sign_in(rebels.luke)
    page = browser.get(url("detail", credential))
    assert fields_of(page, url("detail", credential)) == {}
    response = save(browser, credential, label="Alive", app_access="organization")
    assert alerts_of(response) == ["This credential was revoked, so you can’t change it."]
    credential.refresh_from_db()
    assert credential.label == "Contractor Key"
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_UPDATED).exists()


def test_an_app_taken_off_the_list_fails_at_its_next_exchange(
    rebels: Rebels, sign_in: SignIn
) -> None:
    app, other = api.app(rebels.luke, name="X-wing"), api.app(rebels.luke, name="Y-wing")
    credential = cast.credential(rebels.luke, clients=[app.client, other.client])
    assert api.exchange(app, credential.encode()).status_code == 200
    save(
        sign_in(rebels.luke),
        credential,
        app_access="specific",
        client_ids=[other.client_id],
    )
    refused = api.exchange(app, credential.encode())
    assert refused.json()["errors"][0]["errorCode"] == "JWT-105"
    assert api.exchange(other, credential.encode()).status_code == 200
