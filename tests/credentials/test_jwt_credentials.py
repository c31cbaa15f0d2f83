"""The credential pages, of oneself and through Organization: who may, the list, one credential."""

import html
import re
from datetime import UTC, date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.environments import Environment
from accounts.forms.lists import ListForm
from accounts.models import AuditEvent, AuditKind, Membership
from core.background import BackgroundWriter
from credentials.actions.clients import suspend_client
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.shown_jwts import show_jwt
from credentials.forms import exchange_tests as test_forms
from credentials.models import AppAccess, ExchangeUsage, JwtCredential
from credentials.models.usage import note_use
from credentials.views import credential_pages
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.pages import (
    JWT,
    ONLY_GET,
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

PAGES = list(every_url(JwtCredential(), None))


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    """Luke's sandbox credential for all apps."""
    return cast.credential(rebels.luke)


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def expired(owner: Membership, label: str = "Contractor Key") -> JwtCredential:
    return cast.credential(
        owner,
        label=label,
        at=timezone.now() - timedelta(days=90),
        expires_on=today() - timedelta(days=30),
    )


def revoke(credential: JwtCredential, by: Membership, reason: str = "Lost") -> None:
    revoke_jwt_credential(credential, reason=reason, actor=by.user, origin=cast.ORIGIN)


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


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("through_organization", [False, True])
def test_every_page_asks_for_sign_in(
    credential: JwtCredential, rebels: Rebels, through_organization: bool
) -> None:
    through = rebels.luke if through_organization else None
    for address in every_url(credential, through).values():
        for response in (Browser().get(address), Browser().post(address)):
            assert response.status_code == 302, address
            assert response["Location"].startswith(reverse("account_login")), address


@pytest.mark.parametrize(
    ("who", "own", "luke_s"),
    [
        # A colleague's credential is not among one's own: unknown.
        ("lando", 404, 403),
        ("leia", 404, 200),
        ("han", 404, 200),
        ("c3po", 403, 403),
        ("wedge", 403, 403),
        ("lobot", 404, 404),
    ],
)
def test_only_developer_admins_change_the_credentials_of_others(
    credential: JwtCredential,
    rebels: Rebels,
    partners: Partners,
    sign_in: SignIn,
    who: str,
    own: int,
    luke_s: int,
) -> None:
    browser = sign_in(partners.lobot if who == "lobot" else getattr(rebels, who))
    cast.step_up(browser)
    before = AuditEvent.objects.count()
    for name in ("detail", "apps", "created", "revoke", "show", "test"):
        address = url(name, credential)
        assert browser.post(address, {"reason": "Mine"}).status_code in {own, 405}, name
        if name not in ONLY_POST:
            assert browser.get(address).status_code == own, name
    if luke_s != 200:
        readable = {"list", "detail"} if who == "c3po" else set()
        for name, address in every_url(credential, rebels.luke).items():
            if name not in ONLY_GET:
                response = browser.post(address, submission(reason="Mine"))
                assert response.status_code == luke_s, name
            if name not in ONLY_POST:
                expected = 200 if name in readable else luke_s
                assert browser.get(address).status_code == expected, name
    assert AuditEvent.objects.count() == before
    assert JwtCredential.objects.get() == credential


@pytest.mark.parametrize("who", ["leia", "han", "luke"])
def test_developer_admins_open_every_page_of_a_developer(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, who: str
) -> None:
    browser = sign_in(getattr(rebels, who))
    through = None if who == "luke" else rebels.luke
    for name in ("list", "create", "detail", "revoke"):
        response = browser.get(
            url(name, credential if name in {"detail", "revoke"} else None, through)
        )
        assert response.status_code == 200, name
        assert response["Cache-Control"] == "no-store", name


@pytest.mark.parametrize("name", ["detail", "apps", "created", "revoke", "show", "test"])
def test_a_credential_is_found_under_its_owner_only(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, name: str
) -> None:
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    address = url(name, credential, rebels.han)
    assert browser.post(address, {"reason": "Wrong person"}).status_code in {404, 405}
    if name not in ONLY_POST:
        assert browser.get(address).status_code == 404


def test_without_console_access_there_is_only_the_request_for_it(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.wedge)
    response = browser.get(url("list"))
    assert response.status_code == 403
    assert "Request access" in words_of(response)
    assert reverse("accounts:request_access") in text_of(response)


@pytest.mark.parametrize("through_organization", [False, True])
def test_methods(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, through_organization: bool
) -> None:
    browser = sign_in(rebels.han if through_organization else rebels.luke)
    for name, address in every_url(
        credential, rebels.luke if through_organization else None
    ).items():
        allowed = (
            {"POST"}
            if name in ONLY_POST
            else {"GET", "HEAD"}
            if name in ONLY_GET
            else {"GET", "HEAD", "POST"}
        )
        for method in {"GET", "POST", "PUT", "DELETE"} - allowed:
            response = browser.generic(method, address)
            assert response.status_code == 405, (method, name)
            assert set(response["Allow"].split(", ")) == allowed, name


@pytest.mark.parametrize("through_organization", [False, True])
def test_every_form_needs_its_csrf_token(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, through_organization: bool
) -> None:
    browser = sign_in(rebels.han if through_organization else rebels.luke)
    cast.step_up(browser)
    browser.handler.enforce_csrf_checks = True
    before = AuditEvent.objects.count()
    for address in every_url(credential, rebels.luke if through_organization else None).values():
        assert browser.post(address, submission(reason="Forged")).status_code == 403, address
    assert AuditEvent.objects.count() == before


def test_actions_check_the_actor_too(
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
                actor=actor.user,
                origin=cast.ORIGIN,
            )


def test_whoever_lost_the_role_manages_nothing(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    Membership.objects.filter(pk=rebels.luke.pk).update(role="auditor")
    browser = sign_in(rebels.luke)
    cast.step_up(browser)
    assert set().union(*statuses(browser, every_url(credential, None)).values()) == {403}


# --- The list ------------------------------------------------------------------------------------


def rows_of(response: Any) -> list[str]:
    rows = re.findall(r"<tr[ >].*?</tr>", text_of(response).partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def test_an_empty_list_teaches(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.luke).get(url("list")))
    for text in ("No credentials yet", "call the API as you", "Exchange it", "Call the API"):
        assert text in words
    assert "<table" not in text_of(sign_in(rebels.han).get(url("list", through=rebels.luke)))


def test_the_list_says_what_each_credential_is(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    cast.credential(rebels.luke, label="Nightly", at=timezone.now() - timedelta(minutes=1))
    cast.credential(
        rebels.luke,
        label="Agency",
        clients=[apps.dialer, apps.concierge, apps.crane],
        expires_on=date(2098, 3, 31),
        at=timezone.now() - timedelta(minutes=2),
    )
    response = sign_in(rebels.luke).get(url("list"))
    day = f"{today():%b} {today().day}, {today():%Y}"
    assert rows_of(response) == [
        f"Active Nightly All apps from your organization Sandbox {day} Not used yet Never",
        f"Active Agency Cloud Concierge, Hangar Crane 3 specific apps Sandbox {day} Not used yet "
        "Mar 31, 2098",
    ]
    assert re.findall(r'aria-label="(Revoke [^"]*)"', text_of(response)) == [
        "Revoke Nightly", "Revoke Agency",
    ]  # fmt: skip


def test_the_list_is_the_owner_s_own(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    cast.credential(rebels.leia, label="Operations", environment=Environment.PRODUCTION)
    [row] = rows_of(sign_in(rebels.leia).get(url("list")))
    assert row.startswith("Active Operations All apps from your organization Production")
    [row] = rows_of(sign_in(rebels.leia).get(url("list", through=rebels.luke)))
    assert row.startswith("Active Contractor Key All apps from your organization Sandbox")


def test_an_auditor_reads_and_is_offered_nothing(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.c3po)
    pages = text_of(browser.get(url("list", through=rebels.luke))) + text_of(
        browser.get(url("detail", credential, rebels.luke))
    )
    assert "Contractor Key" in pages
    for name in ("create", "revoke", "show", "test", "apps"):
        assert f"/{name}" not in pages.replace("/console/apps", ""), name


@pytest.mark.parametrize(
    ("days_left", "status"),
    [
        (0, "Expires today"),
        (1, "Expires in 1 day"),
        (6, "Expires in 6 days"),
        (29, "Expires in 29 days"),
        (31, "Active"),
        (None, "Active"),
        (-30, "Expired"),
    ],
)
def test_status_in_words(
    rebels: Rebels, sign_in: SignIn, days_left: int | None, status: str
) -> None:
    credential = cast.credential(
        rebels.luke,
        at=timezone.now() - timedelta(days=90),
        expires_on=None if days_left is None else today() + timedelta(days=days_left),
    )
    browser = sign_in(rebels.luke)
    [row] = rows_of(browser.get(url("list")))
    assert row.startswith(f"{status} Contractor Key")
    assert f"Sandbox {status} " in words_of(browser.get(url("detail", credential)))


def test_a_revoked_credential_says_by_whom(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    revoke(credential, rebels.leia)
    browser = sign_in(rebels.luke)
    [row] = rows_of(browser.get(url("list")))
    assert row.startswith("Revoked by Leia Example Contractor Key")
    assert row.endswith("Never – None")
    words = words_of(browser.get(url("detail", credential)))
    assert re.search(r"Leia Example revoked it on \w+ \d+, \d{4}, \d\d:\d\d UTC: “Lost”", words)


@pytest.mark.parametrize(
    ("sort", "labels"),
    [
        ("", "Newest Middle Oldest"),
        ("nonsense", "Newest Middle Oldest"),
        ("created", "Oldest Middle Newest"),
        ("-created", "Newest Middle Oldest"),
        ("label", "Middle Newest Oldest"),
        ("-label", "Oldest Newest Middle"),
        ("expires", "Newest Middle Oldest"),
        ("-expires", "Oldest Middle Newest"),
        ("used", "Newest Oldest Middle"),
        ("-used", "Middle Oldest Newest"),
    ],
)
def test_sorting(rebels: Rebels, apps: Apps, sign_in: SignIn, sort: str, labels: str) -> None:
    now = timezone.now()
    for label, days_ago, lasts, used in (
        ("Oldest", 30, None, 9),
        ("Middle", 20, 80, 3),
        ("Newest", 10, 40, None),
    ):
        credential = cast.credential(
            rebels.luke,
            label=label,
            at=now - timedelta(days=days_ago),
            expires_on=today() + timedelta(days=lasts) if lasts else None,
        )
        if used:
            at = now - timedelta(days=used)
            ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, at=at)
    BackgroundWriter.flush_all()
    response = sign_in(rebels.luke).get(url("list"), {"sort": sort})
    assert " ".join(re.findall(r">(\w+)</a>\s*</span>", text_of(response))) == labels
    sorted_by = re.findall(r'aria-sort="(?:a|de)scending"><a[^>]*>([\w ]+)', text_of(response))
    heading = {"label": "Label", "used": "Last used", "expires": "Expires"}
    assert sorted_by == [heading.get(sort.lstrip("-"), "Created on")]


def test_a_call_is_told_though_an_exchange_came_after_it(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    now = timezone.now()
    ids = (credential.pk, apps.dialer.pk)
    note_use(*ids, at=now - timedelta(days=3), address=None, is_call=True)
    ExchangeUsage.objects.count_exchange(*ids, at=now)
    BackgroundWriter.flush_all()
    called = now - timedelta(days=3)
    said = f"{called:%b} {called.day}, {called:%Y, %H:%M} UTC call"
    assert said in words_of(sign_in(rebels.luke).get(url("detail", credential)))


def test_the_list_takes_the_same_queries_however_long(
    rebels: Rebels, apps: Apps, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in(rebels.luke)
    cast.credential(rebels.luke, clients=[apps.dialer])
    with django_assert_max_num_queries(50) as few:
        browser.get(url("list"))
    for _ in range(10):
        cast.credential(rebels.luke, clients=[apps.dialer, apps.crane])
    with django_assert_max_num_queries(len(few)):
        assert len(rows_of(browser.get(url("list")))) == 11


@pytest.mark.parametrize("through", [False, True])
def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, through: bool
) -> None:
    """There and back, one's own and through the organization, also when all have one label."""
    monkeypatch.setattr(ListForm, "page_size", 2)
    for days_ago in range(5):
        cast.credential(rebels.luke, at=timezone.now() - timedelta(days=days_ago))
    browser = sign_in(rebels.han if through else rebels.luke)
    address = url("list", through=rebels.luke if through else None)
    for sort in ("-created", "label"):
        seen = walk(browser, address, sort, "next")
        assert [len(page) for page in seen] == [2, 2, 1]
        assert len({pk for page in seen for pk in page}) == 5
        last = browser.get(address, {"sort": sort, "after": seen[1][-1]})
        assert ids_in(last) == seen[2]
        previous = re.search(r'href="([^"]+)" rel="prev"', text_of(last))
        assert previous
        assert ids_in(browser.get(address + html.unescape(previous[1]))) == seen[1]


def walk(browser: Browser, address: str, sort: str, direction: str) -> list[list[str]]:
    """The credentials of each page, from the first on."""
    pages, query = [], f"?sort={sort}"
    while query:
        response = browser.get(address + query)
        pages.append(ids_in(response))
        found = re.search(rf'href="([^"]+)" rel="{direction}"', text_of(response))
        query = html.unescape(found[1]) if found else ""
    return pages


def ids_in(response: Any) -> list[str]:
    return re.findall(r'<a href="[^"]*credentials/([0-9a-f-]{36})">', text_of(response))


def test_a_page_after_somebody_elses_credential_is_the_first(
    rebels: Rebels, sign_in: SignIn
) -> None:
    mine, theirs = cast.credential(rebels.luke), cast.credential(rebels.leia)
    for place in (str(theirs.pk), "a\x00", ""):
        assert ids_in(sign_in(rebels.luke).get(url("list"), {"after": place})) == [str(mine.pk)]


# --- One credential ------------------------------------------------------------------------------


def test_of_very_many_apps_the_first_are_offered_and_the_one_asked_for(
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
    assert apps.concierge.client_id not in text_of(foreign)


def test_the_page_of_a_credential(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    credential = cast.credential(
        rebels.luke, created_by=rebels.han, clients=[apps.dialer], expires_on=date(2098, 3, 31)
    )
    ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, times=17)
    response = sign_in(rebels.luke).get(url("detail", credential))
    words = words_of(response)
    when = r"\w{3} \d{1,2}, \d{4}, \d\d:\d\d UTC"
    for pattern in (
        r"Whoever holds this JWT can call the sandbox API as Luke Example \(extension \d+, "
        r"Standard User\) through 1 specific app, until Mar 31, 2098, 23:59 UTC",
        f"Credential ID the JWT's jti {credential.pk}",
        "Owner Luke Example · luke@rebels.example",
        rf"Created on {when} by Han Example",
        r"Expires Mar 31, 2098, 23:59 UTC",
        rf"Last used {when}",
        rf"X-wing Dialer {apps.dialer.client_id} 17 0 {when} Not in 30 days",
        r"han@rebels\.example created the JWT credential",
    ):
        assert re.search(pattern, words), pattern
    assert not JWT.search(text_of(response))


def test_a_page_without_use_and_end(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    for text in (
        "through any app of Rebel Alliance, with no end date",
        "Expires Never",
        "Last used Not used yet",
        "No app has exchanged it in the last 30 days",
        "There is no app that may use this credential",
    ):
        assert text in words, text


@pytest.mark.parametrize("end", ["revoke", "expire"])
def test_the_page_of_one_that_ended_says_so_in_every_sentence(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn, end: str
) -> None:
    if end == "revoke":
        revoke(credential, rebels.han)
    else:
        JwtCredential.objects.update(expires_at=timezone.now() - timedelta(days=1))
    page = sign_in(rebels.luke).get(url("detail", credential))
    words = words_of(page)
    assert "Until it ended, whoever held this JWT could call the sandbox API as" in words
    assert "can call" not in words
    assert ("Han Example revoked it on" if end == "revoke" else "It expired on") in words
    assert re.search(rf'href="{reverse("my_credentials:create")}".*Create another', text_of(page))
    # Whoever only looks on is offered nothing.
    theirs = reverse("developer_credentials:create", args=[rebels.luke.user_id])
    address = url("detail", credential, rebels.luke)
    assert theirs in text_of(sign_in(rebels.han).get(address))
    assert theirs not in text_of(sign_in(rebels.c3po).get(address))


def test_the_page_says_when_the_owner_may_not_authenticate(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    rebels.luke.user.extensions.update(status="disabled")
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    assert "Exchanges fail with JWT-106" in words


def test_the_history_is_of_this_credential(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    other = cast.credential(rebels.luke, label="Other")
    revoke(other, rebels.han)
    words = words_of(sign_in(rebels.luke).get(url("detail", credential)))
    assert "luke@rebels.example created the JWT credential" in words
    assert "han@rebels.example" not in words


# --- Edit ----------------------------------------------------------------------------------------


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
    assert "Saved." in words_of(browser.get(address))
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


def test_saving_nothing_new_leaves_no_trace(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    response = save(sign_in(rebels.luke), credential, app_access="organization")
    assert response.status_code == 302
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_UPDATED).exists()


def test_opening_to_all_apps_forgets_the_list(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
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


def test_what_is_suspended_stays_on_the_list_but_does_not_join_it(
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
    ({"app_access": ""}, "app_access", "Choose which apps may use this credential."),
    ({"app_access": "everyone"}, "app_access", "Select a valid choice."),
    ({"client_ids": []}, "client_id", "Add at least one app, or allow all of them."),
    ({"client_ids": ["unknown"]}, "client_id", "unknown: No app has this client ID."),
    ({"client_ids": ["a\x00b"]}, "client_id", "a�b: No app has this client ID."),
    ({"client_id": "typed"}, "client_id", "You entered this client ID but did not add it."),
]


@pytest.mark.parametrize(("changed", "field", "message"), INVALID)
def test_a_mistake_is_named_beside_its_field_and_nothing_typed_is_lost(
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


def test_a_revoked_credential_is_not_edited(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    revoke(credential, rebels.luke)
    browser = sign_in(rebels.luke)
    page = browser.get(url("detail", credential))
    assert fields_of(page, url("detail", credential)) == {}
    response = save(browser, credential, label="Alive", app_access="organization")
    assert alerts_of(response) == [
        "This credential has been revoked and can't be changed any more."
    ]
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


# --- Revoke --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["luke", "han"])
def test_revoking(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    who: str,
) -> None:
    revoker: Membership = getattr(rebels, who)
    through = None if who == "luke" else rebels.luke
    browser = sign_in(revoker)
    confirm = words_of(browser.get(url("revoke", credential, through)))
    assert "Revoke Contractor Key?" in confirm
    assert ("Luke Example is told by mail" in confirm) is (who == "han")
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(
            url("revoke", credential, through), {"reason": " Lost {{ 7 }} <b> "}
        )
    assert (response.status_code, response["Location"]) == (302, url("list", through=through))
    assert "You revoked Contractor Key." in words_of(browser.get(response["Location"]))
    credential.refresh_from_db()
    assert credential.revoked_at is not None
    assert (credential.revoked_by, credential.revoked_reason) == (
        revoker.user, "Lost {{ 7 }} <b>",
    )  # fmt: skip
    assert_audited(response, AuditKind.JWT_CREDENTIAL_REVOKED, revoker, credential.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_REVOKED).details == {"reason": "Lost {{ 7 }} <b>"}
    assert len(mail.outbox) == (1 if who == "han" else 0)


def test_the_owner_is_told_who_revoked_and_why(
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    credential = cast.credential(rebels.luke, label="Key <b> {{ 7|add:1 }} {% now 'Y' %} 🔑")
    with django_capture_on_commit_callbacks(execute=True):
        revoke(credential, rebels.han, "Agency's contract & badge ended")
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]
    assert message.subject == (
        "Your sandbox JWT credential was revoked: Key <b> {{ 7|add:1 }} {% now 'Y' %} 🔑"
    )
    assert (
        message.body
        == f"""\
Hello Luke,

Han Example (han@rebels.example) revoked your JWT credential "Key <b> {{{{ 7|add:1 }}}} \
{{% now 'Y' %}} 🔑" (sandbox).

  Reason:  Agency's contract & badge ended

Apps that used it can no longer authenticate, and the access tokens they hold have stopped working.
Its history, and the button to create another one, are here:

http://localhost:8000{url("detail", credential)}
"""
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Say in a few words why you revoke it."),
        ({"reason": "   "}, "Say in a few words why you revoke it."),
        ({"reason": "x" * 201}, "at most 200 characters"),
        ({"reason": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_revoking_needs_a_reason(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    data: dict[str, str],
    message: str,
) -> None:
    response = sign_in(rebels.luke).post(url("revoke", credential), data)
    assert response.status_code == 200
    assert message in errors_of(response)["reason"]
    credential.refresh_from_db()
    assert not credential.is_revoked


def test_revoking_twice_changes_nothing(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
    browser.post(url("revoke", credential), {"reason": "First"})
    for ask in (browser.post, browser.get):
        response = ask(url("revoke", credential), {"reason": "Second"})
        assert (response.status_code, response["Location"]) == (302, url("detail", credential))
        assert "This credential is already revoked." in words_of(browser.get(response["Location"]))
    with pytest.raises(ValidationError, match="already been revoked"):
        revoke(credential, rebels.han)
    credential.refresh_from_db()
    assert credential.revoked_reason == "First"
    assert the_event(AuditKind.JWT_CREDENTIAL_REVOKED).actor == rebels.luke.user


def test_someone_else_was_faster_to_revoke(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the page's look at the row and the action's."""

    def slower(credential: JwtCredential, **kwargs: Any) -> JwtCredential:
        monkeypatch.undo()
        revoke(credential, rebels.leia, "Leia's reason")
        return revoke_jwt_credential(credential, **kwargs)

    monkeypatch.setattr("credentials.views.revocations.revoke_jwt_credential", slower)
    browser = sign_in(rebels.luke)
    response = browser.post(url("revoke", credential), {"reason": "Luke's reason"})
    assert response.status_code == 302
    assert "already been revoked" in words_of(browser.get(response["Location"]))
    credential.refresh_from_db()
    assert credential.revoked_reason == "Leia's reason"


def test_revoking_says_what_will_break(
    credential: JwtCredential, rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, times=3)
    words = words_of(sign_in(rebels.luke).get(url("revoke", credential)))
    assert re.search(
        r"X-wing Dialer exchanged it 3 times in the last 30 days, last on .* UTC", words
    )


def test_an_expired_credential_can_still_be_revoked(rebels: Rebels, sign_in: SignIn) -> None:
    credential = expired(rebels.luke)
    response = sign_in(rebels.luke).post(url("revoke", credential), {"reason": "Tidy"})
    assert response.status_code == 302
    credential.refresh_from_db()
    assert credential.is_revoked


# --- Show ----------------------------------------------------------------------------------------


def test_showing_asks_who_it_is(credential: JwtCredential, rebels: Rebels, sign_in: SignIn) -> None:
    browser, address = sign_in(rebels.luke), url("show", credential)
    for response in (browser.get(address), browser.post(address)):
        assert response.status_code == 302
        assert (
            response["Location"]
            == f"{reverse('account_reauthenticate')}?next={quote(address, safe='')}"
        )
    cast.step_up(browser)
    assert browser.get(address).status_code == 200
    # What one browser has proved says nothing about another.
    assert sign_in(rebels.luke).post(address).status_code == 302
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()


@pytest.mark.parametrize("through_organization", [False, True])
def test_showing_the_same_string_again(
    rebels: Rebels, sign_in: SignIn, through_organization: bool
) -> None:
    """An admin reaches the own credential through Organization as well."""
    credential = cast.credential(rebels.leia)
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    address = url("show", credential, rebels.leia if through_organization else None)
    assert not JWT.search(text_of(browser.get(address)))
    response = browser.post(address)
    assert response.status_code == 200
    assert set(JWT.findall(text_of(response))) == {credential.encode()}
    assert response["Cache-Control"] == "no-store"
    assert_audited(response, AuditKind.JWT_CREDENTIAL_SHOWN, rebels.leia, credential.pk)
    assert credential.encode() not in str(the_event(AuditKind.JWT_CREDENTIAL_SHOWN).details)
    browser.post(address)
    assert AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).count() == 2


@pytest.mark.parametrize("who", ["leia", "han"])
def test_only_the_owner_is_shown_the_jwt(rebels: Rebels, sign_in: SignIn, who: str) -> None:
    """Whatever the admin's rights, and even if the admin created it."""
    admin: Membership = getattr(rebels, who)
    credential = cast.credential(rebels.luke, created_by=admin)
    browser = sign_in(admin)
    cast.step_up(browser)
    for response in (
        browser.get(url("show", credential, rebels.luke)),
        browser.post(url("show", credential, rebels.luke)),
    ):
        assert response.status_code == 403
        assert not JWT.search(text_of(response))
    assert url("show", credential) not in text_of(
        browser.get(url("detail", credential, rebels.luke))
    )
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()


@pytest.mark.parametrize("ended", ["expired", "revoked"])
def test_what_no_longer_works_is_not_shown(rebels: Rebels, sign_in: SignIn, ended: str) -> None:
    credential = expired(rebels.luke)
    if ended == "revoked":
        revoke(credential, rebels.luke)
    browser = sign_in(rebels.luke)
    cast.step_up(browser)
    for ask in (browser.get, browser.post):
        response = ask(url("show", credential))
        assert (response.status_code, response["Location"]) == (302, url("detail", credential))
        page = browser.get(response["Location"])
        assert "there is nothing to show" in words_of(page)
        assert url("show", credential) not in text_of(page)
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()
