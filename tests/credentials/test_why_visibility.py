"""*Why did my call fail?*: what each person sees of a refusal, on its page and in lists."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.background import BackgroundWriter
from credentials.models import (
    Application,
)
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import WHY, asked
from tests.credentials.scenes import Scene, code_of, demote, revoke


class TestWhoSeesWhat:
    """Each side sees its own checks. For people of neither side the request does not exist."""

    @pytest.fixture
    def shared(self, rebels: Rebels, partners: Partners) -> Scene:
        """Luke's credential, permitted for the partners' public app."""
        app = api.app(partners.lobot, name="Cloud City Connect", is_public=True)
        return Scene(rebels, app, cast.credential(rebels.luke, clients=[app.client]))

    def explanations(
        self, response: Any, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> dict[str, Any]:
        people = {
            "owner": scene.rebels.luke,
            "teammate": scene.rebels.lando,
            "dev_admin": scene.rebels.han,
            "auditor": scene.rebels.c3po,
            "app_owner": partners.lobot,
        }
        return {
            name: asked(sign_in(person), response).context["explanation"]
            for name, person in people.items()
        }

    def test_the_side_of_the_credential_sees_its_checks(
        self, shared: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        revoke(shared)
        response = shared.exchange()
        assert code_of(response) == "JWT-102"
        found = self.explanations(response, shared, partners, sign_in)
        for person in ("owner", "dev_admin", "auditor"):
            assert found[person].headline == "The credential has been revoked"
            assert found[person].credential == "Contractor Key (Luke Example)"
            assert found[person].app == "Cloud City Connect"
            assert found[person].app_url == ""
        assert found["teammate"] is None
        theirs = found["app_owner"]
        assert theirs.headline == "A check of the credential failed. Ask the credential’s owner."
        assert theirs.credential == "a credential that you can’t see"
        assert theirs.app == "Cloud City Connect"
        # The app's side can read the answer that the app got, and nothing more.
        assert theirs.message == "This credential has been revoked. Use another credential."
        assert theirs.cause == ""
        assert theirs.fixes == []
        assert [(row.result, row.title) for row in theirs.checks] == [
            ("pass", "The request has the right format"),
            ("pass", "The client ID is active and the client secret is right"),
            ("pass", "The user and the app are within their rate limit"),
            ("pass", "The app uses the JWT auth flow"),
            ("fail", "Checks of the credential"),
            ("skip", "The app has the requested app scopes"),
            ("skip", "Checks of the credential"),
            ("skip", "The resource is an API of this platform"),
            ("skip", "Checks of the credential"),
        ]

    def test_nothing_of_the_credential_is_on_the_app_owners_page(
        self, shared: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        revoke(shared)
        text = asked(sign_in(partners.lobot), shared.exchange()).content.decode()
        for word in ("Contractor Key", "Luke", "Rebel Alliance", "Lost", str(shared.credential.pk)):
            assert word not in text

    def test_a_call_that_the_credential_stops_has_no_reason_for_the_app(
        self, shared: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        shared.tokens = shared.exchange().json()
        demote(shared)
        response = shared.call()
        assert code_of(response) == "OAU-213"
        theirs = asked(sign_in(partners.lobot), response).context["explanation"]
        assert theirs.message.startswith("This access token no longer works: it was revoked, or ")
        assert "The credential’s owner can authenticate" not in [row.title for row in theirs.checks]

    def test_the_side_of_the_app_sees_its_checks(
        self, shared: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        shared.tokens = shared.exchange().json()
        Application.objects.update(scopes=[])
        response = shared.call()
        assert code_of(response) == "CMN-401"
        found = self.explanations(response, shared, partners, sign_in)
        for person in ("owner", "dev_admin", "auditor"):
            assert found[person].headline == "A check of the app failed. Ask the app’s owner."
            assert (found[person].message, found[person].cause, found[person].fixes) == ("", "", [])
        assert found["teammate"] is None
        assert found["app_owner"].headline == "The app doesn’t have the app scope ReadAccounts"

    def test_an_unknown_request_and_one_of_others_get_the_same_page(
        self, shared: Scene, sign_in: SignIn
    ) -> None:
        revoke(shared)
        browser = sign_in(shared.rebels.lando)
        theirs = asked(browser, shared.exchange())
        nobodys = browser.get(WHY, {"request_id": theirs.context["request_id"][:-4] + "0000"})
        pages = [
            re.sub(
                r'name="csrfmiddlewaretoken" value="\w+"',
                "",
                page.content.decode().replace(page.context["request_id"], ""),
            )
            for page in (theirs, nobodys)
        ]
        assert pages[0] == pages[1]
        for words in (
            "only seconds old",
            "older than 14 days",
            "wasn’t refused",
            "can’t see this request",
        ):
            assert words in pages[0]

    def test_a_refusal_without_authentication_shows_only_the_answer(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        """A wrong secret and an unknown client ID look the same to everyone but the app's side."""
        pages = []
        for client_id in (scene.app.client_id, "A" * 22):
            response = api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                                api.basic(client_id, "wrong"))  # fmt: skip
            page = asked(sign_in(partners.lobot), response)
            explanation = page.context["explanation"]
            assert explanation.app == ""
            assert not explanation.shows_address
            pages.append(explanation)
        known, unknown = pages
        for name in ("headline", "cause", "message", "app", "credential", "checks", "fixes", "now"):
            assert getattr(known, name) == getattr(unknown, name)


class TestLists:
    def test_each_page_lists_its_own_refusals(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        luke = sign_in(scene.rebels.luke)
        theirs = api.app(partners.lobot, is_public=True)
        credential_page = reverse("my_credentials:detail", args=[scene.credential.pk])
        app_page = reverse("credentials:application", args=[scene.app.application.pk])
        for page in (credential_page, app_page):
            assert "The APIs haven’t refused any requests" in luke.get(page).content.decode()
        refused = [
            scene.call("PUT", "/account/~/business-address"),
            api.exchange(theirs, scene.jwt),
            api.exchange(scene.app, "x.y.z"),
        ]
        BackgroundWriter.flush_all()

        def ids(page: str, browser: Browser = luke) -> list[str]:
            lines = browser.get(page).context["refusals"]
            return [line.refusal.request_id for line in lines]

        permission, allow_list, forged = (response["X-Request-Id"] for response in refused)
        assert ids(credential_page) == [allow_list, permission]
        assert ids(app_page) == [forged, permission]
        text = luke.get(credential_page).content.decode()
        assert f"{WHY}?request_id={permission}" in text
        assert "The user doesn’t have the user permission EditCompanyInfo" in text
        lobot = sign_in(partners.lobot)
        their_page = reverse("credentials:application", args=[theirs.application.pk])
        assert ids(their_page, lobot) == [allow_list]
        their_text = lobot.get(their_page).content.decode()
        assert "A check of the credential failed. Ask the credential’s owner." in their_text
        assert "Luke" not in their_text

    def test_the_list_is_capped_and_costs_one_query(self, scene: Scene, sign_in: SignIn) -> None:
        browser = sign_in(scene.rebels.luke)
        page = reverse("my_credentials:detail", args=[scene.credential.pk])
        for count in (1, 24):
            for _ in range(count):
                scene.call("PUT", "/account/~/business-address")
            BackgroundWriter.flush_all()
            with CaptureQueriesContext(connection) as queries:
                response = browser.get(page)
            asks = [each for each in queries if 'FROM "credentials_refusal"' in each["sql"]]
            assert len(asks) == 1
            assert len(response.context["refusals"]) == min(count, 20)
