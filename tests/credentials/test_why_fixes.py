"""*Why did my call fail?*: how to fix each refusal, and for whom."""

import re
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from credentials.actions.clients import resume_client
from credentials.models import (
    Application,
    JwtCredential,
)
from credentials.wording import end_in_words
from tests import api, cast
from tests.api import PRODUCTION
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import asked
from tests.credentials.scenes import Scene, code_of, demote, fixes, forbid, narrow, revoke, suspend


class TestFixes:
    """People who can fix it get a link. Others read whom to ask."""

    def test_an_app_that_is_not_allowed_can_be_added_to_the_credential(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        narrow(scene)
        response = scene.exchange()
        own = reverse("my_credentials:detail", args=[scene.credential.pk])
        through = reverse(
            "developer_credentials:detail", args=[scene.rebels.luke.user_id, scene.credential.pk]
        )
        text = "Add the app to the credential."
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {text: own}
        assert fixes(asked(sign_in(scene.rebels.han), response)) == {text: through}
        assert fixes(asked(sign_in(scene.rebels.c3po), response)) == {
            f"{text} Ask Luke Example.": ""
        }

    def test_only_its_provider_can_make_a_private_app_public(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        theirs = api.app(partners.lobot)
        response = api.exchange(theirs, scene.jwt)
        assert code_of(response) == "JWT-105"
        page = asked(sign_in(scene.rebels.luke), response)
        [text] = fixes(page)
        assert text.startswith("The app is private and belongs to another organization.")
        # The app's name is secret, unlike the client ID that the request sent.
        assert page.context["explanation"].app == theirs.client_id

    def test_a_suspended_client_can_be_resumed(self, scene: Scene, sign_in: SignIn) -> None:
        suspend(scene)
        response = scene.exchange()
        url = reverse("credentials:application", args=[scene.app.application.pk])
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {"Resume the client ID.": url}
        assert fixes(asked(sign_in(scene.rebels.c3po), response)) == {
            "Resume the client ID. Ask the app’s owner: Luke Example.": ""
        }

    def test_a_wrong_secret_can_be_replaced(self, scene: Scene, sign_in: SignIn) -> None:
        response = api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                            api.basic(scene.app.client_id, "wrong"))  # fmt: skip
        page = asked(sign_in(scene.rebels.luke), response)
        assert page.context["explanation"].headline == "The client secret is wrong"
        assert list(fixes(page).values()) == [
            reverse("credentials:replace_client_secret",
                    args=[scene.app.application.pk, "sandbox"])
        ]  # fmt: skip

    def test_a_client_of_the_other_environment_has_one_for_this_environment(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        response = api.exchange(scene.app, scene.jwt, environment=PRODUCTION)
        page = asked(sign_in(scene.rebels.luke), response)
        assert page.context["explanation"].cause == (
            "This is the app’s sandbox client ID, but the request went to production."
        )
        assert list(fixes(page)) == ["Use the production client ID of the app."]

    def test_a_missing_scope_can_be_added_to_the_app(self, scene: Scene, sign_in: SignIn) -> None:
        Application.objects.update(scopes=[])
        response = scene.call()
        url = reverse("credentials:application_settings", args=[scene.app.application.pk])
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            "Add the scope ReadAccounts to the app, then get a new token.": url
        }

    def test_an_administrator_can_grant_a_missing_user_permission(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        response = scene.call("PUT", "/account/~/business-address")
        text = "Give Luke Example a user role that has EditCompanyInfo."
        url = reverse("accounts:change_extension", args=[scene.credential.extension_id])
        assert fixes(asked(sign_in(scene.rebels.leia), response)) == {text: url}
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            f"{text} Ask an account administrator: Leia Example.": ""
        }

    def test_an_owner_who_cannot_authenticate_has_a_fix_for_each_reason(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        demote(scene)
        scene.credential.extension.user.is_active = False
        scene.credential.extension.user.save()
        scene.credential.extension.status = "disabled"
        scene.credential.extension.save()
        response = scene.exchange()
        luke = scene.rebels.luke.user_id
        assert fixes(asked(sign_in(scene.rebels.leia), response)) == {
            "Reactivate Luke Example.": reverse("organization:reactivate", args=[luke]),
            "Give Luke Example the console role Developer or higher.": reverse(
                "organization:change_role", args=[luke]
            ),
            "Enable the sandbox account of Luke Example.": reverse(
                "accounts:change_extension", args=[scene.credential.extension_id]
            ),
        }

    def test_a_policy_is_met_by_another_credential_or_changed(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        forbid(scene)
        response = scene.exchange()
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            "Create a credential that the policy allows.": reverse("my_credentials:create"),
            "Change the organization policy. Ask an account administrator: Leia Example.": "",
        }
        assert (
            reverse("organization:policy", args=["sandbox"])
            in fixes(asked(sign_in(scene.rebels.leia), response)).values()
        )

    def test_a_credential_of_the_other_environment_needs_a_sandbox_account(
        self, rebels: Rebels, sign_in: SignIn
    ) -> None:
        app = api.app(rebels.lando)
        response = api.exchange(app, cast.credential(rebels.lando, environment=PRODUCTION).encode())
        assert code_of(response) == "JWT-104"
        found = fixes(asked(sign_in(rebels.lando), response))
        assert found["Create a sandbox account, then a sandbox credential."] == reverse(
            "accounts:sandbox_account"
        )

    def test_a_revoked_credential_shows_who_revoked_it_when_and_why(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        scene.tokens = scene.exchange().json()
        revoke(scene)
        scene.credential.refresh_from_db()
        said = end_in_words(scene.credential)
        assert re.fullmatch(
            r"Luke Example revoked it on \w{3} \d+, \d{4}, \d\d:\d\d UTC: “Lost”\.", said
        )
        browser = sign_in(scene.rebels.luke)
        assert asked(browser, scene.exchange()).context["explanation"].cause == said
        assert asked(browser, scene.call()).context["explanation"].cause == (
            f"{said} Access tokens from this credential no longer work."
        )

    def test_an_expired_credential_shows_when_it_expired(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        expires_at = timezone.now() - timedelta(minutes=1)
        JwtCredential.objects.update(expires_at=expires_at)
        scene.credential.refresh_from_db()
        cause = asked(sign_in(scene.rebels.luke), scene.exchange()).context["explanation"].cause
        assert cause == (
            f"It expired on {expires_at:%b} {expires_at.day}, {expires_at:%Y, %H:%M} UTC."
        )

    def test_a_refusal_shows_whether_it_was_fixed_since_then(
        self, scene: Scene, sign_in: SignIn
    ) -> None:
        suspend(scene)
        response = scene.call()
        browser = sign_in(scene.rebels.luke)
        before = asked(browser, response).context["explanation"]
        assert (before.passes_now, before.now) == (
            False, "This request would still fail: client authentication failed.",
        )  # fmt: skip
        resume_client(scene.app.client, actor=scene.rebels.luke.user, origin=cast.ORIGIN)
        page = asked(browser, response)
        assert page.context["explanation"].passes_now
        # What fixed it is no advice any more.
        assert page.context["explanation"].fixes == []
        assert before.fixes != []
        assert "Fixed since this request" in page.content.decode()
