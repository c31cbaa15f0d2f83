"""The platform's name, logo, accent color and links, and its words, on pages and in emails."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actions.access_requests import request_access
from accounts.emails import rendered_line
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.platforms import BRANDED, LOGO, ORDERS, UsePlatform

LINKS = [
    ("Documentation", "https://acme.example/docs"),
    ("Support", "https://acme.example/support"),
    ("Terms", "https://acme.example/terms"),
    ("Privacy", "https://acme.example/privacy"),
    ("Status", "https://status.acme.example"),
]
SIGN_IN = "account_login"


def text_of(browser: Client, name: str, status: int = 200) -> str:
    response = browser.get(reverse(name))
    assert response.status_code == status
    return response.content.decode()


def brand_files(page: str) -> set[str]:
    return set(re.findall(r'(?:src|href)="(/brand/[^"]+)"', page))


@pytest.mark.django_db
def test_pages_and_sign_in_pages_carry_the_brand(
    use_platform: UsePlatform, rebels: Rebels, sign_in: SignIn
) -> None:
    use_platform(BRANDED)
    browser = sign_in(rebels.luke)
    for page in (text_of(browser, "dashboard"), text_of(Client(), SIGN_IN)):
        assert re.search(r"<title>.*Acme</title>", page)
        assert '<span class="brand__name">Acme</span>' in page
        assert "Developer Console" not in page
        assert "favicon.svg" not in page
        assert len(brand_files(page)) == 2
        for label, address in LINKS:
            assert f'<a href="{address}">{label}</a>' in page


@pytest.mark.django_db
def test_without_a_logo_accent_and_links_nothing_is_added(use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    page = text_of(Client(), SIGN_IN)
    assert brand_files(page) == set()
    assert "favicon.svg" in page
    assert "Documentation" not in page


@pytest.mark.django_db
def test_error_pages_carry_the_brand(use_platform: UsePlatform) -> None:
    use_platform(BRANDED)
    strict = Client(enforce_csrf_checks=True)
    page = strict.post(reverse(SIGN_IN)).content.decode()
    assert "<title>This form has expired · Acme</title>" in page
    assert len(brand_files(page)) == 2


def test_files_of_the_brand_stay_in_caches_and_run_nothing(use_platform: UsePlatform) -> None:
    # Without the database: pages that say it's down show them too.
    use_platform(BRANDED)
    page = Client().get("/nowhere").content.decode()
    accent, logo = sorted(brand_files(page))
    for path, content_type in [(accent, "text/css; charset=utf-8"), (logo, "image/svg+xml")]:
        response = Client().get(path)
        assert response.status_code == 200
        headers = response.headers
        assert headers["Content-Type"] == content_type
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
        )
        assert "Vary" not in headers
        assert not response.cookies
    assert Client().get(logo).content.decode() == LOGO
    assert "--accent: light-dark(#0a6e4f, " in Client().get(accent).content.decode()
    assert Client().get("/brand/logo.000000000000.svg").status_code == 404
    assert Client().post(logo).status_code == 404


def test_another_logo_has_another_address(use_platform: UsePlatform) -> None:
    use_platform(BRANDED)
    before = brand_files(Client().get("/nowhere").content.decode())
    use_platform(BRANDED.replace("#0a6e4f", "#0a6e50"))
    after = brand_files(Client().get("/nowhere").content.decode())
    assert len(before & after) == 1


@pytest.mark.django_db
def test_emails_name_the_platform_and_its_support(
    use_platform: UsePlatform,
    rebels: Rebels,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_platform(BRANDED)
    with django_capture_on_commit_callbacks(execute=True):
        request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    Client().post(reverse("account_reset_password"), {"email": rebels.luke.user.email})
    requested, reset = mail.outbox
    assert requested.subject == "Wedge Example requested access to the Acme console"
    assert reset.subject == "Choose a new Acme console password"
    for email in (requested, reset):
        assert str(email.body).endswith("\n\nAcme support: https://acme.example/support\n")


def test_the_name_of_a_portal_is_used_as_it_is(use_platform: UsePlatform) -> None:
    use_platform(BRANDED.replace('"Acme"', '"Acme & Sons Portal"'))
    subject = rendered_line("emails/new_device/subject", {})
    assert subject == "You signed in to the Acme & Sons Portal from a new browser"
