"""One's own sessions: which there are, ending one or all others, and their own end."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.actions.sessions import end_sessions, end_sessions_of
from accounts.models import AuditEvent, AuditKind, Membership
from console.management.commands.tick import remove_expired_sessions
from tests import cast
from tests.accounts.test_devices import CHROME, FIREFOX
from tests.conftest import Partners, Rebels

LIST = reverse("usersessions_list")
END_OTHERS = reverse("accounts:end_other_sessions")
PAGES = [LIST, reverse("mfa_index")]


def signed_in(member: Membership, user_agent: str = FIREFOX) -> Client:
    browser = Client(headers={"user-agent": user_agent})
    data = {"login": member.user.email, "password": cast.PASSWORD}
    assert browser.post(reverse("account_login"), data).status_code == 302
    browser.get(LIST)
    return browser


def session_of(browser: Client) -> UserSession:
    return UserSession.objects.get(session_key=browser.session.session_key)


def is_signed_in(browser: Client) -> bool:
    return browser.get(reverse("accounts:my_profile")).status_code == 200


def end(browser: Client, session: UserSession) -> str:
    url = reverse("accounts:end_session", args=[session.pk])
    return browser.post(url, follow=True).content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_the_list_says_which_is_this_one(address: str, rebels: Rebels) -> None:
    here, there = signed_in(rebels.luke), signed_in(rebels.luke, CHROME)
    text = here.get(address).content.decode()
    assert text.count("This browser") == 1
    assert "Firefox on Linux" in text
    assert "Chrome on Windows" in text
    assert "127.0.0.1" in text
    assert reverse("accounts:end_session", args=[session_of(there).pk]) in text
    assert reverse("accounts:end_session", args=[session_of(here).pk]) not in text
    assert "End all other sessions" in text


@pytest.mark.parametrize("how", ["expired", "gone", "begun with a former password"])
def test_an_ended_session_is_not_listed_and_soon_forgotten(rebels: Rebels, how: str) -> None:
    there, here = signed_in(rebels.luke, CHROME), signed_in(rebels.luke)
    stored = Session.objects.filter(session_key=there.session.session_key)
    link = reverse("accounts:end_session", args=[session_of(there).pk])
    assert link in here.get(LIST).content.decode()
    if how == "expired":
        stored.update(expire_date=timezone.now() - timedelta(seconds=1))
    elif how == "gone":
        stored.delete()
    else:
        session = there.session
        session["_auth_user_hash"] = "0" * 64
        session.save()
    assert link not in here.get(LIST).content.decode()
    remove_expired_sessions()
    assert UserSession.objects.count() == (2 if "password" in how else 1)
    assert is_signed_in(here)


def test_step_up_changes_the_key_of_the_session_and_not_its_age(rebels: Rebels) -> None:
    browser = signed_in(rebels.luke)
    former, listed = str(browser.session.session_key), session_of(browser)
    browser.post(reverse("account_reauthenticate"), {"password": "wrong"})
    assert browser.session.session_key == former
    cast.step_up(browser)
    assert browser.session.session_key != former
    assert browser.get(reverse("mfa_add_webauthn")).status_code == 200
    assert session_of(browser) == listed
    assert session_of(browser).created_at == listed.created_at
    stolen = Client()
    stolen.cookies["session"] = former
    assert not is_signed_in(stolen)


def test_a_changed_factor_offers_to_end_the_other_sessions(rebels: Rebels) -> None:
    signed_in(rebels.luke, CHROME)
    cast.add_second_factor(rebels.luke.user)
    here = cast.sign_in(rebels.luke.user)
    page = here.post(reverse("mfa_deactivate_totp"), follow=True).content.decode()
    assert "You’re also signed in on 1 other browser." in page
    assert "End all other sessions" in page


def test_an_account_administrator_signs_a_person_out(
    rebels: Rebels, partners: Partners, leia: Client
) -> None:
    browser = signed_in(rebels.luke)
    address = reverse("organization:end_sessions", args=[rebels.luke.user_id])
    assert "signed out of 1 browser" in leia.get(address).content.decode()
    page = leia.post(address, follow=True).content.decode()
    assert "You signed Luke Example out everywhere." in page
    assert not is_signed_in(browser)
    event = AuditEvent.objects.get(kind=AuditKind.SESSIONS_ENDED)
    assert (event.actor, event.details) == (rebels.leia.user, {"browsers": ["Firefox on Linux"]})
    assert event.target_id == str(rebels.luke.user_id)
    assert "Leia Example ended your sessions" in rebels.luke.user.notices.get().text
    assert "Luke Example isn’t signed in." in leia.post(address).content.decode()
    nothing_to_end = leia.get(address).content.decode()
    assert "Luke isn’t signed in anywhere" in nothing_to_end
    assert ">End sessions</button>" not in nothing_to_end
    for person in (rebels.han, partners.lobot):
        with pytest.raises(PermissionDenied):
            end_sessions_of(rebels.luke, actor=person.user, origin=cast.ORIGIN)


def test_one_session_is_ended_and_recorded(rebels: Rebels) -> None:
    here, there, third = (signed_in(rebels.luke, ua) for ua in (FIREFOX, CHROME, CHROME))
    gone = session_of(there)
    assert "That browser is signed out" in end(here, gone)
    assert not is_signed_in(there)
    assert is_signed_in(here)
    assert is_signed_in(third)
    event = AuditEvent.objects.get(kind=AuditKind.SESSIONS_ENDED)
    assert (event.actor, event.organization) == (rebels.luke.user, rebels.organization)
    assert event.details == {"browsers": ["Chrome on Windows"]}
    url = reverse("accounts:end_session", args=[gone.pk])
    assert here.post(url).status_code == 404


def test_this_one_is_not_ended_but_logged_out(rebels: Rebels) -> None:
    here = signed_in(rebels.luke)
    assert "To end its session, log out." in end(here, session_of(here))
    assert is_signed_in(here)
    assert not AuditEvent.objects.filter(kind=AuditKind.SESSIONS_ENDED).exists()


def test_all_others_are_ended_and_recorded(rebels: Rebels) -> None:
    here, there, third = (signed_in(rebels.luke, ua) for ua in (FIREFOX, CHROME, FIREFOX))
    page = here.post(END_OTHERS, follow=True).content.decode()
    assert "You ended all other sessions." in page
    assert [is_signed_in(browser) for browser in (here, there, third)] == [True, False, False]
    event = AuditEvent.objects.get(kind=AuditKind.SESSIONS_ENDED)
    assert event.details == {"browsers": ["Chrome on Windows", "Firefox on Linux"]}
    here.post(END_OTHERS)
    assert AuditEvent.objects.filter(kind=AuditKind.SESSIONS_ENDED).count() == 1


def test_sessions_of_others_do_not_exist(rebels: Rebels) -> None:
    han, luke = signed_in(rebels.han), signed_in(rebels.luke)
    url = reverse("accounts:end_session", args=[session_of(han).pk])
    assert luke.post(url).status_code == 404
    assert luke.get(url).status_code == 405
    assert Client().post(url)["Location"].startswith(reverse("account_login"))
    with pytest.raises(PermissionDenied):
        end_sessions([session_of(han)], actor=rebels.luke.user, origin=cast.ORIGIN)
    assert is_signed_in(han)


def pass_by(browser: Client, **times: object) -> None:
    """As if the session were as old as that; what was noted a moment ago is not known any more."""
    UserSession.objects.filter(pk=session_of(browser).pk).update(**times)
    cache.clear()


def test_a_session_has_an_end(rebels: Rebels, settings: Settings) -> None:
    browser = signed_in(rebels.luke)
    key = str(browser.session.session_key)
    pass_by(browser, created_at=timezone.now() - settings.SESSION_LIFETIME + timedelta(minutes=1))
    assert is_signed_in(browser)
    pass_by(browser, created_at=timezone.now() - settings.SESSION_LIFETIME)
    response = browser.get(reverse("accounts:my_profile"), follow=True)
    [(location, _status)] = response.redirect_chain
    assert location.startswith(reverse("account_login"))
    assert "Your session has ended. Sign in again to continue." in response.content.decode()
    assert not browser.session.exists(key)


def test_an_unused_session_ends(rebels: Rebels, settings: Settings) -> None:
    browser = signed_in(rebels.luke)
    pass_by(browser, last_seen_at=timezone.now() - settings.SESSION_IDLE + timedelta(minutes=1))
    assert is_signed_in(browser)
    # That request was noted, so the time begins anew.
    assert session_of(browser).last_seen_at > timezone.now() - timedelta(minutes=1)
    pass_by(browser, last_seen_at=timezone.now() - settings.SESSION_IDLE)
    assert not is_signed_in(browser)


def test_a_post_of_a_session_that_is_over_changes_nothing(
    rebels: Rebels, settings: Settings
) -> None:
    browser = signed_in(rebels.luke)
    pass_by(browser, created_at=timezone.now() - settings.SESSION_LIFETIME)
    response = browser.post(
        reverse("accounts:my_profile"), {"first_name": "Eve", "last_name": "Example"}
    )
    assert response["Location"].startswith(reverse("account_login"))
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.first_name == "Luke"
