"""A platform with a name, a logo and an accent color of its own, in light and dark colors."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests import cast
from tests.browser.conftest import SignInPage
from tests.browser.walk import Walk
from tests.conftest import Rebels
from tests.platforms import BRANDED, UsePlatform

pytestmark = pytest.mark.slow
NAME = "Acme International Trading Platform"
NATURAL_WIDTH = "(image) => image.complete && image.naturalWidth"


def test_pages_are_readable_with_the_platforms_name_and_color(
    page: Page,
    console: str,
    rebels: Rebels,
    sign_in_page: SignInPage,
    use_platform: UsePlatform,
) -> None:
    credential = cast.credential(rebels.luke)
    # A color between yellow and brown has just enough contrast with white.
    use_platform(BRANDED.replace("#0a6e4f", "#7f6a00").replace('"Acme"', f'"{NAME}"'))
    walk = Walk(page, console)
    walk.visit(reverse("account_login"))
    expect(page).to_have_title(f"Sign in · {NAME}")
    sign_in_page(rebels.luke)
    cast.make_operator(rebels.luke)
    brand = page.locator("header .brand")
    expect(brand).to_have_text(NAME)
    assert brand.locator("img").evaluate(NATURAL_WIDTH) > 0
    for path in (
        reverse("dashboard"),
        reverse("credentials:create_application"),
        reverse("my_credentials:detail", args=[credential.pk]),
        reverse("operator_api", args=["orders"]),
    ):
        walk.visit(path)
