from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEvent, AuditKind
from credentials.actions.signing_keys import current_signing_key
from credentials.models import SigningKey
from credentials.models.signing_keys import JWKS_MAX_AGE, KeyPurpose

pytestmark = pytest.mark.django_db


def rotate(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_signing_key", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize("purpose", KeyPurpose)
def test_rotate_signing_key_keeps_the_former_key_for_verification(purpose: KeyPurpose) -> None:
    former = current_signing_key("sandbox", purpose)
    output = rotate("sandbox", purpose.value)
    key = current_signing_key("sandbox", purpose)
    assert key != former
    assert f"Sandbox: the {purpose.label.lower()} key is now {key.kid}." in output
    assert "previous key signed" in output
    assert former in SigningKey.objects.trusted()
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_ROTATED)
    assert (event.target_id, event.actor_label) == (former.kid, "Operator")
    assert event.user_agent == "manage.py rotate_signing_key"


@pytest.mark.parametrize("purpose", KeyPurpose)
def test_rotate_signing_key_distrusts_a_compromised_key(purpose: KeyPurpose) -> None:
    former = current_signing_key("production", purpose)
    untouched = current_signing_key("sandbox", purpose)
    output = rotate("production", purpose.value, "--compromised")
    assert "distrusted" in output
    assert former not in SigningKey.objects.trusted()
    assert current_signing_key("sandbox", purpose) == untouched


def test_rotate_signing_key_creates_the_first_key() -> None:
    output = rotate("sandbox", "credential")
    key = SigningKey.objects.current("sandbox", "credential").get()
    assert f"key is now {key.kid}." in output
    made = AuditEvent.objects.filter(kind=AuditKind.SIGNING_KEY_CREATED)
    assert made.filter(target_id=key.kid).count() == 1


def test_rotate_signing_key_warns_of_a_key_that_resource_servers_may_not_know() -> None:
    current_signing_key("sandbox", KeyPurpose.ACCESS_TOKEN)
    assert "might not know it until" in rotate("sandbox", "access-token")
    long_since = timezone.now() - JWKS_MAX_AGE
    SigningKey.objects.next("sandbox", "access-token").update(created_at=long_since)
    assert "might not know it" not in rotate("sandbox", "access-token")


def run(command: str, *arguments: str) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def test_distrust_signing_key_distrusts_retired_keys_only() -> None:
    former = current_signing_key("sandbox", KeyPurpose.CREDENTIAL)
    with pytest.raises(CommandError, match="isn’t retired"):
        run("distrust_signing_key", former.kid)
    rotate("sandbox", "credential")
    assert "Nothing that it signed works" in run("distrust_signing_key", former.kid)
    assert former not in SigningKey.objects.trusted()
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_DISTRUSTED)
    assert (event.target_id, event.user_agent) == (former.kid, "manage.py distrust_signing_key")
    with pytest.raises(CommandError, match="No signing key"):
        run("distrust_signing_key", "unknown")


def test_reseal_signing_keys_reports_its_work(settings: Settings) -> None:
    current_signing_key("sandbox", KeyPurpose.CREDENTIAL)
    assert "to re-encrypt: 0." in run("reseal_signing_keys", "--dry-run")
    assert "re-encrypted: 0." in run("reseal_signing_keys")
    older = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = ["bmV3ZXItMzItYnl0ZXMtb2YtYS1mZXJuZXQta2V5ISE="]
    assert "to re-encrypt: 2." in run("reseal_signing_keys", "--dry-run")
    with pytest.raises(CommandError, match="No key in KEY_ENCRYPTION_KEYS can decrypt"):
        run("reseal_signing_keys")
    settings.KEY_ENCRYPTION_KEYS = [*settings.KEY_ENCRYPTION_KEYS, *older]
    assert "re-encrypted: 2." in run("reseal_signing_keys")


@pytest.mark.parametrize("arguments", [("moon", "credential"), ("sandbox", "cookies"), ()])
def test_rotate_signing_key_refuses_unknown_arguments(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        rotate(*arguments)
