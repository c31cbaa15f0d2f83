"""Before a secret moves or rights change: with the second factor of people who have one."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accounts.actions.factors import make_recovery_codes
from accounts.models import AuditEvent, Membership, User
from credentials.models import JwtCredential
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.urls import every_url

# Everything that asks for it, and why. A view that is missing here fails the test below.
ACTS = {
    # A JWT, a client secret or a second factor would be seen.
    "my_credentials:show": "shows a JWT again",
    "developer_credentials:show": "shows a JWT again",
    "my_credentials:create": "makes a JWT",
    "developer_credentials:create": "makes a JWT",
    "credentials:create_application": "makes a client secret",
    "credentials:issue_client": "makes a client secret",
    "credentials:replace_client_secret": "makes a client secret",
    "my_credentials:rotate": "makes a JWT with the rights of another",
    "developer_credentials:rotate": "makes a JWT with the rights of another",
    # These end something or keep it working for longer.
    "credentials:end_former_secret": "ends a client secret",
    "my_credentials:extend_rotation": "keeps a JWT alive",
    "developer_credentials:extend_rotation": "keeps a JWT alive",
    "my_credentials:undo_rotation": "revokes a replacement",
    "developer_credentials:undo_rotation": "revokes a replacement",
    "my_credentials:finish_rotation": "ends a JWT",
    "developer_credentials:finish_rotation": "ends a JWT",
    "my_credentials:pause": "stops a JWT, and lets one that it replaces live on",
    "developer_credentials:pause": "stops a JWT, and lets one that it replaces live on",
    "my_credentials:resume": "lets a JWT work again",
    "developer_credentials:resume": "lets a JWT work again",
    "organization:pause_credentials": "stops JWTs, and lets those that they replace live on",
    "accounts:end_session": "signs another browser out",
    "accounts:end_other_sessions": "signs other browsers out",
    # Data would leave the console.
    "accounts:export_audit_log": "exports the audit log",
    "organization:export_credentials": "exports the credentials",
    # Rights would change.
    "credentials:application_settings": "gives an app scopes",
    "accounts:approve_access_request": "gives a role",
    "accounts:invite": "gives a role",
    "accounts:change_extension": "changes a user role",
    "organization:change_role": "changes a role",
    "organization:remove_access": "takes a role",
    "organization:end_sessions": "signs a person out",
    "organization:send_password_reset": "starts another way to sign in",
    "organization:deactivate": "locks a person out",
    "organization:reactivate": "lets a person in",
    "organization:policy": "changes a policy",
    "organization:second_factor": "changes a policy",
    "operator:rotate_signing_key": "changes what signs",
    "operator:distrust_signing_key": "changes what is trusted",
    "operator_rename_organization": "changes a name that everyone sees",
    "operator_suspend_organization": "stops an organization",
    "operator_resume_organization": "lets an organization in",
    "operator_invite_administrator": "gives a role",
    "operator_withdraw_invitation": "takes a role",
    "operator_suspend_application": "stops an app",
    "operator_resume_application": "lets an app in",
    "operator_revoke_credential": "ends a JWT",
    "account_set_password": "adds a way to sign in",
    "mfa_generate_recovery_codes": "makes recovery codes",
}
# The same by django-allauth, whose views are not ours to mark.
ACTS_OF_ALLAUTH = (
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
)
REAUTHENTICATE = "account_reauthenticate"
BY_CODE = "mfa_reauthenticate"


def without_password(user: User) -> None:
    user.set_unusable_password()
    user.save(update_fields=["password"])


def add_key(user: User) -> Authenticator:
    return Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Laptop", "credential": {}},
    )


@pytest.fixture
def sign_in() -> SignIn:
    """Unlike elsewhere, people signed in too long ago."""
    return lambda membership: cast.as_later(cast.sign_in(membership.user))


def code_of(secret: str) -> str:
    code: str = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    return code


@pytest.fixture
def show(credential: JwtCredential) -> str:
    """The page that shows a JWT again: the act of the tests by factor."""
    return reverse("my_credentials:show", args=[credential.pk])


def is_open(browser: Client, url: str) -> bool:
    response = browser.get(url)
    if response.status_code == 302:
        assert response["Location"].startswith(reverse(REAUTHENTICATE))
    return response.status_code == 200


def test_the_list_of_acts_is_whole() -> None:
    marked = {url.name for url in every_url() if getattr(url.callback, "asks_for_step_up", False)}
    # Of two views at one address the walk sees django-allauth's, and the browser ours.
    assert marked | {"account_set_password"} == set(ACTS)


@pytest.mark.parametrize("name", [*ACTS, *ACTS_OF_ALLAUTH])
def test_a_session_is_not_enough(name: str, rebels: Rebels) -> None:
    user = rebels.leia.user
    User.objects.filter(pk=user.pk).update(is_staff=True)
    key = add_key(user)
    cast.add_second_factor(user)
    RecoveryCodes.activate(user)
    if name == "account_set_password":
        without_password(user)
    browser = Client()
    browser.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    [url] = [url for url in every_url() if url.name == name]
    path = url.path({"pk": key.pk, "kid": "x", "user_id": uuid.uuid4()})
    before = AuditEvent.objects.count()
    for answer in (browser.get(path), browser.post(path, {"reason": "x"})):
        if answer.status_code == 405:
            continue
        assert answer.status_code == 302
        assert answer["Location"].partition("?")[0].endswith("reauthenticate/")
    assert AuditEvent.objects.count() == before
    assert Authenticator.objects.filter(user=user).count() == 3


def test_nothing_posted_is_kept_until_then(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential, show: str
) -> None:
    browser = sign_in(rebels.luke)
    browser.post(show, {"reason": "typed before the password"})
    assert "typed before" not in str(dict(browser.session))
    response = browser.post(
        f"{reverse(REAUTHENTICATE)}?next={show}", {"password": cast.PASSWORD, "next": show}
    )
    assert response["Location"] == show
    assert browser.get(show).status_code == 200


def test_step_up_works_with_the_password(rebels: Rebels, sign_in: SignIn, show: str) -> None:
    browser = sign_in(rebels.luke)
    assert not is_open(browser, show)
    refused = browser.post(reverse(REAUTHENTICATE), {"password": "wrong", "next": show})
    assert refused.context["form"].errors == {"password": ["This isn’t your password."]}
    assert not is_open(browser, show)
    done = browser.post(reverse(REAUTHENTICATE), {"password": cast.PASSWORD, "next": show})
    assert done["Location"] == show
    assert is_open(browser, show)


@pytest.mark.parametrize("factor", ["code", "recovery code"])
def test_people_with_a_second_factor_step_up_with_it(
    factor: str, rebels: Rebels, sign_in: SignIn, show: str
) -> None:
    user = rebels.luke.user
    secret = cast.add_second_factor(user)
    codes = make_recovery_codes(user, origin=cast.ORIGIN)
    browser = sign_in(rebels.luke)
    # A password alone confirms nothing.
    asked = browser.get(f"{reverse(REAUTHENTICATE)}?next={show}")
    assert asked["Location"].startswith(reverse(BY_CODE))
    browser.post(reverse(REAUTHENTICATE), {"password": cast.PASSWORD, "next": show})
    assert not is_open(browser, show)
    wrong = browser.post(reverse(BY_CODE), {"code": "000000", "next": show})
    assert wrong.status_code == 200
    assert wrong.context["reauthentication_alternatives"] == []
    assert not is_open(browser, show)
    code = code_of(secret) if factor == "code" else codes[0]
    done = browser.post(reverse(BY_CODE), {"code": code, "next": show})
    assert done["Location"] == show
    assert is_open(browser, show)


def test_a_sign_in_counts_for_fifteen_minutes(rebels: Rebels, show: str) -> None:
    """But not without the second factor, if the person sets one up meanwhile."""
    browser = Client()
    data = {"login": rebels.luke.user.email, "password": cast.PASSWORD}
    browser.post(reverse("account_login"), data)
    assert is_open(browser, show)
    factor = Authenticator.objects.filter(user=rebels.luke.user)
    cast.add_second_factor(rebels.luke.user)
    assert not is_open(browser, show)
    factor.delete()
    assert is_open(browser, show)
    cast.as_later(browser)
    assert not is_open(browser, show)


def test_an_export_returns_to_the_list_with_its_filters(rebels: Rebels, sign_in: SignIn) -> None:
    address = reverse("organization:export_credentials")
    response = sign_in(rebels.leia).post(f"{address}?status=active")
    assert response["Location"] == (
        f"{reverse(REAUTHENTICATE)}?next=%2Fconsole%2Forganization%2Fcredentials%3Fstatus%3Dactive"
    )


def test_a_recovery_code_works_once(rebels: Rebels, sign_in: SignIn, show: str) -> None:
    cast.add_second_factor(rebels.luke.user)
    [code, *_] = make_recovery_codes(rebels.luke.user, origin=cast.ORIGIN)
    first, second = sign_in(rebels.luke), sign_in(rebels.luke)
    assert first.post(reverse(BY_CODE), {"code": code}).status_code == 302
    assert second.post(reverse(BY_CODE), {"code": code}).status_code == 200
    assert not is_open(second, show)


def test_a_password_that_is_gone_confirms_nothing(rebels: Rebels, show: str) -> None:
    user = rebels.luke.user
    cast.add_second_factor(user)
    without_password(user)
    browser = Client()
    browser.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    browser.post(reverse(REAUTHENTICATE), {"password": cast.PASSWORD})
    browser.post(reverse(REAUTHENTICATE), {"password": ""})
    assert not is_open(browser, show)


@pytest.fixture
def helpless(rebels: Rebels) -> Client:
    """Signed in, with nothing left to authenticate with."""
    user = rebels.luke.user
    without_password(user)
    browser = Client()
    browser.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    return browser


@pytest.mark.parametrize(
    "name",
    [
        REAUTHENTICATE,
        "account_set_password",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_generate_recovery_codes",
    ],
)
def test_a_person_without_factors_never_passes_step_up(name: str, helpless: Client) -> None:
    for response in (helpless.get(reverse(name)), helpless.post(reverse(name), {})):
        assert response.status_code == 403
        page = response.content.decode()
        assert "No way to confirm it’s you" in page
        assert reverse("account_reset_password") in page
    assert not Authenticator.objects.exists()


def test_no_factor_shows_no_jwt_and_the_way_out_works(
    helpless: Client, rebels: Rebels, show: str, mailoutbox: list[Any]
) -> None:
    for response in (helpless.get(show), helpless.post(show)):
        assert response.status_code == 403
        assert "No way to confirm it’s you" in response.content.decode()
    helpless.post(reverse("account_reset_password"), {"email": rebels.luke.user.email})
    [message] = mailoutbox
    [link] = [word for word in message.body.split() if "/password/reset/key/" in word]
    page = helpless.get(link, follow=True)
    password = "Tosche-Station-77"
    helpless.post(
        page.redirect_chain[-1][0], {"password1": password, "password2": password}, follow=True
    )
    again = Client()
    again.post(reverse("account_login"), {"login": rebels.luke.user.email, "password": password})
    again.post(reverse(REAUTHENTICATE), {"password": password})
    assert again.get(show).status_code == 200


def test_it_lasts_fifteen_minutes(
    rebels: Rebels, sign_in: SignIn, show: str, settings: Settings
) -> None:
    assert timedelta(minutes=15) == settings.STEP_UP_LIFETIME
    browser = cast.step_up(sign_in(rebels.luke))
    assert is_open(browser, show)
    settings.STEP_UP_LIFETIME = timedelta(0)
    assert not is_open(browser, show)


def test_a_code_in_an_email_confirms_nothing(
    rebels: Rebels, sign_in: SignIn, mailoutbox: list[Any]
) -> None:
    browser = sign_in(rebels.luke)
    browser.post("/account/reauthenticate/code/", {"recipient": rebels.luke.user.email})
    assert mailoutbox == []
    assert browser.get(reverse(REAUTHENTICATE)).context["reauthentication_alternatives"] == []


def test_it_is_limited(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    answers = [
        browser.post(reverse(REAUTHENTICATE), {"password": "wrong"}).status_code
        for _attempt in range(12)
    ]
    assert answers[-1] == 429
    refused = browser.post(reverse(REAUTHENTICATE), {"password": cast.PASSWORD})
    assert "Too many attempts" in refused.content.decode()


def test_changing_the_address_asks_first(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    data = {"email": "red5@rebels.example", "action_add": ""}
    response = browser.post(reverse("account_email"), data)
    assert response["Location"].startswith(reverse(REAUTHENTICATE))
    assert membership_email(rebels.luke) == ["luke@rebels.example"]


def membership_email(membership: Membership) -> list[str]:
    addresses = EmailAddress.objects.filter(user=membership.user)
    return list(addresses.values_list("email", flat=True))
