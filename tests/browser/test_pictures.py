"""The pictures of README.md and docs/, taken of real pages so that they show this very product.

`UPDATE_PICTURES=1 make test STAGES=browser` writes them to docs/images; otherwise the pages are
only walked.
"""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page

from accounts.environments import Environment
from accounts.models import Membership
from console.demo import load_demo
from console.demo.apps import client_secret
from core.background import BackgroundWriter
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Application, JwtCredential, Refusal, Rotation
from credentials.models.signing_keys import KeyPurpose
from tests.browser.exchange import exchange

ORIGIN = settings.ORIGIN
IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


@pytest.fixture(autouse=True)
def _demo(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo, whose credentials stay valid although they are older than the server's port."""
    load_demo()
    BackgroundWriter.flush_all()
    for environment in Environment:
        name = f"{environment.name}_PREVIOUS_BASE_URLS"
        monkeypatch.setattr(settings, name, [f"{ORIGIN}/{environment}"])


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
    expired = JwtCredential.objects.filter(label="Trial of the reporting app").earliest("pk")
    page.goto(f"{console}{reverse('my_credentials:detail', args=[expired.pk])}")
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("heading", name="Dry run").wait_for()
    picture(page, "dry-run")
    refused = Refusal.objects.filter(code="JWT-105", environment="sandbox").latest("at")
    page.goto(f"{console}{reverse('refusals:why')}?request_id={refused.request_id}")
    page.get_by_role("alert").evaluate("alert => alert.scrollIntoView()")
    picture(page, "why")


def test_picture_of_a_rotation(page: Page, console: str) -> None:
    """One of two apps has moved to the new JWT."""
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
    page.get_by_role("button", name="Create replacement").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    rotation = Rotation.objects.get()
    for application, jwt in (
        (moved, rotation.replaced),
        (behind, rotation.replaced),
        (moved, rotation.replacement),
    ):
        client = application.clients.get(environment="sandbox")
        secret = client_secret(application.name, Environment.SANDBOX)
        granted = exchange(f"{console}/sandbox", client.client_id, secret, jwt.encode())
        assert "access_token" in granted
    BackgroundWriter.flush_all()
    page.goto(f"{console}{reverse('my_credentials:rotation', args=[credential.pk])}")
    picture(page, "rotation")


def test_pictures_of_an_administrators_console(page: Page, console: str) -> None:
    call_command("make_operator", "leia@rebels.example", verbosity=0)
    sign_in(page, console, "leia@rebels.example")
    luke = Membership.objects.get(user__email="luke@rebels.example")
    inventory = reverse("organization:credentials")
    for environment in Environment:
        # As after the first exchange.
        current_signing_key(environment, KeyPurpose.ACCESS_TOKEN)
    pages = {
        "organization": reverse("organization:developers"),
        "access": reverse("accounts:access"),
        "audit-log": reverse("accounts:audit_log"),
        "developer-credentials": reverse("developer_credentials:list", args=[luke.user_id]),
        "signing-keys": reverse("operator:signing_keys"),
        "inventory": f"{inventory}?status=active",
    }
    for name, path in pages.items():
        page.goto(f"{console}{path}")
        picture(page, name)
    for label in ("Shared with Cloud City", "Nightly jobs"):
        page.get_by_role("checkbox", name=f"Choose {label} of Luke").first.check()
    page.get_by_role("button", name="Revoke chosen").click()
    page.get_by_role("heading", name="Revoke 2 credentials?").wait_for()
    picture(page, "bulk-revoke")

    # A stricter policy stops credentials that exist; the page says which before it is saved.
    page.goto(f"{console}{reverse('organization:policy', args=['sandbox'])}")
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Maximum lifetime").fill("90")
    picture(page, "policy")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="What will stop working").wait_for()
    picture(page, "policy-stops")
    page.goto(f"{console}{reverse('organization:change_role', args=[luke.user_id])}")
    page.get_by_role("radio", name="Auditor").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="What will stop working").wait_for()
    picture(page, "change-role")
