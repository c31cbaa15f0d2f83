"""Sets up an authenticator app, recovery codes, a security key and a passkey, and uses them."""

import base64
import hmac
import re
import struct
import time

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_playwright.pytest_playwright import CreateContextCallback

from accounts.models import Membership
from tests import cast
from tests.browser.conftest import (
    SignInPage,
    again_at,
    arrived,
    sign_in_through_the_form,
)
from tests.conftest import Rebels

SECURITY = reverse("mfa_index")
BY_KEY = re.compile("^Use a .*security key$")
WRONG_CODE = re.compile(r"^(Incorrect code\.|This code is incorrect)")
STEP = 30
NEW_CODES = 10


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def code_of(secret: str) -> str:
    """The code of an authenticator app (RFC 6238), now."""
    counter = struct.pack(">Q", int(time.time()) // STEP)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def plug_in(page: Page, *, verifies_user: bool) -> None:
    """Add a virtual authenticator that always agrees: a device with a lock, or a plain key."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal" if verifies_user else "usb",
        "hasResidentKey": verifies_user,
        "hasUserVerification": verifies_user,
        "isUserVerified": verifies_user,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_out(page: Page) -> None:
    page.locator("header summary").first.click()
    page.locator("header").get_by_role("button", name="Log out").click()
    page.wait_for_url("**/account/login/**")


def activate_authenticator(page: Page) -> str:
    """Set up an authenticator app on the Security page. Returns its secret."""
    page.get_by_role("link", name="Activate").click()
    arrived(page, "Activate authenticator app")
    secret = page.get_by_label("Authenticator secret").input_value()
    page.get_by_label("Authenticator code").fill("000000")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text(WRONG_CODE)).to_be_visible()
    assert page.get_by_label("Authenticator secret").input_value() == secret
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    arrived(page, "Recovery codes")
    return secret


def generated_codes(page: Page) -> list[str]:
    page.get_by_role("button", name="Generate").click()
    arrived(page, "Your recovery codes")
    return page.get_by_label("Recovery codes", exact=True).input_value().split()


def expect_left(page: Page, count: int) -> None:
    """Expect this number of recovery codes on the Security page."""
    expect(
        page.get_by_text(re.compile(rf"{count} of {NEW_CODES} (codes are )?left"))
    ).to_be_visible()


def answer(page: Page, console: str, person: Membership, code: str) -> None:
    """Sign in with the password and this code."""
    sign_in_through_the_form(page, console, person.user.email)
    again_at(page, "Two-factor authentication")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_authenticator_app_and_recovery_codes_sign_in(
    console: str, sign_in_page: SignInPage, new_context: CreateContextCallback, rebels: Rebels
) -> None:
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}{SECURITY}")
    arrived(page, "Security")
    secret = activate_authenticator(page)
    codes = generated_codes(page)
    assert len(set(codes)) == NEW_CODES
    page.get_by_role("link", name="I saved them").click()
    expect_left(page, 10)
    arrived(page, "Security")
    sign_out(page)

    used = code_of(secret)
    answer(page, console, rebels.luke, used)
    again_at(page, "Welcome, Luke")
    sign_out(page)
    answer(page, console, rebels.luke, used)
    expect(page.get_by_text(WRONG_CODE)).to_be_visible()
    arrived(page, "Two-factor authentication")

    # The phone is lost: a recovery code signs in, once.
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    again_at(page, "Welcome, Luke")
    thief = new_context().new_page()
    answer(thief, console, rebels.luke, codes[0])
    expect(thief.get_by_text(WRONG_CODE)).to_be_visible()
    thief.goto(f"{console}/console/")
    again_at(thief, "Two-factor authentication")
    page.goto(f"{console}{SECURITY}")
    expect_left(page, 9)


def test_a_person_whose_role_needs_a_second_factor_has_to_set_one_up(
    console: str, sign_in_page: SignInPage, sign_in_elsewhere: SignInPage, rebels: Rebels
) -> None:
    luke, leia = sign_in_page(rebels.luke), sign_in_elsewhere(rebels.leia)
    leia.get_by_role("link", name="Organization").click()
    leia.get_by_role("link", name="Policies").click()
    arrived(leia, "Policies")
    leia.goto(f"{console}{reverse('organization:second_factor')}")
    leia.get_by_role("checkbox", name=re.compile("^Developers")).check()
    arrived(leia, "Second factor")
    leia.get_by_role("button", name="Save").click()
    again_at(leia, "Policies")

    luke.get_by_role("link", name="Apps", exact=True).click()
    expect(luke.get_by_text("Your organization requires a second factor")).to_be_visible()
    arrived(luke, "Security")
    plug_in(luke, verifies_user=False)
    luke.get_by_role("link", name="Add a key").click()
    luke.get_by_label("Name").fill("Blue key")
    arrived(luke, "Add a key")
    luke.get_by_role("button", name="Add", exact=True).click()
    arrived(luke, "Recovery codes")
    luke.goto(f"{console}/console/apps")
    arrived(luke, "Apps")
    sign_out(luke)
    sign_in_through_the_form(luke, console, rebels.luke.user.email)
    arrived(luke, "Two-factor authentication")
    luke.goto(f"{console}/console/")
    again_at(luke, "Two-factor authentication")
    luke.get_by_role("button", name=BY_KEY).click()
    again_at(luke, "Welcome, Luke")


def test_a_person_with_only_a_passkey_signs_in_and_steps_up_with_it(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    credential = cast.credential(rebels.luke)
    page = sign_in_page(rebels.luke)
    plug_in(page, verifies_user=True)
    page.goto(f"{console}{SECURITY}")
    page.get_by_role("link", name="Add a key").click()
    page.get_by_label("Name").fill("This laptop")
    page.get_by_label(re.compile("^(Passwordless|Use it as a passkey)")).check()
    page.get_by_role("button", name="Add", exact=True).click()
    again_at(page, "Recovery codes")
    sign_out(page)

    rebels.luke.user.set_unusable_password()
    rebels.luke.user.save()
    arrived(page, "Sign in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    again_at(page, "Welcome, Luke")
    page.goto(f"{console}{reverse('mfa_list_webauthn')}")
    expect(page.get_by_role("row", name="This laptop")).to_contain_text("Passkey")
    arrived(page, "Passkeys and security keys")
    cast.as_later_for_everyone()
    page.goto(f"{console}{reverse('my_credentials:show', args=[credential.pk])}")
    arrived(page, "Confirm it’s you")
    expect(page.get_by_label("Password")).to_have_count(0)
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    arrived(page, "Confirm it’s you")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Show JWT").click()
    arrived(page, "Your JWT")
    assert page.locator("#jwt").inner_text().replace("\n", "").strip() == credential.encode()
