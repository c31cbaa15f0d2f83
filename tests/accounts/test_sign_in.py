"""Signing in, as OWASP's ASVS asks for it at level 2; the chapters stand beside the tests."""

import time
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts import emails
from accounts.models import Membership, Organization, User
from tests import cast
from tests.accounts.test_step_up import code_of
from tests.conftest import Rebels, SignIn

LOGIN = reverse("account_login")
RESET = reverse("account_reset_password")
PASSWORD = "Tosche-Station-77"


def attempt(
    browser: Client, email: str, password: str = cast.PASSWORD, **more: str
) -> Any:  # a response of the test client, with its context
    return browser.post(LOGIN, {"login": email, "password": password, **more})


def is_signed_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


# --- 3.2, 3.3: sessions ---------------------------------------------------------------------------


def test_the_session_is_another_one_after_signing_in(rebels: Rebels) -> None:
    browser = Client()
    planted = browser.session
    planted["basket"] = "of a stranger"
    planted.save()
    browser.cookies["session"] = str(planted.session_key)
    attempt(browser, rebels.luke.user.email)
    assert is_signed_in(browser)
    assert browser.session.session_key != planted.session_key
    assert not planted.exists(str(planted.session_key))


def test_the_csrf_token_is_another_one_after_signing_in(rebels: Rebels) -> None:
    browser = Client()
    browser.get(LOGIN)
    before = browser.cookies["csrftoken"].value
    attempt(browser, rebels.luke.user.email)
    assert browser.cookies["csrftoken"].value != before


def test_signing_out_ends_the_session_on_the_server(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    session = browser.session
    assert browser.get(reverse("account_logout")).status_code == 200
    assert is_signed_in(browser)
    browser.post(reverse("account_logout"))
    assert not session.exists(str(session.session_key))
    stolen = Client()
    stolen.cookies["session"] = str(session.session_key)
    assert stolen.get(reverse("accounts:my_profile")).status_code == 302


def test_cookies_are_for_this_site_and_no_script(rebels: Rebels) -> None:
    browser = Client()
    browser.get(LOGIN)
    attempt(browser, rebels.luke.user.email)
    for name in ("session", "csrftoken", "device"):
        cookie = browser.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name
        assert (cookie["path"], cookie["domain"]) == ("/", ""), name
    # Gone with the browser; the server ends it anyhow (test_sessions.py).
    assert browser.cookies["session"]["max-age"] == ""


def test_a_deactivated_person_is_signed_out_immediately(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    User.objects.filter(pk=rebels.luke.user_id).update(is_active=False)
    assert browser.get(reverse("accounts:my_profile")).status_code == 302


# --- 2.2, 3.1: what a stranger learns, and how often one may try ----------------------------------


def page_of(response: Any, email: str) -> str:
    text: str = response.content.decode().replace(email, "…")
    start = text.index("<main")
    return text[start : text.index("</main>")]


def without_tokens(text: str) -> str:
    return "".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)


def test_a_wrong_password_and_an_unknown_address_look_the_same(rebels: Rebels) -> None:
    known, unknown = rebels.luke.user.email, "nobody@rebels.example"
    User.objects.filter(pk=rebels.han.user_id).update(is_active=False)
    inactive = rebels.han.user.email
    pages = {
        without_tokens(page_of(attempt(Client(), email, "wrong"), email))
        for email in (known, unknown, inactive)
    }
    assert len(pages) == 1
    assert "The email address or password is incorrect." in pages.pop()


def test_an_unknown_address_costs_a_hash_too(
    rebels: Rebels, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    hashed: list[str] = []
    original = PBKDF2PasswordHasher.encode

    def counted(
        self: PBKDF2PasswordHasher, password: str, salt: str, iterations: Any = None
    ) -> Any:
        hashed.append(password)
        return original(self, password, salt, 1)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    attempt(Client(), "nobody@rebels.example", "a wrong one")
    assert hashed.count("a wrong one") == 1


def test_a_reset_says_the_same_to_everyone(rebels: Rebels) -> None:
    answers = {
        (response.status_code, response["Location"])
        for email in (rebels.luke.user.email, "nobody@rebels.example")
        for response in [Client().post(RESET, {"email": email})]
    }
    assert answers == {(302, reverse("account_reset_password_done"))}
    to_luke, to_nobody = mail.outbox
    assert "/password/reset/key/" in to_luke.body
    assert "but no account uses this address." in to_nobody.body
    assert "http" not in to_nobody.body.replace("https://", "").partition("Console,")[0]


def test_five_wrong_passwords_close_an_account_for_five_minutes(rebels: Rebels) -> None:
    email = rebels.luke.user.email
    for _guess in range(5):
        attempt(Client(), email, "wrong")
    refused = attempt(Client(), email.upper())
    assert "Too many attempts. Wait five minutes" in refused.content.decode()
    other = Client()
    attempt(other, rebels.han.user.email)
    assert is_signed_in(other)


def test_guesses_of_a_stranger_lock_no_one_out_of_their_own_browser(rebels: Rebels) -> None:
    own = Client()
    attempt(own, rebels.luke.user.email)
    own.post(reverse("account_logout"))
    other_persons = Client()
    attempt(other_persons, rebels.han.user.email)
    other_persons.post(reverse("account_logout"))
    for _guess in range(5):
        attempt(Client(), rebels.luke.user.email, "wrong")
    # A browser is known for its own person only.
    for stranger in (Client(), other_persons):
        refused = attempt(stranger, rebels.luke.user.email)
        assert "Too many attempts" in refused.content.decode()
    attempt(own, rebels.luke.user.email)
    assert is_signed_in(own)
    own.post(reverse("account_logout"))
    cache.clear()
    for _guess in range(5):
        attempt(own, rebels.luke.user.email, "wrong")
    assert "Too many attempts" in attempt(own, rebels.luke.user.email).content.decode()


def test_people_learn_about_wrong_passwords_when_they_sign_in(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """Not at the fifth: the time of an email would tell a stranger that there is an account."""
    own = Client()
    attempt(own, rebels.luke.user.email)
    own.post(reverse("account_logout"))
    for _guess in range(5):
        attempt(Client(), rebels.luke.user.email.upper(), "wrong")
    assert not rebels.luke.user.notices.exists()
    for _again in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            attempt(own, rebels.luke.user.email)
        own.post(reverse("account_logout"))
    [notice] = rebels.luke.user.notices.all()
    assert "there were 5 attempts with a wrong password" in notice.text
    [message] = mail.outbox
    assert message.subject == "Failed attempts to sign in to your Developer Console account"
    assert "there were 5 attempts to sign in as you" in message.body


def test_whatever_else_is_kept_guesses_are_not_forgotten(rebels: Rebels) -> None:
    """Without a shared cache, too: Django's in the process keeps 300 entries unless told more."""
    for _guess in range(5):
        attempt(Client(), rebels.luke.user.email, "wrong")
    for number in range(10_000):
        cache.set(f"something-else:{number}", True)
    refused = attempt(Client(), rebels.luke.user.email)
    assert "Too many attempts" in refused.content.decode()


def test_one_address_tries_few_accounts(rebels: Rebels) -> None:
    answers = [
        attempt(Client(), f"person{number}@rebels.example", "wrong").content.decode()
        for number in range(11)
    ]
    assert ["Too many attempts" in answer for answer in answers] == [False] * 10 + [True]


def test_one_address_keeps_no_other_out(rebels: Rebels) -> None:
    """A server that listens on `::` sees all of IPv4 in one network of IPv6."""
    for number in range(11):
        attempt(Client(REMOTE_ADDR="::ffff:203.0.113.7"), f"person{number}@rebels.example", "wrong")
    elsewhere = Client(REMOTE_ADDR="::ffff:203.0.113.8")
    attempt(elsewhere, rebels.luke.user.email)
    assert is_signed_in(elsewhere)


@pytest.mark.django_db
def test_an_ipv6_network_counts_as_one_address() -> None:
    answers = [
        attempt(
            Client(REMOTE_ADDR=f"2001:db8::{number}"), f"person{number}@rebels.example", "wrong"
        ).content.decode()
        for number in range(11)
    ]
    assert ["Too many attempts" in answer for answer in answers] == [False] * 10 + [True]


def test_codes_are_limited_too(rebels: Rebels) -> None:
    secret = cast.add_second_factor(rebels.luke.user)
    browser = Client()
    attempt(browser, rebels.luke.user.email)
    for _guess in range(5):
        browser.post(reverse("mfa_authenticate"), {"code": "000000"})
    refused = browser.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert "Too many attempts" in refused.content.decode()
    assert not is_signed_in(browser)


def test_a_code_works_once(rebels: Rebels) -> None:
    code = code_of(cast.add_second_factor(rebels.luke.user))
    first, second = Client(), Client()
    for browser in (first, second):
        attempt(browser, rebels.luke.user.email)
        browser.post(reverse("mfa_authenticate"), {"code": code})
    assert is_signed_in(first)
    assert not is_signed_in(second)


# --- 2.1, 2.5: passwords --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "short-1Aa",
        "passwordpassword",
        "1234567890123456",
        "qwertyuiop123456",
        "luke@rebels.example",
        "Password2027!!",
        "qwertyuiop!!!123",
        "password" + "1" * 500,
    ],
)
def test_weak_passwords_are_refused(rebels: Rebels, sign_in: SignIn, password: str) -> None:
    response = sign_in(rebels.luke).post(
        reverse("account_change_password"),
        {"oldpassword": cast.PASSWORD, "password1": password, "password2": password},
    )
    assert response.status_code == 200
    assert response.context["form"].errors["password1"]
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.check_password(cast.PASSWORD)


@pytest.mark.parametrize("password", ["1", "a", "a1", "password1"])
def test_no_password_takes_long_to_judge(password: str) -> None:
    """The longest password of a form. A slow check would block all other requests for hours."""
    luke = User(email="luke@rebels.example")
    Membership(user=luke, organization=Organization(name="Rebel Alliance"))
    began = time.monotonic()
    with suppress(ValidationError):
        validate_password(password * (200_000 // len(password)), luke)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "密碼很長很長很長很長很長",
        "x7-" * 40,
        "83920174650284756139",
        "  spaces at both ends  ",
    ],
)
def test_long_passwords_of_any_characters_are_taken_as_they_are(
    rebels: Rebels, sign_in: SignIn, password: str
) -> None:
    sign_in(rebels.luke).post(
        reverse("account_change_password"),
        {"oldpassword": cast.PASSWORD, "password1": password, "password2": password},
    )
    browser = Client()
    attempt(browser, rebels.luke.user.email, password)
    assert is_signed_in(browser)


def test_a_password_is_changed_with_the_old_one(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).post(
        reverse("account_change_password"),
        {"oldpassword": "wrong", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert response.context["form"].errors["oldpassword"] == ["This isn’t your current password."]


def reset_link(email: str) -> str:
    Client().post(RESET, {"email": email})
    [link] = [word for word in mail.outbox[-1].body.split() if "/password/reset/key/" in word]
    return link.removeprefix("http://localhost:8000")


def use(link: str) -> Any:
    browser = Client()
    page = browser.get(link, follow=True)
    if not page.redirect_chain:
        return page
    return browser.post(
        page.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD}, follow=True
    )


def test_a_reset_link_works_once_and_does_not_sign_in(rebels: Rebels, sign_in: SignIn) -> None:
    elsewhere = sign_in(rebels.luke)
    link = reset_link(rebels.luke.user.email)
    done = use(link)
    assert "Password changed" in done.content.decode()
    assert not is_signed_in(done.client)
    assert elsewhere.get(reverse("accounts:my_profile")).status_code == 302
    assert "This link no longer works" in use(link).content.decode()
    browser = Client()
    attempt(browser, rebels.luke.user.email, PASSWORD)
    assert is_signed_in(browser)


def test_a_reset_link_works_for_an_hour(rebels: Rebels, settings: Settings) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    link = reset_link(rebels.luke.user.email)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link no longer works" in use(link).content.decode()


def test_a_reset_link_leaves_the_address_bar(rebels: Rebels) -> None:
    """So that no referrer, history or log of the next page has it."""
    link = reset_link(rebels.luke.user.email)
    response = Client().get(link)
    assert response.status_code == 302
    assert link.rpartition("-")[2].strip("/") not in response["Location"]


def test_links_are_of_our_origin_whatever_the_host_header_says(rebels: Rebels) -> None:
    Client(headers={"host": "127.0.0.1"}).post(RESET, {"email": rebels.luke.user.email})
    assert emails.absolute("/account/password/reset/key/") in mail.outbox[-1].body
    assert Client(headers={"host": "evil.example"}).get(LOGIN).status_code == 400


# --- 4.2, 5.1: forged requests, and redirects -----------------------------------------------------


@pytest.mark.parametrize(
    "name", ["account_login", "account_logout", "account_reset_password", "usersessions_list"]
)
def test_forms_want_their_token(name: str, rebels: Rebels) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    response = browser.post(reverse(name))
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_never_redirects_to_another_site(target: str, rebels: Rebels) -> None:
    signing_in = attempt(Client(), rebels.luke.user.email, next=target)
    assert signing_in["Location"] == reverse("dashboard")
    browser = Client()
    attempt(browser, rebels.luke.user.email)
    again = browser.post(
        reverse("account_reauthenticate"), {"password": cast.PASSWORD, "next": target}
    )
    assert again["Location"] == reverse("dashboard")


def test_the_way_back_is_kept(rebels: Rebels) -> None:
    target = reverse("accounts:notices")
    assert attempt(Client(), rebels.luke.user.email, next=target)["Location"] == target


# --- 8.2, 14.4: caches and headers ----------------------------------------------------------------


@pytest.mark.parametrize("url", [LOGIN, RESET, reverse("account_signup")])
def test_sign_in_pages_are_in_no_cache_and_no_frame(url: str, db: None) -> None:
    response = Client().get(url)
    assert "no-store" in response["Cache-Control"]
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_signing_out_clears_what_the_browser_keeps(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).post(reverse("account_logout"))
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
