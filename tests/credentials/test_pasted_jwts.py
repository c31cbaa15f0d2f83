"""The dry run of a pasted JWT, which says nothing to people who can't see the credential."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from core.background import BackgroundWriter
from credentials.actions.clients import suspend_client
from credentials.models import (
    Refusal,
)
from tests import api, cast
from tests.api import PRODUCTION
from tests.conftest import Partners, SignIn
from tests.credentials.refusing import WHY, marks
from tests.credentials.rotating import HOUR, end_at
from tests.credentials.scenes import (
    Change,
    Scene,
    expire,
    fixes,
    forbid,
    narrow,
    revoke,
    settings,
    suspend,
)


class TestDryRun:
    """The dry run is useful to the owner, and tells other people nothing."""

    def paste(self, browser: Browser, jwt: str, client_id: str) -> Any:
        response = browser.post(WHY, {"jwt": jwt, "client_id": client_id})
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
        return response

    def test_the_owner_sees_every_check(self, scene: Scene, sign_in: SignIn) -> None:
        browser = sign_in(scene.rebels.luke)
        page = self.paste(browser, f"  {scene.jwt}\n", scene.app.client_id)
        assert page.context["dry_run"].passes
        assert {result for result, _ in marks(page)} == {"pass"}
        revoke(scene)
        page = self.paste(browser, scene.jwt, scene.app.client_id)
        assert [title for result, title in marks(page) if result == "fail"] == [
            "The credential hasn’t been revoked"
        ]
        assert reverse("my_credentials:create") in fixes(page).values()

    @pytest.mark.parametrize(
        ("change", "title"),
        [
            (suspend, "The client ID is active and the client secret is right"),
            (settings(uses_jwt_flow=False), "The app uses the JWT auth flow"),
            (expire, "The credential hasn’t expired"),
            (narrow, "The app is allowed to use the credential"),
            (forbid, "The organization policy allows the credential"),
        ],
    )
    def test_the_dry_run_shows_the_check_that_fails_now(
        self, scene: Scene, sign_in: SignIn, change: Change, title: str
    ) -> None:
        change(scene)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, scene.app.client_id)
        assert [found for result, found in marks(page) if result == "fail"] == [title]
        assert fixes(page)

    def test_a_jwt_of_the_other_environment_fails(self, scene: Scene, sign_in: SignIn) -> None:
        client, _ = cast.client(scene.app.application, PRODUCTION)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, client.client_id)
        assert page.context["dry_run"].cause == (
            "This is a sandbox credential, but the client ID is for production. The production "
            "base URL refuses the credential (JWT-104), and the sandbox base URL refuses the "
            "client ID (OAU-146)."
        )

    def test_an_unknown_client_id_fails(self, scene: Scene, sign_in: SignIn) -> None:
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, "A" * 22)
        assert not page.context["dry_run"].passes
        assert page.context["dry_run"].headline == "No app has this client ID"
        assert ("pass", "The credential hasn’t been revoked") in marks(page)
        end_at(scene.credential, timezone.now() - HOUR)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, "A" * 22)
        assert ("fail", "The credential hasn’t been revoked") in marks(page)
        assert "This credential was replaced and stopped working on" in page.content.decode()

    def test_an_access_token_is_not_a_credential(self, scene: Scene, sign_in: SignIn) -> None:
        token = scene.tokens["access_token"]
        page = self.paste(sign_in(scene.rebels.luke), token, scene.app.client_id)
        assert page.context["dry_run"].headline == "This is an access token, not a credential"

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda jwt: jwt.replace(".", "", 1), "This one has 2"),
            (lambda jwt: jwt[:-5], "has 81 characters"),
            (lambda jwt: f"Bearer {jwt}", "the word Bearer"),
            (lambda jwt: f'"{jwt}"', "quotation marks"),
            (lambda jwt: jwt[:50] + "\n" + jwt[50:], "spaces or line breaks"),
            (lambda jwt: "x" + jwt, "aren’t readable"),
            (lambda jwt: jwt + "=", "base64url doesn’t use"),
            (lambda jwt: jwt * 20, "longer than 8000"),
        ],
    )
    def test_the_problem_of_a_malformed_string_is_named(
        self, scene: Scene, sign_in: SignIn, spoil: Callable[[str], str], problem: str
    ) -> None:
        page = self.paste(sign_in(scene.rebels.luke), spoil(scene.jwt), scene.app.client_id)
        assert problem in page.context["dry_run"].cause

    def test_other_people_get_the_same_page_for_a_forged_and_a_genuine_jwt(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        forged = scene.jwt[:-12] + ("A" * 12)
        own = api.app(partners.lobot)
        for person in (scene.rebels.lando, partners.lobot, scene.rebels.wedge):
            browser = sign_in(person)
            for client_id in (own.client_id, scene.app.client_id, "A" * 22):
                pages = [
                    browser.post(WHY, {"jwt": jwt, "client_id": client_id})
                    for jwt in (scene.jwt, forged)
                ]
                if person is scene.rebels.wedge:
                    assert [page.status_code for page in pages] == [403, 403]
                    continue
                trials = [page.context["dry_run"] for page in pages]
                assert trials[0] == trials[1]
                assert trials[0].headline == "You can’t see a credential for this JWT"
        # The page also looks the same for a client ID of others and for an unknown one.
        lobot = sign_in(partners.lobot)
        known, unknown = (
            self.paste(lobot, forged, client_id).context["dry_run"]
            for client_id in (scene.app.client_id, "A" * 22)
        )
        assert known == unknown

    def test_the_owner_of_the_app_sees_the_checks_of_the_app(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        own = api.app(partners.lobot)
        suspend_client(own.client, actor=partners.lobot.user, origin=cast.ORIGIN)
        page = self.paste(sign_in(partners.lobot), scene.jwt, own.client_id)
        assert ("fail", "The client ID is active and the client secret is right") in marks(page)
        assert "Resume the client ID." in fixes(page)

    def test_nothing_keeps_the_jwt_afterwards(
        self, scene: Scene, sign_in: SignIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = sign_in(scene.rebels.luke)
        for client_id in (scene.app.client_id, ""):
            response = browser.post(WHY, {"jwt": scene.jwt, "client_id": client_id})
            text = response.content.decode()
            assert scene.jwt not in text
            assert scene.jwt[-30:] not in text
        assert scene.jwt not in str(dict(browser.session))
        assert scene.jwt not in caplog.text
        BackgroundWriter.flush_all()
        assert not Refusal.objects.exists()
        # The form keeps the client ID, which is not a secret.
        assert (
            f'value="{scene.app.client_id}"'
            in browser.post(WHY, {"jwt": "", "client_id": scene.app.client_id}).content.decode()
        )

    def test_the_jwt_is_hidden_from_error_reports(self, scene: Scene, sign_in: SignIn) -> None:
        response = self.paste(sign_in(scene.rebels.luke), scene.jwt, scene.app.client_id)
        assert response.wsgi_request.sensitive_post_parameters == ("jwt",)
