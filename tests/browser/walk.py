"""A walk over pages with the demo data: one visit for accessibility, layout and the picture."""

import os
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page

from tests.browser.axe import assert_accessible

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
# The rules of axe whose result depends on colors.
COLORS = ["color-contrast", "link-in-text-block"]
# Navigation entries of the current page that aren't in the window.
OUT_OF_SIGHT = """
Array.from(document.querySelectorAll(".nav [aria-current=page], .side-nav [aria-current=page]"))
  .filter((entry) => {
    const box = entry.getBoundingClientRect();
    const strip = entry.closest("ul, ol").getBoundingClientRect();
    return box.left < Math.max(0, strip.left) - 1
      || box.right > Math.min(innerWidth, strip.right) + 1;
  })
  .map((entry) => entry.textContent)
"""


class Walk:
    def __init__(self, page: Page, console: str) -> None:
        self.page = page
        self._console = console

    def sign_in(self, email: str) -> None:
        self.open(reverse("account_login"))
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(f"{self._console}/console/")

    def step_up(self) -> None:
        self.page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
        self.page.get_by_role("button", name="Confirm").click()

    def open(self, path: str) -> None:
        response = self.page.goto(f"{self._console}{path}")
        assert response is not None
        assert response.status in (200, 403, 404, 410), path

    def visit(self, path: str, picture: str = "") -> None:
        self.open(path)
        self.examine(path, picture)

    def examine(self, where: str, picture: str = "") -> None:
        """The page as it is now: on a desktop in light and dark colors, and on a phone."""
        page = self.page
        if picture:
            self._take(picture)
        self._examine_layout(f"{where} on a desktop")
        page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
        self._examine_layout(f"{where} on a phone")
        page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
        page.emulate_media(color_scheme="dark")
        assert_accessible(page, f"{where} in dark colors", runOnly=COLORS)
        page.emulate_media(color_scheme="light")

    def _examine_layout(self, where: str) -> None:
        assert_accessible(self.page, where)
        out_of_sight = self.page.evaluate(OUT_OF_SIGHT)
        assert out_of_sight == [], f"{where}: {out_of_sight}"

    def _take(self, picture: str) -> None:
        """Writes docs/images if UPDATE_PICTURES is set."""
        image = self.page.screenshot()
        if os.environ.get("UPDATE_PICTURES"):
            IMAGES.mkdir(exist_ok=True)
            (IMAGES / f"{picture}.png").write_bytes(image)
