"""Ways to sign in: sealed at rest, changes recorded and told, the last one kept."""

import base64
import importlib
import json
import re
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts.actions.factors import (
    make_recovery_codes,
    remove_second_factors,
    reseal_second_factors,
    use_code,
)
from accounts.models import AuditEvent, AuditKind, User
from core import vault
from tests import cast
from tests.accounts.test_step_up import add_key, code_of
from tests.conftest import Rebels, SignIn

NEWER = "bmV3ZXItMzItYnl0ZXMtb2YtYS1mZXJuZXQta2V5ISE="
PASSWORD = "Tosche-Station-77"
PROOF = "ID card by video call, confirmed by Leia"


@pytest.fixture
def confirmed(rebels: Rebels, sign_in: SignIn) -> Client:
    """Luke's browser, where he has just authenticated again."""
    return cast.step_up(sign_in(rebels.luke))


def events(user: User) -> list[tuple[str, dict[str, Any]]]:
    found = AuditEvent.objects.filter(target_id=user.pk, kind__startswith="user.").order_by("pk")
    # Each of these acts begins with one.
    found = found.exclude(kind=AuditKind.STEPPED_UP)
    return [(event.kind, event.details) for event in found]


def test_secrets_of_factors_are_sealed(rebels: Rebels) -> None:
    secret = cast.add_second_factor(rebels.luke.user)
    codes = make_recovery_codes(rebels.luke.user, origin=cast.ORIGIN)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    totp = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert vault.unseal(totp.data["secret"]).decode() == secret
    assert len(set(codes)) == 10
    assert all(re.fullmatch("[a-z2-7]{4}(-[a-z2-7]{4}){6}", code) for code in codes)
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_factors_from_before_are_sealed_by_the_migration(rebels: Rebels) -> None:
    user = rebels.luke.user
    key = add_key(user)
    old = Authenticator.objects.create(user=user, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    migration = importlib.import_module("accounts.migrations.0009_seal_second_factors")
    migration.seal(apps, None)
    old.refresh_from_db()
    key.refresh_from_db()
    assert vault.unseal(old.data["secret"]) == b"JBSWY3DPEHPK3PXP"
    assert key.data == {"name": "Laptop", "credential": {}}
    migration.unseal(apps, None)
    old.refresh_from_db()
    assert old.data == {"secret": "JBSWY3DPEHPK3PXP"}


def test_a_newer_key_takes_the_factors_over(rebels: Rebels, settings: Settings) -> None:
    older = settings.KEY_ENCRYPTION_KEYS[0]
    user = rebels.luke.user
    secret = cast.add_second_factor(user)
    codes = RecoveryCodes.activate(user).get_unused_codes()
    settings.KEY_ENCRYPTION_KEYS = [NEWER, older]
    assert reseal_second_factors().resealed == [user, user]
    assert reseal_second_factors().resealed == []
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    totp = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert vault.unseal(totp.data["secret"]).decode() == secret
    assert RecoveryCodes.activate(user).get_unused_codes() == codes


def test_the_command_names_whose_factors_stay_shut(rebels: Rebels, settings: Settings) -> None:
    cast.add_second_factor(rebels.luke.user)
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    output = StringIO()
    call_command("reseal_signing_keys", "--dry-run", stdout=output)
    assert "Second factors to re-encrypt: 1." in output.getvalue()
    with pytest.raises(CommandError, match=r"luke@rebels\.example.*reset_second_factor"):
        call_command("reseal_signing_keys", stdout=output)


def test_lost_encryption_keys_break_no_page(
    rebels: Rebels, confirmed: Client, settings: Settings
) -> None:
    user = rebels.luke.user
    secret = cast.add_second_factor(user)
    RecoveryCodes.activate(user)
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    assert confirmed.get(reverse("mfa_index")).status_code == 200
    at = Client()
    at.post(reverse("account_login"), {"login": user.email, "password": cast.PASSWORD})
    response = at.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert response.status_code == 200
    assert "check your codes right now" in response.content.decode()
    assert "_auth_user_id" not in at.session


def test_the_life_of_an_authenticator_app_is_recorded_and_told(
    rebels: Rebels,
    confirmed: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    user = rebels.luke.user
    secret = confirmed.get(reverse("mfa_activate_totp")).context["form"].secret
    for name, data, status in (
        ("mfa_activate_totp", {"code": code_of(secret)}, 302),
        ("mfa_generate_recovery_codes", {}, 200),
        ("mfa_deactivate_totp", {}, 302),
    ):
        with django_capture_on_commit_callbacks(execute=True):
            assert confirmed.post(reverse(name), data).status_code == status
    assert not Authenticator.objects.exists()
    assert events(user) == [
        (AuditKind.FACTOR_ADDED, {"factor": "authenticator app"}),
        (AuditKind.RECOVERY_CODES_MADE, {}),
        (AuditKind.FACTOR_REMOVED, {"factor": "authenticator app"}),
    ]
    subjects = [message.subject for message in mail.outbox]
    assert subjects == [
        "An authenticator app was added to your Developer Console account",
        "Your new Developer Console recovery codes",
        "The authenticator app for your Developer Console account was turned off",
    ]
    body = mail.outbox[0].body
    assert "example.com" not in body
    assert "http://localhost:8000/account/2fa/" in body
    assert secret not in body


def test_recovery_codes_are_shown_once(rebels: Rebels, confirmed: Client) -> None:
    user, address = rebels.luke.user, reverse("mfa_generate_recovery_codes")
    # They only replace a lost second factor.
    assert "Set up an authenticator app or a key first." in confirmed.post(address).content.decode()
    secret = confirmed.get(reverse("mfa_activate_totp")).context["form"].secret
    response = confirmed.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert response["Location"] == address
    shown = confirmed.post(address)
    codes = shown.context["codes"]
    assert all(code in shown.content.decode() for code in codes)
    assert "no-store" in shown["Cache-Control"]
    assert codes[0] not in str(dict(confirmed.session))
    assert codes[0] not in confirmed.get(address).content.decode()
    assert "Your 10 current codes stop working." in confirmed.get(address).content.decode()
    replaced = confirmed.post(address).context["codes"]
    for code, works in ((codes[0], False), (replaced[0].upper().replace("-", " "), True)):
        browser = Client()
        browser.post(reverse("account_login"), {"login": user.email, "password": cast.PASSWORD})
        browser.post(reverse("mfa_authenticate"), {"code": code})
        assert ("_auth_user_id" in browser.session) == works


def test_a_password_change_is_recorded_and_ends_other_sessions(
    rebels: Rebels, confirmed: Client, sign_in: SignIn
) -> None:
    elsewhere = sign_in(rebels.luke)
    assert elsewhere.get(reverse("mfa_index")).status_code == 200
    response = confirmed.post(
        reverse("account_change_password"),
        {"oldpassword": cast.PASSWORD, "password1": PASSWORD, "password2": PASSWORD},
    )
    assert response.status_code == 302
    assert events(rebels.luke.user) == [(AuditKind.PASSWORD_CHANGED, {})]
    assert confirmed.get(reverse("mfa_index")).status_code == 200
    assert elsewhere.get(reverse("mfa_index")).status_code == 302


def test_a_new_address_counts_once_its_link_is_followed(
    rebels: Rebels,
    confirmed: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    user = rebels.luke.user
    page = confirmed.post(
        reverse("account_email"), {"email": "red5@rebels.example", "action_add": ""}, follow=True
    ).content.decode()
    assert "We sent a link to red5@rebels.example." in page
    [message] = mail.outbox
    assert message.to == ["red5@rebels.example"]
    [link] = [word for word in message.body.split() if "/confirm-email/" in word]
    user.refresh_from_db()
    assert user.email == "luke@rebels.example"
    with django_capture_on_commit_callbacks(execute=True):
        confirmed.post(link.removeprefix("http://localhost:8000"))
    user.refresh_from_db()
    assert user.email == "red5@rebels.example"
    assert events(user) == [(AuditKind.EMAIL_CHANGED, {})]
    # We also email the old address, because a thief reads only the new one.
    assert "luke@rebels.example" in {to for sent in mail.outbox[1:] for to in sent.to}


def test_keys_are_recorded_and_named_safely(
    rebels: Rebels, confirmed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = rebels.luke.user
    key, other = add_key(user), add_key(user)
    edit = reverse("mfa_edit_webauthn", args=[key.pk])
    refused = confirmed.post(edit, {"name": "Lap\u202etop"})
    assert "right-to-left override" in refused.context["form"].errors["name"][0]
    assert confirmed.post(edit, {"name": "Yubikey"}).status_code == 302
    key.refresh_from_db()
    assert key.data["name"] == "Yubikey"
    confirmed.post(reverse("mfa_remove_webauthn", args=[key.pk]))
    assert list(Authenticator.objects.all()) == [other]
    assert events(user) == [(AuditKind.FACTOR_REMOVED, {"factor": "passkey or security key"})]
    Authenticator.objects.all().delete()
    monkeypatch.setattr(AddWebAuthnForm, "clean", lambda _form: {})
    refused = confirmed.post(reverse("mfa_add_webauthn"), {"name": "a\nb", "credential": "{}"})
    assert refused.context["form"].errors["name"] == ["Enter this on one line."]


@pytest.mark.django_db
def test_a_stranger_begins_few_sign_ins_by_key() -> None:
    """Each is a row, for as long as a session lasts."""
    statuses = [
        Client()
        .get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
        .status_code
        for _ in range(40)
    ]
    assert statuses == [200] * 30 + [429] * 10
    assert Session.objects.count() == 30


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def answers() -> list[str]:
    """What no key answers."""
    whole: dict[str, Any] = {
        "type": "public-key",
        "id": encoded(b"x" * 16),
        "rawId": encoded(b"x" * 16),
        "response": {
            "clientDataJSON": encoded(b'{"type":"webauthn.get","challenge":"eA","origin":"x"}'),
            "authenticatorData": encoded(b"a" * 37),
            "attestationObject": encoded(b"a"),
            "signature": encoded(b"s"),
            "userHandle": encoded(b"1"),
        },
    }
    odd: list[Any] = [5, None, [], {}, "", "\u00e9", "\x00", encoded(b"\xff"), encoded(b"[]")]
    changed = [{**whole, name: value} for name in whole for value in odd]
    inside = [
        {**whole, "response": {**whole["response"], name: value}}
        for name in whole["response"]
        for value in odd
    ]
    found: list[Any] = [None, [], 1, "x", {}, {"id": 5}, {"id": "key"}, whole, *changed, *inside]
    return [*map(json.dumps, found), "1" * 5000, "[" * 50_000, '{"a":' * 30_000]


@pytest.mark.parametrize("name", ["mfa_login_webauthn", "mfa_add_webauthn"])
def test_what_is_no_answer_of_a_key_is_refused(confirmed: Client, name: str) -> None:
    browser = Client() if name == "mfa_login_webauthn" else confirmed
    browser.get(reverse(name), headers={"Accept": "application/json"})
    for answer in answers():
        # Attempts are counted, too.
        cache.clear()
        response = browser.post(reverse(name), {"credential": answer})
        assert response.status_code in (200, 302), answer[:80]
    assert not Authenticator.objects.exists()


def test_a_key_of_another_person_can_not_be_removed(rebels: Rebels, confirmed: Client) -> None:
    key = add_key(rebels.han.user)
    for name in ("mfa_remove_webauthn", "mfa_edit_webauthn"):
        assert confirmed.post(reverse(name, args=[key.pk]), {"name": "x"}).status_code == 404
    assert Authenticator.objects.get().data["name"] == "Laptop"


def test_the_operator_removes_lost_second_factors(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    user = rebels.luke.user
    cast.add_second_factor(user)
    RecoveryCodes.activate(user)
    output = StringIO()
    with django_capture_on_commit_callbacks(execute=True):
        call_command("reset_second_factor", user.email.upper(), "--proof", PROOF, stdout=output)
    assert output.getvalue() == (
        "Removed from luke@rebels.example: authenticator app, recovery codes.\n"
    )
    assert not Authenticator.objects.exists()
    assert events(user) == [
        (
            AuditKind.FACTOR_REMOVED,
            {"factor": "authenticator app, recovery codes", "proof": PROOF},
        )
    ]
    [message] = mail.outbox
    assert message.to == [user.email]
    assert "removed your second factors: authenticator app, recovery codes." in message.body
    assert "http://localhost:8000/account/2fa/" in message.body
    assert user.notices.get().path == reverse("mfa_index")
    assert remove_second_factors(user, proof=PROOF, origin=cast.ORIGIN) == []
    with pytest.raises(CommandError, match="No one"):
        call_command("reset_second_factor", "nobody@rebels.example", "--proof", PROOF)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: --proof"),
        (["--proof", "  yes  "], "say in 12 to 200 characters what you checked"),
    ],
)
def test_second_factors_stay_until_the_operator_says_what_was_checked(
    arguments: list[str], complaint: str
) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command("reset_second_factor", "luke@rebels.example", *arguments)


def test_the_page_says_it_at_a_glance(rebels: Rebels, confirmed: Client) -> None:
    user = rebels.luke.user
    page = confirmed.get(reverse("mfa_index")).content.decode()
    assert "Only a password protects your account" in page
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    add_key(user)
    [used, *_] = make_recovery_codes(user, origin=cast.ORIGIN)
    assert use_code(Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES), used)
    page = confirmed.get(reverse("mfa_index")).content.decode()
    assert "Only a password protects" not in page
    for words in ("Authenticator app", "Laptop", "Security key", "9 of 10 left", "This browser"):
        assert words in page
    assert page.count(" UTC</time>") >= 6
    assert used not in page
