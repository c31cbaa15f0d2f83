"""A start with missing or unsafe settings is refused, and the message names each."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.platforms import ORDERS, write_platform

ROOT = Path(__file__).parents[2]
GOOD = {
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLM",
    "KEY_ENCRYPTION_KEYS": "dGVzdHMtb25seS0zMi1ieXRlcy1mZXJuZXQta2V5LS0=",
    "ORIGIN": "https://developers.example.com",
}


def start(**environment: str) -> str:
    """What importing the settings complains of in an otherwise bare environment."""
    return run("import console.settings", **environment).stderr


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"CONSOLE_ENV_FILE": "", "DATABASE_URL": "sqlite://:memory:"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def named_in(complaint: str) -> set[str]:
    assert "The console can't start with these settings:" in complaint
    lines = [line for line in complaint.splitlines() if line.startswith("  - ")]
    return {line.removeprefix("  - ").split()[0] for line in lines}


def test_good_settings_start() -> None:
    assert start(**GOOD) == ""


def test_bare_environment_names_everything_that_is_missing() -> None:
    complaint = start()
    assert named_in(complaint) >= {"SECRET_KEY", "KEY_ENCRYPTION_KEYS", "ORIGIN"}
    assert "Create one with: python -c" in complaint
    assert "docs/reference/settings.md" in complaint


def test_a_settings_file_that_cannot_be_read_is_not_taken_for_an_empty_one() -> None:
    complaint = start(**GOOD, CONSOLE_ENV_FILE="/nowhere/console.env")
    assert complaint == (
        "The console can't read /nowhere/console.env, which CONSOLE_ENV_FILE names.\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY", "django-insecure-" + GOOD["SECRET_KEY"]),
        ("SECRET_KEY_FALLBACKS", GOOD["SECRET_KEY"] + ",short"),
        ("KEY_ENCRYPTION_KEYS", "not-a-key"),
        ("KEY_ENCRYPTION_KEYS", GOOD["KEY_ENCRYPTION_KEYS"] + ",not-a-key"),
        ("ORIGIN", "developers.example.com"),
        ("ORIGIN", "https://developers.example.com/console"),
        ("ALLOWED_HOSTS", "*"),
        ("SANDBOX_BASE_URL", "http://platform.example.com"),
        ("PRODUCTION_BASE_URL", "platform"),
        ("RATE_LIMIT_AUTH", "60"),
        ("RATE_LIMIT_LIGHT", "0/60"),
        ("SESSION_HOURS", "0"),
        ("SESSION_IDLE_MINUTES", "half an hour"),
        ("TOKEN_SESSION_DAYS", "-1"),
        ("DEFAULT_FROM_EMAIL", "Acme"),
        ("DEFAULT_FROM_EMAIL", "Acme <console@[IPv6:2001:db8::7]>"),
        ("SECURITY_CONTACT", "our office"),
        ("SECURITY_CONTACT", "http://example.com/security"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("TRUSTED_PROXY_COUNT", "one"),
        ("METRICS_PORT", "-1"),
        ("PORT", "http"),
        ("GRANIAN_WORKERS", "0.5"),
        ("DATABASE_URL", "console"),
        ("DATABASE_URL", ""),
        ("CACHE_URL", "localhost"),
        ("EMAIL_URL", "mail.example.com"),
        ("LOG_LEVEL", "LOUD"),
        ("ORIGIN", "https://["),
    ],
)
def test_unsafe_setting_is_named(name: str, value: str) -> None:
    complaint = start(**GOOD | {name: value})
    assert name in named_in(complaint)
    assert "Traceback" not in complaint


def test_plain_http_is_refused() -> None:
    assert "ORIGIN" in named_in(start(**GOOD | {"ORIGIN": "http://developers.example.com"}))


def test_environments_must_differ() -> None:
    urls = dict.fromkeys(("SANDBOX_BASE_URL", "PRODUCTION_BASE_URL"), "https://api.example.com")
    assert named_in(start(**GOOD | urls)) == {"SANDBOX_BASE_URL"}


def test_demo_stays_on_this_machine() -> None:
    complaint = start(**GOOD | {"DEMO": "1"})
    assert named_in(complaint) == {"ORIGIN"}
    assert "DEMO=1 uses public passwords" in complaint
    assert start(**GOOD | {"DEMO": "1", "ORIGIN": "http://localhost:8123"}) == ""


def test_emails_and_authenticator_apps_name_the_platform(tmp_path: Path) -> None:
    file = write_platform(tmp_path, ORDERS.replace('"Acme"', '"Acme, Inc."'))
    code = "from console.settings import *; print(DEFAULT_FROM_EMAIL, MFA_TOTP_ISSUER, sep='\\n')"
    shown = run(code, **GOOD, PLATFORM_FILE=str(file)).stdout
    assert shown == '"Acme, Inc." <console@developers.example.com>\nAcme, Inc.\n'


def test_proxies_can_be_listed_with_commas_and_spaces() -> None:
    assert start(**GOOD | {"TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::7 ,192.0.2.1"}) == ""


def test_limits_may_be_off() -> None:
    assert start(**GOOD | {"RATE_LIMIT_AUTH": "off", "RATE_LIMIT_LIGHT": "1000/10"}) == ""


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """Journals too: SQLite gives them the mode of the database."""
    database = tmp_path / "data" / "console.sqlite3"
    done = subprocess.run(
        ["/bin/sh", "-c", f"umask 0; exec {sys.executable} manage.py migrate -v0 accounts 0001"],
        cwd=ROOT,
        env=GOOD | {"CONSOLE_ENV_FILE": "", "DATABASE_URL": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert mode_of(database.parent) == 0o700
    files = list(database.parent.iterdir())
    assert database in files
    assert {mode_of(file) for file in files} == {0o600}


def test_an_existing_database_keeps_the_mode_its_owner_gave_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    database = tmp_path / "console.sqlite3"
    database.touch()
    database.chmod(0o640)
    assert start(**GOOD | {"DATABASE_URL": f"sqlite:///{database}"}) == ""
    assert (mode_of(tmp_path), mode_of(database)) == (0o750, 0o640)
