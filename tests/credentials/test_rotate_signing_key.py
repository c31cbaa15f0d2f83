from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, AuditKind
from credentials.actions.signing_keys import current_signing_key
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose

pytestmark = pytest.mark.django_db


def rotate(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_signing_key", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize("purpose", KeyPurpose)
def test_former_key_still_verifies(purpose: KeyPurpose) -> None:
    former = current_signing_key("sandbox", purpose)
    output = rotate("sandbox", purpose.value)
    key = current_signing_key("sandbox", purpose)
    assert key != former
    assert f"Sandbox: the {purpose.label.lower()} key is now {key.kid}." in output
    assert "former key signed" in output
    assert former in SigningKey.objects.trusted()
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_ROTATED)
    assert (event.target_id, event.actor_label) == (former.kid, "Operator")
    assert event.user_agent == "manage.py rotate_signing_key"


@pytest.mark.parametrize("purpose", KeyPurpose)
def test_compromised_key_is_distrusted(purpose: KeyPurpose) -> None:
    former = current_signing_key("production", purpose)
    untouched = current_signing_key("sandbox", purpose)
    output = rotate("production", purpose.value, "--compromised")
    assert "distrusted" in output
    assert former not in SigningKey.objects.trusted()
    assert current_signing_key("sandbox", purpose) == untouched


def test_first_key() -> None:
    rotate("sandbox", "credential")
    key = SigningKey.objects.get()
    assert AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_CREATED).target_id == key.kid


@pytest.mark.parametrize("arguments", [("moon", "credential"), ("sandbox", "cookies"), ()])
def test_unknown_words_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        rotate(*arguments)
