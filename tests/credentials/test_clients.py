import json
import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind
from credentials.actions import clients as actions
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Application, ExchangeUsage
from credentials.models.applications import ClientStatus, SecretMatch
from credentials.reports import client_impact as client_impact_module
from credentials.reports.client_impact import client_impact
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.fleets import (
    PRODUCTION,
    RAW_SECRET,
    SANDBOX,
    Fleet,
    secret_of,
    submission,
    url,
)
from tests.credentials.pages import everything_stored, text_of, the_event


def test_issuing_a_client_id_shows_its_secret_once(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    browser, address = sign_in(rebels.han), url("issue_client", fleet.application, PRODUCTION)
    response = browser.post(address)
    client = fleet.application.clients.get(environment=PRODUCTION)
    assert client.secret_match(secret_of(response)) is SecretMatch.CURRENT
    assert "no-store" in response["Cache-Control"]
    event = AuditEvent.objects.get(kind=AuditKind.CLIENT_ISSUED, target_id=str(client.pk))
    assert event.actor == rebels.han.user
    again = browser.post(address)
    assert (again.status_code, again["Location"]) == (302, url("application", fleet.application))
    page = text_of(browser.get(again["Location"]))
    assert "This app already has a production client ID." in page
    assert not RAW_SECRET.search(page)
    assert fleet.application.clients.count() == 2


def test_replacing_a_secret_asks_who_it_is_first(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.as_later(sign_in(rebels.luke))
    address = url("replace_client_secret", fleet.application, SANDBOX)
    for response in (browser.get(address), browser.post(address, {"issued_at": "2026-01-11"})):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_reauthenticate"))
    fleet.client.refresh_from_db()
    assert fleet.client.secret_match(fleet.raw_secret) is SecretMatch.CURRENT


def confirmed_replacement(browser: Browser, address: str) -> dict[str, str]:
    """The form of the confirmation page, as the browser would send it."""
    page = text_of(browser.get(address))
    assert "OAU-146" in page
    found = re.search(r'name="issued_at" value="([^"]+)"', page)
    assert found
    return {"issued_at": found.group(1), "overlap": "0"}


def test_replacing_a_secret_ends_the_former_and_shows_the_new_once(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("replace_client_secret", fleet.application, SANDBOX)
    data = confirmed_replacement(browser, address)
    response = browser.post(address, data)
    raw_secret = secret_of(response)
    fleet.client.refresh_from_db()
    assert fleet.client.secret_match(raw_secret) is SecretMatch.CURRENT
    assert fleet.client.secret_match(fleet.raw_secret) is SecretMatch.NONE
    assert fleet.client.secret_hint == raw_secret[-4:]
    assert "no-store" in response["Cache-Control"]
    event = the_event(AuditKind.CLIENT_SECRET_REPLACED)
    assert (event.actor, event.target_id) == (rebels.luke.user, str(fleet.client.pk))

    page = text_of(browser.post(address, data))
    assert "already been replaced" in page
    assert not RAW_SECRET.search(page)
    fleet.client.refresh_from_db()
    assert fleet.client.secret_match(raw_secret) is SecretMatch.CURRENT


def test_replacing_a_secret_needs_the_confirmation_page(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    response = browser.post(url("replace_client_secret", fleet.application, SANDBOX))
    assert response.status_code == 200
    assert "Replace the client secret?" in text_of(response)
    fleet.client.refresh_from_db()
    assert fleet.client.secret_match(fleet.raw_secret) is SecretMatch.CURRENT


def test_a_raw_secret_is_in_no_page_session_or_row_afterwards(
    rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    created = browser.post(reverse("credentials:create_application"), submission())
    application = Application.objects.get()
    address = url("replace_client_secret", application, SANDBOX)
    raw_secrets = [
        secret_of(created),
        secret_of(browser.post(url("issue_client", application, PRODUCTION))),
        secret_of(browser.post(address, confirmed_replacement(browser, address))),
    ]
    assert len(set(raw_secrets)) == 3
    later = [
        text_of(browser.get(page))
        for page in (
            reverse("credentials:applications"),
            url("application", application),
            url("application_settings", application),
            url("suspend_client", application, SANDBOX),
            address,
        )
    ]
    stored = [*everything_stored(), json.dumps(dict(browser.session), default=str)]
    for raw_secret in raw_secrets:
        assert not any(raw_secret in text for text in later + stored)


def test_suspending_says_what_breaks_and_stops_the_client(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke, label="Night Watch", clients=[fleet.client])
    ExchangeUsage.objects.count_exchange(credential.pk, fleet.client.pk, times=1234)
    browser = sign_in(rebels.luke)
    address = url("suspend_client", fleet.application, SANDBOX)
    page = text_of(browser.get(address))
    assert "Night Watch" in page
    assert "1,234 times" in page
    fleet.client.refresh_from_db()
    assert fleet.client.is_active

    response = browser.post(address)
    assert (response.status_code, response["Location"]) == (
        302,
        url("application", fleet.application),
    )
    fleet.client.refresh_from_db()
    assert fleet.client.status == ClientStatus.SUSPENDED
    event = the_event(AuditKind.CLIENT_SUSPENDED)
    assert (event.actor, event.target_id) == (rebels.luke.user, str(fleet.client.pk))
    page = text_of(browser.get(response["Location"]))
    assert "You suspended the sandbox client ID." in page
    assert url("resume_client", fleet.application, SANDBOX) in page

    assert browser.post(address).status_code == 302
    assert AuditEvent.objects.filter(kind=AuditKind.CLIENT_SUSPENDED).count() == 1


def test_resuming_makes_the_client_active(fleet: Fleet, rebels: Rebels, sign_in: SignIn) -> None:
    actions.suspend_client(fleet.client, actor=rebels.luke.user, origin=cast.ORIGIN)
    response = sign_in(rebels.luke).post(url("resume_client", fleet.application, SANDBOX))
    assert response["Location"] == url("application", fleet.application)
    fleet.client.refresh_from_db()
    assert fleet.client.is_active
    assert the_event(AuditKind.CLIENT_RESUMED).actor == rebels.luke.user


def test_dependents_name_only_credentials_that_the_viewer_may_see(
    rebels: Rebels, partners: Partners
) -> None:
    application = cast.application(rebels.luke, is_public=True)
    client, _ = cast.client(application)
    own = cast.credential(rebels.luke, label="Own", clients=[client])
    everywhere = cast.credential(rebels.leia, label="Everywhere")
    foreign = cast.credential(partners.lobot, label="Foreign", clients=[client])
    ended = cast.credential(rebels.luke, label="Ended", clients=[client])
    revoke_jwt_credential(ended, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    long_ago = timezone.now() - timedelta(days=31)
    for credential, times, at in [
        (own, 3, None),
        (everywhere, 40, None),
        (foreign, 500, None),
        (own, 6000, long_ago),
    ]:
        ExchangeUsage.objects.count_exchange(credential.pk, client.pk, times=times, at=at)

    for viewer, names, others in [
        (rebels.luke, ["Own"], 2),
        (rebels.leia, ["Everywhere", "Own"], 1),
    ]:
        dependents = client_impact(client, viewer)
        assert [credential.label for credential in dependents.credentials] == names
        assert (dependents.others, dependents.count, dependents.exchanges) == (others, 3, 543)


def test_dependents_name_no_more_than_a_page_holds(
    fleet: Fleet, rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_impact_module, "DEPENDENTS_SHOWN", 1)
    for label in ("A", "B", "C"):
        cast.credential(rebels.luke, label=label, clients=[fleet.client])
    dependents = client_impact(fleet.client, rebels.luke)
    assert [credential.label for credential in dependents.credentials] == ["A"]
    assert (dependents.more, dependents.others, dependents.count) == (2, 0, 3)


def test_an_unused_client_has_no_dependents(fleet: Fleet, rebels: Rebels) -> None:
    dependents = client_impact(fleet.client, rebels.luke)
    assert (list(dependents.credentials), dependents.count, dependents.exchanges) == ([], 0, 0)
