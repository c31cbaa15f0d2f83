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

from accounts.models import Membership
from console import demo

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
    page.goto(f"{console}{reverse('my_credentials:create')}")
    page.get_by_label("Label").fill("Contractor Key")
    page.get_by_label("All apps created by developers within my organization").check()
    picture(page, "create")
    page.get_by_role("button", name="Create JWT").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    picture(page, "created")


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
