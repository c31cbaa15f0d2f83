"""Rotates while programs exchange over HTTP. Nothing fails before the old credential ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from core.background import BackgroundWriter
from core.moments import day_in_words
from credentials.models import Client, JwtCredential, Rotation
from credentials.oauth.client_auth import former_secret_uses
from tests import cast
from tests.browser.conftest import Check, SignInPage
from tests.browser.exchange import error_code, exchange
from tests.conftest import Rebels

PAUSE = 0.05  # seconds between two exchanges of one program


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


class Running:
    """A program that keeps exchanging, and the answers that it got."""

    def __init__(self, call: Callable[[], dict[str, Any]]) -> None:
        self._call, self._stop = call, threading.Event()
        self.answers: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self.answers.append(self._call())

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [answer for answer in list(self.answers) if "access_token" not in answer]

    def wait_for(self, more: int) -> None:
        """Wait until it has made this many more exchanges."""
        enough = len(self.answers) + more
        for _ in range(400):
            if len(self.answers) >= enough:
                return
            threading.Event().wait(PAUSE)
        raise AssertionError("The program has stopped.")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def running(call: Callable[[], dict[str, Any]]) -> Iterator[Running]:
    program = Running(call)
    program.start()
    try:
        program.wait_for(2)
        yield program
    finally:
        program.stop()


def check_both_widths(page: Page, accessible: Check, where: str) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        accessible(f"{where} at {width}")


@pytest.mark.slow
def test_a_credential_is_rotated_without_an_outage(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke))
    old = cast.credential(rebels.luke, label="Nightly jobs")
    old_jwt, base_url = old.encode(), f"{console}/sandbox"
    page = sign_in_page(rebels.luke)
    with running(lambda: exchange(base_url, client.client_id, secret, old_jwt)) as program:
        page.goto(f"{console}/console/my-credentials/{old.pk}")
        page.get_by_role("link", name="Rotate").click()
        expect(page.get_by_label("Label")).to_have_value("Nightly jobs")
        check_both_widths(page, accessible, "the form Rotate")
        page.get_by_label("Label").fill("Nightly jobs 2027")
        page.get_by_label("1 hour").check()
        page.get_by_label("On a specific date").check()
        expect(page.get_by_label("Date (UTC)", exact=True)).to_be_visible()
        page.get_by_label("In 7 days").check()
        page.get_by_role("button", name="Create replacement").click()
        new_jwt = page.locator("#jwt").inner_text().replace("\n", "").strip()
        page.get_by_role("link", name="View the rotation").click()
        expect(page.get_by_text("Waiting for the first use of the replacement")).to_be_visible()
        expect(page.get_by_role("row", name="Falcon Dialer")).to_contain_text(
            "Uses the old credential"
        )
        check_both_widths(page, accessible, "the rotation before the first use")
        program.wait_for(2)

        # The first server uses the replacement, and the others still use the old credential.
        assert "access_token" in exchange(base_url, client.client_id, secret, new_jwt)
        BackgroundWriter.flush_all()
        page.reload()
        expect(page.get_by_text("from 127.0.0.1")).to_be_visible()
        expect(page.get_by_text("An app used the replacement for the first time")).to_be_visible()
        check_both_widths(page, accessible, "the rotation after the first use")
        program.wait_for(2)
        later = (timezone.now() + timedelta(days=3)).date()
        page.get_by_label("Last day (UTC)").fill(f"{later}")
        page.get_by_role("button", name="Extend").click()
        expect(
            page.get_by_text(f"now works until {day_in_words(later)}, 23:59 UTC")
        ).to_be_visible()
        program.wait_for(2)
        page.goto(f"{console}/console/my-credentials")
        expect(page.get_by_role("link", name="Replaces Nightly jobs")).to_be_visible()
        page.get_by_role("link", name="Being replaced, ends").click()
        page.get_by_role("link", name="Undo").click()
        expect(page.get_by_text("used the replacement, last on")).to_be_visible()
        check_both_widths(page, accessible, "the page Undo")
        page.get_by_role("link", name="Keep both").click()
        page.get_by_role("link", name="Finish now").click()
        check_both_widths(page, accessible, "the page Finish")
        program.wait_for(2)
        assert program.failures == []

        page.get_by_role("button", name="Revoke the old credential").click()
        expect(page.get_by_text("Rotation finished. Nightly jobs no longer works.")).to_be_visible()
        program.wait_for(4)
        assert {error_code(answer) for answer in program.failures} == {"JWT-102"}
        assert program.answers[-1] in program.failures
    assert "access_token" in exchange(base_url, client.client_id, secret, new_jwt)
    page.goto(f"{console}/console/my-credentials/{old.pk}")
    expect(page.get_by_text("replaced it on")).to_be_visible()
    accessible("the page of a replaced credential")
    assert JwtCredential.objects.get(pk=old.pk).status == "replaced"
    assert not Rotation.objects.get().is_open()


def test_a_client_secret_is_replaced_without_an_outage(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    application = cast.application(rebels.luke)
    client, old_secret = cast.client(application)
    jwt, base_url = cast.credential(rebels.luke).encode(), f"{console}/sandbox"
    page = sign_in_page(rebels.luke)
    with running(lambda: exchange(base_url, client.client_id, old_secret, jwt)) as program:
        page.goto(f"{console}/console/apps/{application.pk}")
        page.get_by_role("link", name="Replace the sandbox client secret").click()
        expect(page.get_by_label("In 24 hours")).to_be_checked()
        page.get_by_label("In 1 hour").check()
        check_both_widths(page, accessible, "the page Replace client secret")
        page.get_by_role("button", name="Replace client secret").click()
        new_secret = page.get_by_text("cs_").first.inner_text().strip()
        expect(page.get_by_text("The previous one works until")).to_be_visible()
        check_both_widths(page, accessible, "the page with the new secret")
        program.wait_for(3)
        assert "access_token" in exchange(base_url, client.client_id, new_secret, jwt)
        former_secret_uses.flush()
        page.get_by_role("link", name="Go to the app").click()
        expect(page.get_by_text("Still in use. Last used on")).to_be_visible()
        expect(page.get_by_text("from 127.0.0.1")).to_be_visible()
        check_both_widths(page, accessible, "the app with two secrets")
        page.get_by_role("link", name="Revoke it now").click()
        expect(page.get_by_text("It’s still in use.")).to_be_visible()
        check_both_widths(page, accessible, "the page Revoke the previous client secret")
        program.wait_for(2)
        assert program.failures == []

        page.get_by_role("button", name="Revoke the previous secret").click()
        expect(page.get_by_text("You revoked the previous client secret.")).to_be_visible()
        program.wait_for(4)
        assert {error_code(answer) for answer in program.failures} == {"OAU-146"}
    assert "access_token" in exchange(base_url, client.client_id, new_secret, jwt)
    assert Client.objects.get(pk=client.pk).former_secret_digest == ""
