"""A sign-in from a browser that is new for the person: noted, told, and the very first one not."""

from datetime import timedelta
from http.cookies import Morsel
from pathlib import Path

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts.actions.devices import note_sign_in
from accounts.models import AuditEvent, AuditKind, Device, Membership, User
from accounts.models.devices import DEVICES_KEPT
from core import browsers
from core.moments import in_words
from tests import cast
from tests.accounts import email_servers
from tests.accounts.software_keys import SIGN_IN, SoftwareKey, add, options_of
from tests.conftest import Rebels, UseEmailServer
from tests.races import at_once, shared_database

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
BODY = """Hello Luke,

You signed in to the Developer Console from a new browser.

  When:        {when}
  IP address:  127.0.0.1
  Browser:     Chrome on Windows

If this was you, you don’t need to do anything.

If it wasn’t, someone else can sign in as you. End that session:

http://localhost:8000/account/sessions/

Then change your password:

http://localhost:8000/account/password/change/
"""


def browser(user_agent: str = FIREFOX) -> Client:
    return Client(headers={"user-agent": user_agent})


def sign_in(member: Membership, at: Client) -> Client:
    response = at.post(
        reverse("account_login"), {"login": member.user.email, "password": cast.PASSWORD}
    )
    assert response.status_code == 302
    return at


def sign_out(at: Client) -> Client:
    at.post(reverse("account_logout"))
    return at


def texts(member: Membership) -> list[str]:
    return list(member.user.notices.order_by("pk").values_list("text", flat=True))


def cookie(at: Client) -> "Morsel[str]":
    return at.cookies["device"]


def test_the_first_sign_in_sends_no_alert(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        at = sign_in(rebels.luke, browser())
    device = Device.objects.get()
    assert (device.user, device.ip, device.user_agent) == (rebels.luke.user, "127.0.0.1", FIREFOX)
    assert cookie(at).value not in str(vars(device))
    assert mail.outbox == []
    assert texts(rebels.luke) == []


@pytest.mark.both_databases
def test_a_new_browser_is_recorded_and_told(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sign_in(rebels.luke, browser())
    with django_capture_on_commit_callbacks(execute=True):
        other = sign_in(rebels.luke, browser(CHROME))
    device = Device.objects.get(user_agent=CHROME)
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]
    assert message.subject == "You signed in to the Developer Console from a new browser"
    assert message.body == BODY.format(when=in_words(device.first_seen_at))
    assert texts(rebels.luke) == [
        "You signed in from a new browser: Chrome on Windows, 127.0.0.1. If this wasn’t you, end "
        "that session and change your password."
    ]
    events = AuditEvent.objects.filter(kind=AuditKind.SIGNED_IN_FROM_NEW_DEVICE).order_by("id")
    assert [event.details for event in events] == [
        {"browser": "Firefox on Linux"},
        {"browser": "Chrome on Windows"},
    ]
    assert {event.organization for event in events} == {rebels.organization}
    page = other.get(reverse("usersessions_list")).content.decode()
    # Among the sessions, on the button of one that is not this one, and among the known browsers.
    assert page.count("Firefox on Linux") == 3
    assert page.count("Chrome on Windows") == 2


@pytest.mark.both_databases
def test_a_known_browser_is_only_seen_again(rebels: Rebels) -> None:
    at = sign_out(sign_in(rebels.luke, browser()))
    first = cookie(at).value
    at.defaults["HTTP_USER_AGENT"] = CHROME  # an update of the browser makes it no other one
    sign_in(rebels.luke, at)
    assert cookie(at).value == first
    device = Device.objects.get()
    assert device.user_agent == CHROME
    assert device.first_seen_at < device.last_seen_at
    assert texts(rebels.luke) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_send_one_alarm(rebels: Rebels, tmp_path: Path) -> None:
    """Else a thief who is as quick as the owner would not be noticed."""
    with shared_database(tmp_path):
        user = User.objects.get(pk=rebels.luke.user_id)
        tokens = at_once(*[lambda: note_sign_in(user, None, origin=cast.ORIGIN)] * 2)
        assert len(set(tokens)) == 2
        assert Device.objects.count() == 2
        assert len(texts(rebels.luke)) == 1


def test_people_who_share_a_browser_know_it_each(rebels: Rebels) -> None:
    at = sign_out(sign_in(rebels.luke, browser()))
    shared = cookie(at).value
    sign_in(rebels.han, browser(CHROME))
    sign_in(rebels.han, at)
    assert cookie(at).value == shared
    assert len(texts(rebels.han)) == 1
    sign_in(rebels.luke, sign_out(at))
    sign_in(rebels.han, sign_out(at))
    assert Device.objects.with_token(shared).count() == 2
    assert (texts(rebels.luke), len(texts(rebels.han))) == ([], 1)


@pytest.mark.parametrize("planted", ["dev_chosen-by-somebody-else", "", "x" * 5000, "ä\x00"])
def test_a_cookie_that_is_not_ours_is_replaced(planted: str, rebels: Rebels) -> None:
    sign_in(rebels.luke, browser())
    answered = note_sign_in(rebels.luke.user, planted, origin=cast.ORIGIN)
    assert answered != planted
    assert answered.startswith("dev_")
    assert len(texts(rebels.luke)) == 1


def test_the_cookie_is_for_this_site_and_no_script(rebels: Rebels, settings: Settings) -> None:
    at = sign_in(rebels.luke, browser())
    attributes = {name: cookie(at)[name] for name in ("httponly", "samesite", "path", "domain")}
    assert attributes == {"httponly": True, "samesite": "Lax", "path": "/", "domain": ""}
    assert cookie(at)["max-age"] == DEVICES_KEPT.total_seconds()
    assert not cookie(at)["secure"]
    settings.HTTPS = True
    assert cookie(sign_in(rebels.luke, browser()))["secure"]


def test_the_second_factor_comes_first(rebels: Rebels) -> None:
    """Who knows nothing but the password is told nothing, and makes no browser known."""
    user = rebels.luke.user
    sign_in(rebels.luke, browser())
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    at = sign_in(rebels.luke, browser(CHROME))
    assert "device" not in at.cookies
    assert Device.objects.count() == 1
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    assert at.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    assert "device" in at.cookies
    assert len(texts(rebels.luke)) == 1


def test_a_passkey_is_a_sign_in_too(rebels: Rebels) -> None:
    passkey = SoftwareKey(verifies=True)
    add(cast.step_up(sign_in(rebels.luke, browser())), passkey, passkey=True)
    at = browser(CHROME)
    signed = passkey.signed(options_of(at, SIGN_IN), rebels.luke.user)
    response = at.post(reverse(SIGN_IN), {"credential": signed})
    assert (response.status_code, response["Location"]) == (302, reverse("dashboard"))
    assert "device" in at.cookies
    assert len(texts(rebels.luke)) == 1


def test_a_wrong_password_makes_nothing_known(rebels: Rebels) -> None:
    at = browser()
    at.post(reverse("account_login"), {"login": rebels.luke.user.email, "password": "wrong"})
    assert "device" not in at.cookies
    assert not Device.objects.exists()


def test_signing_in_needs_no_email_server(
    rebels: Rebels,
    use_email_server: UseEmailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sign_in(rebels.luke, browser())
    use_email_server(email_servers.DOWN)
    with django_capture_on_commit_callbacks(execute=True):
        at = sign_in(rebels.luke, browser(CHROME))
    assert at.get(reverse("dashboard")).status_code == 200


def test_a_person_who_was_away_for_long_keeps_a_known_browser(rebels: Rebels) -> None:
    at = sign_in(rebels.luke, browser())
    Device.objects.update(last_seen_at=Device.objects.get().last_seen_at - 2 * DEVICES_KEPT)
    assert not Device.objects.forgotten().exists()
    note_sign_in(rebels.luke.user, None, origin=cast.ORIGIN)
    assert len(texts(rebels.luke)) == 1
    assert Device.objects.forgotten().count() == 1
    assert note_sign_in(rebels.luke.user, cookie(at).value, origin=cast.ORIGIN) == cookie(at).value
    later = (
        Device.objects.with_token(cookie(at).value).get().last_seen_at
        + DEVICES_KEPT
        - timedelta(days=1)
    )
    assert not Device.objects.forgotten(later).exists()


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        ("curl/8.1", "curl"),
        ("<b>" + "x" * 100, "<b>" + "x" * 57),
        ("", "an unknown browser"),
    ],
)
def test_browsers_in_words(user_agent: str, words: str) -> None:
    assert browsers.described(user_agent) == words
