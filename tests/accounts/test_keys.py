"""Passkeys and security keys: what each is enough for, and which answers are refused."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from credentials.models import JwtCredential
from tests import cast
from tests.accounts.software_keys import (
    ADD,
    SECOND_FACTOR,
    SIGN_IN,
    STEP_UP,
    SoftwareKey,
    add,
    options_of,
)
from tests.accounts.test_step_up import code_of, without_password
from tests.conftest import Rebels, SignIn

ONLY_SECOND_FACTOR = "This key is only a second factor"
NOT_VERIFIED = "We couldn’t verify the key. Try again."


def added(sign_in: SignIn, person: Membership, *, verifies: bool, passkey: bool) -> SoftwareKey:
    key = SoftwareKey(verifies=verifies)
    assert add(cast.step_up(sign_in(person)), key, passkey=passkey).status_code == 302
    return key


@pytest.fixture
def security_key(rebels: Rebels, sign_in: SignIn) -> SoftwareKey:
    """Luke's second factor, which asks only for a touch."""
    return added(sign_in, rebels.luke, verifies=False, passkey=False)


@pytest.fixture
def passkey(rebels: Rebels, sign_in: SignIn) -> SoftwareKey:
    """Luke's."""
    return added(sign_in, rebels.luke, verifies=True, passkey=True)


def send_password(browser: Client, person: Membership) -> None:
    data = {"login": person.user.email, "password": cast.PASSWORD}
    browser.post(reverse("account_login"), data)


def answer(
    browser: Client, ceremony: str, key: SoftwareKey, person: Membership, options: Any = None
) -> Any:
    options = options or options_of(browser, ceremony)
    return browser.post(
        reverse(ceremony), {"credential": key.signed(options, person.user)}, follow=True
    )


def is_signed_in_as(browser: Client, person: Membership) -> bool:
    return browser.session.get("_auth_user_id") == str(person.user_id)


@pytest.mark.parametrize("cancels", [True, False])
def test_a_touch_of_a_security_key_never_replaces_the_password(
    cancels: bool, rebels: Rebels, security_key: SoftwareKey
) -> None:
    cast.add_second_factor(rebels.lando.user)
    thief = Client()
    send_password(thief, rebels.lando)
    options = options_of(thief, SECOND_FACTOR)
    if cancels:
        thief.post(reverse("account_logout"), {"next": reverse("account_login")})
        assert "mfa.webauthn.state" not in thief.session
    answer(thief, SIGN_IN, security_key, rebels.luke, options)
    assert not is_signed_in_as(thief, rebels.luke)
    assert "_auth_user_id" not in thief.session


def _any_options() -> dict[str, Any]:
    return {"rp": {"id": "testserver"}, "challenge": "eA"}


@pytest.mark.parametrize(
    ("begun", "completed"),
    [
        (SECOND_FACTOR, SIGN_IN),
        (SIGN_IN, SECOND_FACTOR),
        (SECOND_FACTOR, STEP_UP),
        (SIGN_IN, STEP_UP),
    ],
)
def test_an_answer_completes_only_the_ceremony_that_asked_for_it(
    begun: str, completed: str, rebels: Rebels, passkey: SoftwareKey
) -> None:
    secret = cast.add_second_factor(rebels.luke.user)
    browser = Client()
    options = options_of(browser, SIGN_IN)
    send_password(browser, rebels.luke)
    if begun == SECOND_FACTOR:
        options = options_of(browser, SECOND_FACTOR)
    if completed == STEP_UP:
        browser.post(reverse(SECOND_FACTOR), {"code": code_of(secret)})
        assert is_signed_in_as(cast.as_later(browser), rebels.luke)
    answer(browser, completed, passkey, rebels.luke, options)
    assert is_signed_in_as(browser, rebels.luke) == (completed == STEP_UP)
    assert not has_stepped_up(browser)


def has_stepped_up(browser: Client) -> bool:
    return browser.get(reverse(ADD)).status_code == 200


def test_an_answer_counts_once(rebels: Rebels, passkey: SoftwareKey) -> None:
    browser = Client()
    options = options_of(browser, SIGN_IN)
    answer(browser, SIGN_IN, passkey, rebels.luke, options)
    assert is_signed_in_as(browser, rebels.luke)
    browser.post(reverse("account_logout"))
    answer(browser, SIGN_IN, passkey, rebels.luke, options)
    assert not is_signed_in_as(browser, rebels.luke)


def test_a_passkey_signs_in_and_steps_up(
    rebels: Rebels, passkey: SoftwareKey, credential: JwtCredential
) -> None:
    without_password(rebels.luke.user)
    browser = Client()
    answer(browser, SIGN_IN, passkey, rebels.luke)
    assert is_signed_in_as(browser, rebels.luke)
    cast.as_later(browser)
    # The page of the password leads to that of the key, and keeps the way back.
    show = reverse("my_credentials:show", args=[credential.pk])
    page = browser.get(show, follow=True)
    assert page.redirect_chain[-1][0] == f"{reverse(STEP_UP)}?{urlencode({'next': show})}"
    assert "Use a passkey" in page.content.decode()
    refused = browser.post(reverse(STEP_UP), {"credential": "{}", "next": show})
    assert refused["Location"] == f"{reverse(STEP_UP)}?{urlencode({'next': show})}"
    options = options_of(browser, STEP_UP)
    signed = passkey.signed(options, rebels.luke.user)
    done = browser.post(reverse(STEP_UP), {"credential": signed, "next": show})
    assert done["Location"] == show
    assert browser.get(show).status_code == 200


@pytest.mark.parametrize("ceremony", [SIGN_IN, STEP_UP])
def test_a_passkey_that_verifies_nobody_is_refused(
    ceremony: str, rebels: Rebels, sign_in: SignIn, passkey: SoftwareKey
) -> None:
    browser = Client() if ceremony == SIGN_IN else cast.as_later(sign_in(rebels.luke))
    passkey.verifies = False
    refused = answer(browser, ceremony, passkey, rebels.luke)
    assert NOT_VERIFIED in refused.content.decode()
    assert is_signed_in_as(browser, rebels.luke) == (ceremony == STEP_UP)
    assert not has_stepped_up(browser)


@pytest.mark.parametrize("ceremony", [SIGN_IN, STEP_UP])
def test_a_key_that_was_not_added_as_a_passkey_needs_the_password(
    ceremony: str, rebels: Rebels, sign_in: SignIn, passkey: SoftwareKey
) -> None:
    """Even if it verifies the person: they never chose that it is enough."""
    key = added(sign_in, rebels.luke, verifies=True, passkey=False)
    browser = Client() if ceremony == SIGN_IN else cast.as_later(sign_in(rebels.luke))
    refused = answer(browser, ceremony, key, rebels.luke)
    assert ONLY_SECOND_FACTOR in refused.content.decode()
    assert is_signed_in_as(browser, rebels.luke) == (ceremony == STEP_UP)
    assert not has_stepped_up(browser)


def test_step_up_asks_for_passkeys_only(
    rebels: Rebels, sign_in: SignIn, security_key: SoftwareKey, passkey: SoftwareKey
) -> None:
    options = options_of(sign_in(rebels.luke), STEP_UP)
    assert [key["id"] for key in options["allowCredentials"]] == [
        json.loads(passkey.made(_any_options()))["id"]
    ]
    assert options["userVerification"] == "required"


def test_people_without_a_passkey_step_up_with_their_password_and_their_key(
    rebels: Rebels, sign_in: SignIn, security_key: SoftwareKey
) -> None:
    Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).delete()
    browser = cast.as_later(sign_in(rebels.luke))
    password, page = reverse("account_reauthenticate"), reverse("accounts:end_other_sessions")
    assert browser.get(reverse(STEP_UP))["Location"] == password
    browser.post(password, {"password": cast.PASSWORD})
    assert browser.post(page)["Location"].startswith(password)
    assert browser.get(password)["Location"] == reverse(STEP_UP)
    options = options_of(browser, STEP_UP)
    assert options["userVerification"] == "discouraged"
    answer(browser, STEP_UP, security_key, rebels.luke, options)
    assert browser.post(page)["Location"] == reverse("usersessions_list")


def test_a_security_key_is_a_second_factor(rebels: Rebels, security_key: SoftwareKey) -> None:
    browser = Client()
    send_password(browser, rebels.luke)
    assert not is_signed_in_as(browser, rebels.luke)
    answer(browser, SECOND_FACTOR, security_key, rebels.luke)
    assert is_signed_in_as(browser, rebels.luke)


def test_the_last_passkey_stays_while_there_is_no_password(
    rebels: Rebels, sign_in: SignIn, security_key: SoftwareKey, passkey: SoftwareKey
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    without_password(rebels.luke.user)
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    key = Authenticator.objects.latest("pk")
    remove = reverse("mfa_remove_webauthn", args=[key.pk])
    for response in (browser.get(remove, follow=True), browser.post(remove, follow=True)):
        assert "This is your only way to sign in" in response.content.decode()
    assert Authenticator.objects.filter(pk=key.pk).exists()


def test_a_security_key_alone_confirms_nothing(
    rebels: Rebels, sign_in: SignIn, security_key: SoftwareKey
) -> None:
    without_password(rebels.luke.user)
    Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).delete()
    refused = sign_in(rebels.luke).get(reverse("account_reauthenticate"))
    assert refused.status_code == 403
    assert "No way to confirm it’s you" in refused.content.decode()


NO_KEYS = ["0", "false", "1", "[]", "{}", '""', '"x"', "null", "[0]", "", "{"]


@pytest.mark.parametrize("sent", NO_KEYS)
def test_text_that_is_no_key_is_refused_with_a_message(
    sent: str, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    browser.get(reverse(ADD))
    refused = browser.post(reverse(ADD), {"name": "Blue key", "credential": sent})
    page = refused.content.decode()
    assert refused.status_code == 200
    assert 'value="Blue key"' in page
    assert NOT_VERIFIED in page
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("public", [{}, {1: 2, 3: -99999}, {1: 2, 3: "ES256"}, {1: 2}])
def test_a_key_whose_answers_we_could_not_check_is_refused(
    public: dict[int, Any], rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    made = SoftwareKey(verifies=True).made(options_of(browser, ADD), public=public)
    refused = browser.post(reverse(ADD), {"credential": made})
    assert NOT_VERIFIED in refused.content.decode()
    assert not Authenticator.objects.exists()


def test_a_passkey_has_to_verify_the_person(rebels: Rebels, sign_in: SignIn) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    refused = add(browser, SoftwareKey(verifies=False), passkey=True)
    assert NOT_VERIFIED in refused.content.decode()
    assert not Authenticator.objects.exists()
