"""Two client secrets valid together: until a chosen time, and never after it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind
from core.origin import Origin
from credentials.actions.clients import (
    end_former_secret,
    forget_ended_secrets,
    replace_client_secret,
    suspend_client,
)
from credentials.models import Client
from credentials.models.applications import SecretMatch
from credentials.oauth.client_auth import former_secret_uses
from tests import api, cast
from tests.api import SANDBOX, App, oauth_error
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import errors_of, everything_stored, text_of, the_event, words_of

DAY = timedelta(days=1)
RAW_SECRET = re.compile(r"cs_[A-Za-z0-9_-]{49}")
WRONG = oauth_error(
    "invalid_client",
    "OAU-146",
    "Client authentication failed: the client ID is unknown, suspended or belongs to the "
    "other environment, or the client secret is wrong. Check both against the app's page.",
)


@pytest.fixture
def jwt(rebels: Rebels) -> str:
    return cast.credential(rebels.luke).encode()


def url(name: str, app: App) -> str:
    return reverse(f"credentials:{name}", args=[app.application.pk, SANDBOX])


def replaced(app: App, overlap: timedelta = DAY, at: datetime | None = None) -> App:
    """The app with its new secret."""
    raw_secret = replace_client_secret(
        app.client, overlap=overlap, at=at, actor=app.application.owner, origin=cast.ORIGIN
    )
    app.client.refresh_from_db()
    return App(app.application, app.client, raw_secret)


def status(app: App, jwt: str, **extra: Any) -> int:
    data = {"grant_type": api.GRANT_TYPE, "assertion": jwt}
    return int(api.post(data, app.authorization, **extra).status_code)


def hidden_issued_at(response: Any) -> str:
    found = re.search(r'name="issued_at" value="([^"]+)"', text_of(response))
    assert found
    return found.group(1)


def replace_by_form(browser: Browser, app: App, **data: str) -> Any:
    address = url("replace_client_secret", app)
    sent = {"issued_at": hidden_issued_at(browser.get(address))} | data
    return browser.post(address, sent)


# --- Replacing -----------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("overlap", "lasts"),
    [
        ("3600", timedelta(hours=1)),
        ("86400", DAY),
        ("604800", 7 * DAY),
        ("2592000", 30 * DAY),
    ],
)
def test_both_secrets_are_valid_until_the_chosen_time(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn, overlap: str, lasts: timedelta
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    before = timezone.now()
    response = replace_by_form(browser, app, overlap=overlap)
    raw_secret = RAW_SECRET.search(text_of(response))
    assert raw_secret
    assert "The previous one works until" in words_of(response)
    new = App(app.application, app.client, raw_secret.group())
    assert status(app, jwt) == status(new, jwt) == 200
    app.client.refresh_from_db()
    assert app.client.former_secret_ends_at is not None
    assert before + lasts <= app.client.former_secret_ends_at <= timezone.now() + lasts
    event = the_event(AuditKind.CLIENT_SECRET_REPLACED)
    ends_at = app.client.former_secret_ends_at.isoformat()
    assert event.details["former_ends_at"][:19] == ends_at[:19]
    stored = [*everything_stored()]
    assert not any(new.secret in value or app.secret in value for value in stored)


def test_at_once_there_is_no_overlap(rebels: Rebels, app: App, jwt: str, sign_in: SignIn) -> None:
    response = replace_by_form(cast.step_up(sign_in(rebels.luke)), app, overlap="0")
    assert "The previous secret no longer works" in words_of(response)
    data = {"grant_type": api.GRANT_TYPE, "assertion": jwt}
    refused = api.post(data, app.authorization)
    assert (refused.status_code, refused.json()) == (401, WRONG)
    app.client.refresh_from_db()
    assert app.client.former_secret_digest == ""


def test_the_form_asks_when(rebels: Rebels, app: App, jwt: str, sign_in: SignIn) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    page = browser.get(url("replace_client_secret", app))
    assert re.search(r'value="86400"[^>]*checked', text_of(page))
    for overlap, message in (
        ("", "Choose when the current secret stops working."),
        ("5", "Select a"),
    ):
        response = replace_by_form(browser, app, overlap=overlap)
        assert message in errors_of(response)["overlap"]
    with pytest.raises(ValidationError):
        replaced(app, timedelta(days=31))
    assert status(app, jwt) == 200


def test_sending_the_form_twice_replaces_once(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("replace_client_secret", app)
    data = {"issued_at": hidden_issued_at(browser.get(address)), "overlap": "86400"}
    first = RAW_SECRET.search(text_of(browser.post(address, data)))
    again = browser.post(address, data, follow=True)
    assert first
    assert "already been replaced" in words_of(again)
    new = App(app.application, app.client, first.group())
    assert status(app, jwt) == status(new, jwt) == 200
    # The page has appeared again with the new secret, so another confirmation replaces that one.
    assert f"The current secret, ••••{new.secret[-4:]}" in words_of(again)
    third = browser.post(address, data | {"issued_at": hidden_issued_at(again)})
    assert RAW_SECRET.search(text_of(third))
    assert [status(each, jwt) for each in (app, new)] == [401, 200]


def test_a_second_replacement_ends_the_oldest(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn
) -> None:
    second = replaced(app)
    browser = cast.step_up(sign_in(rebels.luke))
    page = words_of(browser.get(url("replace_client_secret", app)))
    assert f"The previous secret, ••••{app.secret[-4:]} , will stop working immediately" in page
    third = replaced(second)
    assert [status(each, jwt) for each in (app, second, third)] == [401, 200, 200]
    event = AuditEvent.objects.filter(kind=AuditKind.CLIENT_SECRET_REPLACED).latest("id")
    assert event.details["also_ended"] == f"••••{app.secret[-4:]}"
    fourth = replaced(third, timedelta(0))
    assert [status(each, jwt) for each in (second, third, fourth)] == [401, 401, 200]


# --- When it is over -----------------------------------------------------------------------------


def test_after_its_end_it_is_never_accepted(app: App, jwt: str) -> None:
    new = replaced(app, at=timezone.now() - DAY - timedelta(seconds=1))
    data = {"grant_type": api.GRANT_TYPE, "assertion": jwt}
    refused = api.post(data, app.authorization)
    assert (refused.status_code, refused.json()) == (401, WRONG)
    assert status(new, jwt) == 200
    for path in ("revoke", "introspect"):
        answered = api.program().generic(
            "POST",
            f"/{SANDBOX}/restapi/oauth/{path}",
            "token=x",
            CONTENT_TYPE=api.FORM,
            HTTP_AUTHORIZATION=app.authorization,
        )
        assert answered.status_code == 401


def test_the_end_is_a_moment(app: App) -> None:
    replaced(app)
    ends_at = app.client.former_secret_ends_at
    assert ends_at is not None
    just_before = ends_at - timedelta(microseconds=1)
    assert app.client.secret_match(app.secret, just_before) is SecretMatch.FORMER
    assert app.client.secret_match(app.secret, ends_at) is SecretMatch.NONE
    assert app.client.secret_match("", just_before) is SecretMatch.NONE


@pytest.mark.both_databases
def test_tick_forgets_its_digest(app: App, jwt: str) -> None:
    new = replaced(app, at=timezone.now() - DAY)
    call_command("tick", "--dry-run")
    assert Client.objects.with_ended_secret(timezone.now()).count() == 1
    assert forget_ended_secrets(origin=Origin.command("tick")) == 1
    app.client.refresh_from_db()
    assert app.client.former_secret_digest == app.client.former_secret_hint == ""
    assert app.client.former_secret_ends_at is None
    event = the_event(AuditKind.CLIENT_SECRET_ENDED)
    assert (event.actor, event.target_id) == (None, str(app.client.pk))
    assert event.details["secret"] == f"••••{app.secret[-4:]}"
    assert forget_ended_secrets(origin=Origin.command("tick")) == 0
    assert status(app, jwt) == 401
    assert status(new, jwt) == 200


def test_tick_leaves_what_is_still_valid(app: App, jwt: str) -> None:
    replaced(app)
    assert forget_ended_secrets(origin=Origin.command("tick")) == 0
    assert status(app, jwt) == 200


def test_a_suspended_client_has_no_valid_secret(app: App, jwt: str) -> None:
    new = replaced(app)
    suspend_client(app.client, actor=app.application.owner, origin=cast.ORIGIN)
    assert status(app, jwt) == status(new, jwt) == 401


@pytest.mark.both_databases
def test_the_database_keeps_no_former_secret_without_an_end(app: App) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Client.objects.filter(pk=app.client.pk).update(former_secret_digest="x")


# --- Who still uses it ---------------------------------------------------------------------------


def test_the_app_page_says_whether_the_former_secret_is_used(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn
) -> None:
    page = reverse("credentials:application", args=[app.application.pk])
    luke = sign_in(rebels.luke)
    assert "Previous secret" not in words_of(luke.get(page))
    new = replaced(app)
    assert status(new, jwt) == 200
    assert former_secret_uses.flush() == 0
    assert "Not used since it was replaced." in words_of(luke.get(page))
    assert status(app, jwt, REMOTE_ADDR="192.0.2.7") == 200
    assert former_secret_uses.flush() == 1
    shown = words_of(luke.get(page))
    assert "Still in use. Last used on" in shown
    assert "from 192.0.2.7" in shown
    assert f"••••{app.secret[-4:]}" in shown
    assert "Revoke it now" in shown
    assert "Revoke it now" not in words_of(sign_in(rebels.c3po).get(page))


def test_the_latest_use_counts_and_one_of_an_earlier_secret_does_not(app: App, jwt: str) -> None:
    second = replaced(app)
    status(app, jwt, REMOTE_ADDR="192.0.2.1")
    status(app, jwt, REMOTE_ADDR="192.0.2.2")
    assert former_secret_uses.flush() == 2
    app.client.refresh_from_db()
    assert app.client.former_secret_used_from == "192.0.2.2"
    status(app, jwt, REMOTE_ADDR="192.0.2.3")
    replaced(second)
    former_secret_uses.flush()
    app.client.refresh_from_db()
    assert app.client.former_secret_used_at is None


@pytest.mark.both_databases
def test_an_exchange_takes_no_statement_more(
    app: App, jwt: str, django_assert_num_queries: Any
) -> None:
    new = replaced(app)
    status(new, jwt)
    # It reads once, writes the refresh token and counts.
    for each in (app, new):
        with django_assert_num_queries(3):
            assert status(each, jwt) == 200


# --- Ending it now -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["luke", "han", "leia"])
def test_owner_and_admins_end_it_now(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn, who: str
) -> None:
    new = replaced(app)
    status(app, jwt, REMOTE_ADDR="192.0.2.7")
    former_secret_uses.flush()
    person = getattr(rebels, who)
    browser = cast.step_up(sign_in(person))
    address = url("end_former_secret", app)
    page = browser.get(address)
    assert "It’s still in use." in words_of(page)
    assert "192.0.2.7" in words_of(page)
    data = {"issued_at": hidden_issued_at(page)}
    response = browser.post(address, data, follow=True)
    assert "You revoked the previous client secret." in words_of(response)
    assert status(app, jwt) == 401
    assert status(new, jwt) == 200
    event = the_event(AuditKind.CLIENT_SECRET_ENDED)
    assert (event.actor, event.target_id) == (person.user, str(app.client.pk))
    again = browser.post(address, data, follow=True)
    assert "The previous client secret no longer works." in words_of(again)


def test_a_form_of_an_earlier_former_secret_ends_nothing(
    rebels: Rebels, app: App, jwt: str, sign_in: SignIn
) -> None:
    second = replaced(app)
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("end_former_secret", app)
    data = {"issued_at": hidden_issued_at(browser.get(address))}
    replaced(second)
    response = browser.post(address, data, follow=True)
    assert "no longer works, so we didn’t revoke anything" in words_of(response)
    assert response.redirect_chain == [
        (reverse("credentials:application", args=[app.application.pk]), 302)
    ]
    assert status(second, jwt) == 200
    again = browser.post(address, {"issued_at": "then"})
    response = browser.post(address, {"issued_at": hidden_issued_at(again)}, follow=True)
    assert "You revoked the previous client secret." in words_of(response)
    assert status(second, jwt) == 401


def test_only_people_who_can_change_the_app_end_a_former_secret(
    rebels: Rebels, partners: Partners, app: App, jwt: str, sign_in: SignIn
) -> None:
    replaced(app)
    address = url("end_former_secret", app)
    browser = cast.as_later(sign_in(rebels.luke))
    assert browser.get(address)["Location"].startswith("/account/reauthenticate")
    expected = {"lando": 404, "c3po": 403, "wedge": 403, "lobot": 404}
    for who, code in expected.items():
        person = getattr(rebels, who, None) or partners.lobot
        browser = cast.step_up(sign_in(person))
        assert browser.get(address).status_code == code
        assert browser.post(address, {"issued_at": "2026-01-01"}).status_code == code
    issued_at = app.client.former_secret_issued_at
    assert issued_at is not None
    with pytest.raises(PermissionDenied):
        end_former_secret(
            app.client, issued_at=issued_at, actor=rebels.lando.user, origin=cast.ORIGIN
        )
    assert status(app, jwt) == 200
