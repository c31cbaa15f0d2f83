"""The pictures of README.md and docs/, taken of real pages so that they show this very product.

`UPDATE_PICTURES=1 make test STAGES=browser` writes them to docs/images; otherwise the pages are
only walked.
"""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page

from accounts.environments import Environment
from accounts.models import Membership
from console import demo
from credentials.background import BackgroundWriter
from credentials.models import Application, JwtCredential, Rotation
from tests.browser.exchange import exchange

ORIGIN = settings.ORIGIN
IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


@pytest.fixture(autouse=True)
def _demo(transactional_db: None) -> None:
    demo.load()


def picture(page: Page, name: str) -> None:
    image = page.screenshot()
    if os.environ.get("UPDATE_PICTURES"):
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.png").write_bytes(image)


def sign_in(page: Page, console: str, email: str) -> None:
    page.goto(f"{console}{reverse('account_login')}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{console}/console/")


def test_pictures_of_a_developers_console(page: Page, console: str) -> None:
    sign_in(page, console, "luke@rebels.example")
    page.goto(f"{console}{reverse('my_credentials:list')}")
    picture(page, "credentials")
    page.goto(f"{console}{reverse('accounts:notices')}")
    picture(page, "notices")
    nightly = JwtCredential.objects.filter(label="Nightly jobs").order_by("pk")[0]
    page.goto(f"{console}{reverse('my_credentials:detail', args=[nightly.pk])}")
    page.get_by_role("heading", name="Who is using it").evaluate("it => it.scrollIntoView()")
    picture(page, "usage")
    page.goto(f"{console}{reverse('my_credentials:create')}")
    page.get_by_label("Label").fill("Contractor Key")
    page.get_by_label("All apps created by developers within my organization").check()
    picture(page, "create")
    page.get_by_role("button", name="Create JWT").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    picture(page, "created")


def test_picture_of_a_rotation(page: Page, console: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two apps has moved to the new JWT."""
    # The demo was loaded before the test server had its port.
    monkeypatch.setattr(settings, "SANDBOX_PREVIOUS_BASE_URLS", [f"{ORIGIN}/sandbox"])
    luke = Membership.objects.get(user__email="luke@rebels.example")
    old = JwtCredential.objects.of(luke).filter(label="Nightly jobs").order_by("pk")
    credential = next(found for found in old if found.environment == "sandbox")
    moved, behind = Application.objects.filter(owner=luke.user).order_by("-name")[:2]
    sign_in(page, console, "luke@rebels.example")
    page.goto(f"{console}{reverse('my_credentials:rotate', args=[credential.pk])}")
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Label").fill("Nightly jobs 2027")
    picture(page, "rotate")
    page.get_by_role("button", name="Create the new JWT").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    rotation = Rotation.objects.get()
    for application, jwt in (
        (moved, rotation.replaced),
        (behind, rotation.replaced),
        (moved, rotation.replacement),
    ):
        client = application.clients.get(environment="sandbox")
        secret = demo.client_secret(application.name, Environment.SANDBOX)
        granted = exchange(f"{console}/sandbox", client.client_id, secret, jwt.encode())
        assert "access_token" in granted
    BackgroundWriter.flush_all()
    page.goto(f"{console}{reverse('my_credentials:rotation', args=[credential.pk])}")
    picture(page, "rotation")


def test_pictures_of_an_administrators_console(page: Page, console: str) -> None:
    sign_in(page, console, "leia@rebels.example")
    luke = Membership.objects.get(user__email="luke@rebels.example")
    pages = {
        "organization": reverse("organization:developers"),
        "access": reverse("accounts:access"),
        "audit-log": reverse("accounts:audit_log"),
        "developer-credentials": reverse("developer_credentials:list", args=[luke.user_id]),
    }
    for name, path in pages.items():
        page.goto(f"{console}{path}")
        picture(page, name)
