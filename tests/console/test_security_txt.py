"""The file that says where to report a vulnerability (RFC 9116)."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from console import env
from console.security_txt import expiry_of
from tests.platforms import BRANDED, UsePlatform

URL = "/.well-known/security.txt"
SANDBOX_HOST = "platform.sandbox.example.com"


def test_the_file_names_the_contacts_of_the_settings(settings: Settings) -> None:
    settings.SECURITY_CONTACTS = ["mailto:security@example.com", "https://example.com/report"]
    response = Client().get(URL)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    text = response.content.decode()
    [expires] = re.findall(r"^Expires: (\S+)$", text, re.MULTILINE)
    assert text == (
        "Contact: mailto:security@example.com\n"
        "Contact: https://example.com/report\n"
        f"Expires: {expires}\n"
        "Preferred-Languages: en\n"
        "Canonical: http://localhost:8000/.well-known/security.txt\n"
    )
    left = datetime.fromisoformat(expires) - timezone.now()
    assert timedelta(days=28) < left <= timedelta(days=30)


def test_the_expiry_is_the_same_all_day_and_moves_on() -> None:
    first = datetime(2027, 1, 11, tzinfo=UTC)
    last = datetime(2027, 1, 11, 23, 59, 59, tzinfo=UTC)
    assert expiry_of(first) == expiry_of(last) == datetime(2027, 2, 10, tzinfo=UTC)
    assert expiry_of(last + timedelta(seconds=1)) == datetime(2027, 2, 11, tzinfo=UTC)


def test_without_a_contact_of_its_own_the_file_names_the_support(
    use_platform: UsePlatform,
) -> None:
    use_platform(BRANDED)
    assert "Contact: https://acme.example/support\n" in Client().get(URL).content.decode()


def test_without_any_contact_there_is_no_file() -> None:
    assert Client().get(URL).status_code == 404


@pytest.mark.parametrize("is_short", [True, False], ids=["root of a host", "path of a host"])
def test_hosts_of_environments_have_the_file_too(settings: Settings, is_short: bool) -> None:
    settings.SECURITY_CONTACTS = ["mailto:security@example.com"]
    settings.SANDBOX_BASE_URL = f"https://{SANDBOX_HOST}" + ("" if is_short else "/v2")
    settings.ALLOWED_HOSTS = [SANDBOX_HOST, "localhost"]
    text = Client(headers={"host": SANDBOX_HOST}).get(URL).content.decode()
    assert f"Canonical: https://{SANDBOX_HOST}{URL}\n" in text
    assert f"Canonical: http://localhost:8000{URL}\n" in text


@pytest.mark.parametrize(
    ("setting", "contacts"),
    [
        ("", []),
        ("security@example.com", ["mailto:security@example.com"]),
        (
            "https://example.com/report, mailto:a@example.com,tel:+1-201-555-0123",
            ["https://example.com/report", "mailto:a@example.com", "tel:+1-201-555-0123"],
        ),
    ],
)
def test_a_contact_is_an_email_address_or_a_uri(
    monkeypatch: pytest.MonkeyPatch, setting: str, contacts: list[str]
) -> None:
    monkeypatch.setenv("SECURITY_CONTACT", setting)
    problems = env.Problems()
    assert env.security_contacts(problems) == contacts
    problems.stop_if_any()
