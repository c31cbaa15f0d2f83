"""`check --deploy` finds connections to other machines without TLS."""

import pytest
from django.db import connection
from pytest_django import Settings

from console.deploy_checks import encrypted_connections

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    # Restores what `warned` changes.
    for name in ("HOST", "OPTIONS"):
        monkeypatch.setitem(connection.settings_dict, name, connection.settings_dict[name])


def warned(settings: Settings, **changed: object) -> list[str]:
    connection.settings_dict["HOST"] = changed.get("db", "")
    connection.settings_dict["OPTIONS"] = changed.get("options", {})
    settings.CACHES = {"default": {"LOCATION": changed.get("cache", "")}}
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP, changed.get("mail", "localhost")
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = bool(changed.get("tls")), False
    return [str(message.msg).split(" without")[0] for message in encrypted_connections()]


def test_connections_on_this_machine_need_no_tls(settings: Settings) -> None:
    for host in ("", "localhost", "127.0.0.1", "::1", "/run/postgresql"):
        assert warned(settings, db=host, cache="redis://localhost:6379/0") == []


def test_every_connection_to_another_machine_without_tls_is_reported(settings: Settings) -> None:
    plain = {
        "db": "localhost,db.internal",
        "cache": "redis://u:p@c.internal/0",
        "mail": "m.example",
    }
    assert warned(settings, **plain) == [
        "The console connects to db.internal (database)",
        "The console connects to c.internal (cache)",
        "The console connects to m.example (email)",
    ]
    hints = [str(message.hint) for message in encrypted_connections()]
    assert all("PLAINTEXT_CONNECTIONS" in hint for hint in hints)
    settings.PLAINTEXT_CONNECTIONS = ["database", "cache"]
    assert warned(settings, **plain) == ["The console connects to m.example (email)"]


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"db": "db.internal", "options": {"sslmode": "verify-full"}}, 0),
        ({"db": "db.internal", "options": {"sslmode": "require"}}, 1),
        ({"cache": "rediss://c.internal/0"}, 0),
        ({"cache": "rediss://c.internal/0?ssl_cert_reqs=none"}, 1),
        ({"mail": "m.example", "tls": True}, 0),
    ],
)
def test_tls_has_to_verify_the_server(
    settings: Settings, changed: dict[str, object], count: int
) -> None:
    assert len(warned(settings, **changed)) == count
