"""The operator's page of signing keys: who sees it, what it says, and what its buttons do."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind
from credentials.actions.signing_keys import current_signing_key
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose, KeyState
from tests import api, cast
from tests.api import SANDBOX
from tests.conftest import Rebels, SignIn

PAGE = "/console/operator/signing-keys"
ROTATE = f"{PAGE}/sandbox/credential/rotate"


def make_operator(*arguments: str) -> str:
    output = StringIO()
    call_command("make_operator", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def operator(rebels: Rebels, sign_in: SignIn) -> Browser:
    cast.make_operator(rebels.wedge)
    return cast.step_up(sign_in(rebels.wedge))


def test_the_command_gives_and_takes_the_right(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    response = browser.get(PAGE)
    assert response.status_code == 403
    assert "Only operators, who run this console, can open it." in response.content.decode()
    assert "account administrator" not in response.content.decode()
    told = make_operator("Leia@rebels.example")
    assert "is an operator" in told
    assert "once they have set up a second factor" in told
    for address in (PAGE, reverse("dashboard")):
        assert browser.get(address)["Location"] == reverse("mfa_index")
    assert "Operators need a second factor" in browser.get(reverse("mfa_index")).content.decode()
    cast.add_second_factor(rebels.leia.user)
    assert browser.get(PAGE).status_code == 200
    assert "is no longer" in make_operator("leia@rebels.example", "--undo")
    assert browser.get(PAGE).status_code == 403
    events = AuditEvent.objects.filter(kind=AuditKind.OPERATOR_MARKED).order_by("id")
    assert [(event.target_label, event.details) for event in events] == [
        ("leia@rebels.example", {"is_operator": True}),
        ("leia@rebels.example", {"is_operator": False}),
    ]
    with pytest.raises(CommandError, match="No one"):
        make_operator("nobody@rebels.example")


def test_only_operators_see_the_link(rebels: Rebels, operator: Browser, sign_in: SignIn) -> None:
    assert PAGE in operator.get(reverse("accounts:my_profile")).content.decode()
    leia = sign_in(rebels.leia)
    assert PAGE not in leia.get(reverse("accounts:my_profile")).content.decode()


def test_the_page_names_each_key_its_state_and_its_use(rebels: Rebels, operator: Browser) -> None:
    credential = cast.credential(rebels.luke)
    page = operator.get(PAGE).content.decode()
    following = SigningKey.objects.next(SANDBOX, KeyPurpose.CREDENTIAL).get()
    for kid in (credential.signing_key_id, following.kid):
        assert kid in page
    assert "Sandbox: credential keys" in page
    assert "No keys yet." in page


def test_rotating_asks_for_proof_first(rebels: Rebels, sign_in: SignIn) -> None:
    browser = cast.as_later(sign_in(cast.make_operator(rebels.leia)))
    key = current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    response = browser.post(ROTATE, {"reason": "planned", "kid": key.kid})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL) == key


@pytest.mark.parametrize("reason", ["planned", "compromised"])
def test_rotating(rebels: Rebels, operator: Browser, reason: str) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    form = operator.get(ROTATE).content.decode()
    assert "1 live JWT credential will stop working immediately" in form
    sent = {"reason": reason, "kid": credential.signing_key_id}
    assert operator.post(ROTATE, sent)["Location"] == PAGE
    key = current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    assert key != credential.signing_key
    works = api.exchange(app, credential.encode()).status_code == 200
    assert works is (reason == "planned")
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_ROTATED)
    assert (event.actor, event.details["compromised"]) == (
        rebels.wedge.user, reason == "compromised",
    )  # fmt: skip
    operator.post(ROTATE, sent)
    assert current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL) == key
    assert "already been rotated" in operator.get(PAGE).content.decode()


def test_a_reason_is_needed(operator: Browser) -> None:
    key = current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    response = operator.post(ROTATE, {"kid": key.kid})
    assert response.status_code == 200
    assert "This field is required." in response.content.decode()
    assert current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL) == key


def test_distrusting_a_retired_key(rebels: Rebels, operator: Browser) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    url = reverse("operator:distrust_signing_key", args=[credential.signing_key_id])
    assert operator.post(url)["Location"] == PAGE
    assert api.exchange(app, credential.encode()).status_code == 200
    operator.post(ROTATE, {"reason": "planned", "kid": credential.signing_key_id})
    assert "1 live JWT credential that" in operator.get(url).content.decode()
    assert operator.post(url)["Location"] == PAGE
    assert api.exchange(app, credential.encode()).status_code == 400
    key = SigningKey.objects.get(pk=credential.signing_key_id)
    assert key.state == KeyState.DISTRUSTED
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_DISTRUSTED)
    assert event.actor == rebels.wedge.user
    assert operator.get(f"{PAGE}/unknown/distrust").status_code == 404
