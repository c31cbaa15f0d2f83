"""Second factors that were stored in the clear are sealed with `KEY_ENCRYPTION_KEYS`."""

from collections.abc import Callable
from typing import Any

from django.db import migrations

from core import vault

SECRETS = ("secret", "seed")


def _change_each(apps: Any, change: Callable[[str], str]) -> None:
    for authenticator in apps.get_model("mfa", "Authenticator").objects.exclude(type="webauthn"):
        data = authenticator.data
        for name in SECRETS:
            if name in data:
                data[name] = change(data[name])
        authenticator.save(update_fields=["data"])


def seal(apps: Any, schema_editor: Any) -> None:
    _change_each(apps, lambda secret: vault.seal(secret.encode()))


def unseal(apps: Any, schema_editor: Any) -> None:
    _change_each(apps, lambda sealed: vault.unseal(sealed).decode())


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_seals_append_only"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal, unseal)]
