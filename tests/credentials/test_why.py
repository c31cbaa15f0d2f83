"""*Why did my call fail?*: each code by a real request, who sees what of it, the dry run."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import ConsoleRole
from core.background import BackgroundWriter
from credentials import jose
from credentials.actions.clients import resume_client, suspend_client
from credentials.error_codes import AUTH_API, REST_API
from credentials.explain.walks import EXCHANGE, WALKS
from credentials.models import (
    Application,
    Client,
    EndedSession,
    JwtCredential,
    PermittedClient,
    Policy,
    Refusal,
)
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.checks import CHECKS
from credentials.throttle import LimitGroup
from credentials.wording import end_in_words
from tests import api, cast
from tests.api import PRODUCTION, App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import WHY, asked, failed, marks, recorded
from tests.credentials.rotating import HOUR, end_at

ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


@dataclass
class Scene:
    """Luke's app and Luke's credential, and the tokens that came of them."""

    rebels: Rebels
    app: App
    credential: JwtCredential
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def jwt(self) -> str:
        return self.credential.encode()

    def exchange(self, scope: str = "") -> Any:
        return api.exchange(self.app, self.jwt, scope=scope)

    def refresh(self, refresh_token: str = "", **extra: Any) -> Any:
        token = refresh_token or self.tokens["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return api.post(form, self.app.authorization, **extra)

    def call(self, method: str = "GET", path: str = "/account/~", **extra: Any) -> Any:
        return api.call(method, path, self.tokens["access_token"], **extra)


@pytest.fixture
def scene(rebels: Rebels) -> Scene:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    scene = Scene(rebels, app, cast.credential(rebels.luke))
    scene.tokens = scene.exchange().json()
    return scene


Change = Callable[[Scene], Any]


def revoke(scene: Scene) -> None:
    JwtCredential.objects.update(
        revoked_at=timezone.now(), revoked_by=scene.rebels.luke.user, revoked_reason="Lost"
    )


def expire(scene: Scene) -> None:
    JwtCredential.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    scene.credential = JwtCredential.objects.select_related("extension", "signing_key").get()


def narrow(scene: Scene) -> None:
    JwtCredential.objects.update(app_access="specific")


def demote(scene: Scene) -> None:
    Membership.objects.filter(pk=scene.rebels.luke.pk).update(role=ConsoleRole.NO_ACCESS)


def forbid(scene: Scene) -> None:
    Policy.objects.create(
        organization=scene.rebels.organization, environment="sandbox", all_apps_allowed=False
    )


def fence(scene: Scene) -> None:
    JwtCredential.objects.update(allowed_networks=["192.0.2.0/24"])


def suspend(scene: Scene) -> None:
    suspend_client(scene.app.client, actor=scene.rebels.luke.user, origin=cast.ORIGIN)


def settings(**values: Any) -> Change:
    def change(scene: Scene) -> None:
        Application.objects.update(**values)

    return change


def nothing(scene: Scene) -> None:
    pass


def end_session(scene: Scene) -> None:
    EndedSession.objects.create(
        session_id=scene.tokens["endpoint_id"], forget_after=timezone.now() + timedelta(days=9)
    )


def used_twice(scene: Scene) -> Any:
    first = scene.tokens["refresh_token"]
    second = scene.refresh(first).json()["refresh_token"]
    scene.refresh(second)
    return scene.refresh(first)


def outdated(scene: Scene) -> Any:
    at = int(timezone.now().timestamp())
    token = api.signed(
        claims_of(scene.tokens["access_token"]) | {"iat": at - 999, "exp": at - 1},
        purpose=KeyPurpose.ACCESS_TOKEN,
        token_type=jose.ACCESS_TOKEN_TYPE,
    )
    return api.call("GET", "/account/~", token)


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def in_production(scene: Scene) -> Any:
    client, secret = cast.client(scene.app.application, PRODUCTION)
    return api.exchange(App(scene.app.application, client, secret), scene.jwt,
                        environment=PRODUCTION)  # fmt: skip


def at_limit(request: Callable[[], Any]) -> Any:
    """The second of two requests where the window has room for one."""
    with override_settings(RATE_LIMITS=dict.fromkeys(LimitGroup, (1, 60))):
        request()
        return request()


def grant(**form: str) -> Callable[[Scene], Any]:
    return lambda scene: api.post(
        {"grant_type": api.GRANT_TYPE, "assertion": "x"} | form, scene.app.authorization
    )


EXCHANGES: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("CMN-101", "The request has the right shape", nothing, grant(assertion="")),
    ("OAU-250", "The request has the right shape", nothing, grant(grant_type="password")),
    ("OAU-111", "The request has the right shape", nothing,
     lambda _: api.post([("grant_type", "a"), ("grant_type", "b")])),
    ("OAU-123", "The client is known and active here, and its secret is right", nothing,
     lambda _: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"})),
    ("OAU-146", "The client is known and active here, and its secret is right", nothing,
     lambda scene: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                            api.basic(scene.app.client_id, "wrong"))),
    ("OAU-146", "The client is known and active here, and its secret is right", suspend,
     lambda scene: scene.exchange()),
    ("CMN-301", "The client is known and active here, and its secret is right", nothing,
     lambda scene: at_limit(lambda: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                                             api.basic(scene.app.client_id, "wrong")))),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.exchange)),
    ("OAU-251", "The app uses the JWT auth flow", settings(uses_jwt_flow=False),
     lambda scene: scene.exchange()),
    ("JWT-101", "The signature and the claims are ours", nothing, grant()),
    ("JWT-104", "The credential is of this environment", nothing, in_production),
    ("JWT-102", "The credential has not been revoked", revoke, lambda scene: scene.exchange()),
    ("JWT-103", "The credential has not expired", expire, lambda scene: scene.exchange()),
    ("JWT-105", "The app is permitted to use the credential", narrow,
     lambda scene: scene.exchange()),
    ("JWT-106", "The owner may authenticate", demote, lambda scene: scene.exchange()),
    ("JWT-107", "The organization's policy allows it", forbid, lambda scene: scene.exchange()),
    ("JWT-107", "The app calls from an allowed network", fence, lambda scene: scene.exchange()),
    ("CMN-101", "The app has the scope", nothing,
     lambda scene: scene.exchange(scope="Accounts")),
]  # fmt: skip
REFRESHES: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("OAU-251", "The app uses the JWT auth flow and issues refresh tokens",
     settings(issues_refresh_tokens=False), lambda scene: scene.refresh()),
    ("JWT-108", "The refresh token stands and is used for the first time", nothing,
     lambda scene: scene.refresh("rt_unknown")),
    ("JWT-108", "The refresh token stands and is used for the first time", end_session,
     lambda scene: scene.refresh()),
    ("JWT-108", "The refresh token stands and is used for the first time", nothing, used_twice),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.refresh)),
    ("JWT-102", "The credential has not been revoked", revoke, lambda scene: scene.refresh()),
    ("JWT-107", "The app calls from an allowed network", fence, lambda scene: scene.refresh()),
]  # fmt: skip
CALLS: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("OAU-123", "The call carries an access token in its Authorization header", nothing,
     lambda _: api.call("GET", "/account/~")),
    ("CMN-101", "The call carries an access token in its Authorization header", nothing,
     lambda _: api.call("GET", "/account/~?access_token=x")),
    ("OAU-149", "The access token is one of ours", nothing,
     lambda scene: api.call("GET", "/account/~", scene.jwt)),
    ("OAU-149", "The access token is of this environment", nothing,
     lambda scene: api.call("GET", "/account/~", scene.tokens["access_token"],
                            environment=PRODUCTION)),
    ("OAU-210", "The access token has not expired", nothing, outdated),
    ("OAU-213", "The session that the token belongs to has not ended", end_session,
     lambda scene: scene.call()),
    ("OAU-213", "The app's client ID is active in this environment", suspend,
     lambda scene: scene.call()),
    ("OAU-213", "The credential has not been revoked", revoke, lambda scene: scene.call()),
    ("OAU-213", "The credential has not expired", expire, lambda scene: scene.call()),
    ("OAU-213", "The app is permitted to use the credential", narrow, lambda scene: scene.call()),
    ("OAU-213", "The owner may authenticate", demote, lambda scene: scene.call()),
    ("OAU-213", "The organization's policy allows it", forbid, lambda scene: scene.call()),
    ("OAU-213", "The app calls from an allowed network", fence, lambda scene: scene.call()),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.call)),
    ("CMN-401", "The app has the scope", settings(scopes=[]), lambda scene: scene.call()),
    ("CMN-408", "The user has the permission", nothing,
     lambda scene: scene.call("PUT", "/account/~/business-address")),
]  # fmt: skip


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["errorCode"])


@pytest.mark.parametrize(
    ("code", "title", "change", "request_"),
    [*EXCHANGES, *REFRESHES, *CALLS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_code_is_explained(
    scene: Scene, sign_in: SignIn, code: str, title: str, change: Change, request_: Change
) -> None:
    """Those before the check that failed are ticked, those after it were not reached."""
    change(scene)
    response = request_(scene)
    assert code_of(response) == code
    page = asked(sign_in(scene.rebels.han), response)
    assert page.status_code == 200
    assert failed(page) == title
    assert [found for _, found in marks(page)] == list(WALKS[recorded(response).what].values())
    text = page.content.decode()
    assert f"HTTP {response.status_code}" in text
    assert code in text
    assert response["X-Request-Id"] in text
    assert page.context["explanation"].fixes
    assert "no-store" in page["Cache-Control"]


def test_every_code_of_a_right_is_in_the_tables_above() -> None:
    tried = {code for code, *_ in EXCHANGES + REFRESHES}
    # A database that is away refuses nobody: tests/scale/test_database_away.py.
    assert tried == {entry.code for entry in AUTH_API if entry.check is not None}
    assert {code for code, *_ in CALLS} == {
        entry.code for entry in REST_API if entry.check is not None
    }


def test_the_explainer_walks_the_checks_of_the_apis() -> None:
    state = [check.title for check in CHECKS]
    for walk in ("exchange", "refresh", "call", "verify"):
        titles = list(WALKS[walk].values())
        assert [title for title in titles if title in state] == state
    assert list(EXCHANGE) == [
        "request", "client", "limit", "flow", "signature", "environment", "revocation", "expiry",
        "app_access", "owner", "policy", "network", "scope", "permission",
    ]  # fmt: skip


@pytest.mark.parametrize("endpoint", ["revoke", "introspect"])
def test_requests_about_tokens_are_explained(scene: Scene, sign_in: SignIn, endpoint: str) -> None:
    response = api.program().post(
        f"/sandbox/restapi/oauth/{endpoint}",
        "token=x",
        content_type=api.FORM,
        headers={"Authorization": api.basic(scene.app.client_id, "wrong")},
    )
    assert response.status_code == 401
    page = asked(sign_in(scene.rebels.luke), response)
    assert failed(page) == "The client is known and active here, and its secret is right"
    assert recorded(response).path == f"/restapi/oauth/{endpoint}"


def test_a_question_of_a_proxy_is_explained(scene: Scene, sign_in: SignIn) -> None:
    revoke(scene)
    response = api.program().get(
        "/sandbox/restapi/oauth/verify",
        headers={"Authorization": f"Bearer {scene.tokens['access_token']}"},
    )
    assert response.status_code == 401
    assert failed(asked(sign_in(scene.rebels.luke), response)) == (
        "The credential has not been revoked"
    )


def fixes(page: Any) -> dict[str, str]:
    shown = page.context.get("explanation") or page.context["trial"]
    return {fix.text: fix.url for fix in shown.fixes}


class TestFixes:
    """A link for whoever may do it, a name for whoever may not."""

    def test_the_allow_list(self, scene: Scene, sign_in: SignIn) -> None:
        narrow(scene)
        response = scene.exchange()
        own = reverse("my_credentials:detail", args=[scene.credential.pk])
        through = reverse(
            "developer_credentials:detail", args=[scene.rebels.luke.user_id, scene.credential.pk]
        )
        text = "Add the app to the credential's list."
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {text: own}
        assert fixes(asked(sign_in(scene.rebels.han), response)) == {text: through}
        assert fixes(asked(sign_in(scene.rebels.c3po), response)) == {
            f"{text} Ask Luke Example.": ""
        }

    def test_a_private_app_of_others_is_their_business(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        theirs = api.app(partners.lobot)
        response = api.exchange(theirs, scene.jwt)
        assert code_of(response) == "JWT-105"
        page = asked(sign_in(scene.rebels.luke), response)
        [text] = fixes(page)
        assert text.startswith("The app is private and of another organization.")
        # Its name is not for everyone; the client ID that was presented is.
        assert page.context["explanation"].app == theirs.client_id

    def test_a_suspended_client(self, scene: Scene, sign_in: SignIn) -> None:
        suspend(scene)
        response = scene.exchange()
        url = reverse("credentials:application", args=[scene.app.application.pk])
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {"Resume the client ID.": url}
        assert fixes(asked(sign_in(scene.rebels.c3po), response)) == {
            "Resume the client ID. Ask the app's owner: Luke Example.": ""
        }

    def test_a_wrong_secret(self, scene: Scene, sign_in: SignIn) -> None:
        response = api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                            api.basic(scene.app.client_id, "wrong"))  # fmt: skip
        page = asked(sign_in(scene.rebels.luke), response)
        assert page.context["explanation"].headline == "The client secret is wrong"
        assert list(fixes(page).values()) == [
            reverse("credentials:replace_client_secret",
                    args=[scene.app.application.pk, "sandbox"])
        ]  # fmt: skip

    def test_a_client_of_the_other_environment(self, scene: Scene, sign_in: SignIn) -> None:
        response = api.exchange(scene.app, scene.jwt, environment=PRODUCTION)
        page = asked(sign_in(scene.rebels.luke), response)
        assert page.context["explanation"].cause == (
            "This is the app's sandbox client ID, and the request went to production."
        )
        assert list(fixes(page)) == ["Use the production client ID of the app."]

    def test_a_scope(self, scene: Scene, sign_in: SignIn) -> None:
        Application.objects.update(scopes=[])
        response = scene.call()
        url = reverse("credentials:application_settings", args=[scene.app.application.pk])
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            "Add the scope ReadAccounts to the app, then get a new token.": url
        }

    def test_a_user_permission(self, scene: Scene, sign_in: SignIn) -> None:
        response = scene.call("PUT", "/account/~/business-address")
        text = "Give Luke Example a user role that has EditCompanyInfo."
        url = reverse("accounts:change_extension", args=[scene.credential.extension_id])
        assert fixes(asked(sign_in(scene.rebels.leia), response)) == {text: url}
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            f"{text} Ask an account administrator: Leia Example.": ""
        }

    def test_an_owner(self, scene: Scene, sign_in: SignIn) -> None:
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

    def test_a_policy(self, scene: Scene, sign_in: SignIn) -> None:
        forbid(scene)
        response = scene.exchange()
        assert fixes(asked(sign_in(scene.rebels.luke), response)) == {
            "Create a credential that the policy allows.": reverse("my_credentials:create"),
            "Change the organization's policy. Ask an account administrator: Leia Example.": "",
        }
        assert (
            reverse("organization:policy", args=["sandbox"])
            in fixes(asked(sign_in(scene.rebels.leia), response)).values()
        )

    def test_the_other_environment(self, rebels: Rebels, sign_in: SignIn) -> None:
        app = api.app(rebels.lando)
        response = api.exchange(app, cast.credential(rebels.lando, environment=PRODUCTION).encode())
        assert code_of(response) == "JWT-104"
        found = fixes(asked(sign_in(rebels.lando), response))
        assert found["Create a sandbox account, then a sandbox credential."] == reverse(
            "accounts:sandbox_account"
        )

    def test_who_revoked_it_when_and_why(self, scene: Scene, sign_in: SignIn) -> None:
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
            f"{said} No access token that came of it works."
        )

    def test_when_it_expired(self, scene: Scene, sign_in: SignIn) -> None:
        expires_at = timezone.now() - timedelta(minutes=1)
        JwtCredential.objects.update(expires_at=expires_at)
        scene.credential.refresh_from_db()
        cause = asked(sign_in(scene.rebels.luke), scene.exchange()).context["explanation"].cause
        assert cause == (
            f"It expired on {expires_at:%b} {expires_at.day}, {expires_at:%Y, %H:%M} UTC."
        )

    def test_whether_it_is_mended_by_now(self, scene: Scene, sign_in: SignIn) -> None:
        suspend(scene)
        response = scene.call()
        browser = sign_in(scene.rebels.luke)
        before = asked(browser, response).context["explanation"]
        assert (before.passes_now, before.now) == (
            False, "It would fail now as well: the client could not be authenticated.",
        )  # fmt: skip
        resume_client(scene.app.client, actor=scene.rebels.luke.user, origin=cast.ORIGIN)
        page = asked(browser, response)
        assert page.context["explanation"].passes_now
        assert "Mended by now" in page.content.decode()


class TestWhoSeesWhat:
    """Each side its own; who is of neither side, as if there were nothing."""

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

    def test_the_credentials_side(self, shared: Scene, partners: Partners, sign_in: SignIn) -> None:
        revoke(shared)
        response = shared.exchange()
        assert code_of(response) == "JWT-102"
        found = self.explanations(response, shared, partners, sign_in)
        for person in ("owner", "dev_admin", "auditor"):
            assert found[person].headline == "The credential has been revoked"
            assert found[person].credential == "Contractor Key of Luke Example"
            assert found[person].app == "Cloud City Connect"
            assert found[person].app_url == ""
        assert found["teammate"] is None
        theirs = found["app_owner"]
        assert theirs.headline == "The credential's side refused; ask its owner"
        assert theirs.credential == "somebody else's credential"
        assert theirs.app == "Cloud City Connect"
        # What the app was answered, it may read here again; and nothing more.
        assert theirs.message == "This credential has been revoked."
        assert theirs.cause == ""
        assert theirs.fixes == []
        assert [(step.result, step.title) for step in theirs.steps] == [
            ("pass", "The request has the right shape"),
            ("pass", "The client is known and active here, and its secret is right"),
            ("pass", "The user and the app are within their rate limit"),
            ("pass", "The app uses the JWT auth flow"),
            ("fail", "The credential's side"),
            ("skip", "The app has the scope"),
            ("skip", "The credential's side"),
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
        assert theirs.message == "The access token has been revoked."
        assert "The owner may authenticate" not in [step.title for step in theirs.steps]

    def test_the_apps_side(self, shared: Scene, partners: Partners, sign_in: SignIn) -> None:
        shared.tokens = shared.exchange().json()
        Application.objects.update(scopes=[])
        response = shared.call()
        assert code_of(response) == "CMN-401"
        found = self.explanations(response, shared, partners, sign_in)
        for person in ("owner", "dev_admin", "auditor"):
            assert found[person].headline == "The app's side refused; ask its owner"
            assert (found[person].message, found[person].cause, found[person].fixes) == ("", "", [])
        assert found["teammate"] is None
        assert found["app_owner"].headline == "The app lacks the scope ReadAccounts"

    def test_unknown_and_not_yours_are_one_page(self, shared: Scene, sign_in: SignIn) -> None:
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
        for words in ("some seconds ago", "older than 14 days", "no refusal", "not yours"):
            assert words in pages[0]

    def test_a_refusal_of_nobody_tells_what_the_caller_was_told(
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
        for name in ("headline", "cause", "message", "app", "credential", "steps", "fixes", "now"):
            assert getattr(known, name) == getattr(unknown, name)


class TestLists:
    def test_each_page_lists_its_own(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        luke = sign_in(scene.rebels.luke)
        theirs = api.app(partners.lobot, is_public=True)
        credential_page = reverse("my_credentials:detail", args=[scene.credential.pk])
        app_page = reverse("credentials:application", args=[scene.app.application.pk])
        for page in (credential_page, app_page):
            assert "was refused in the last 14 days" in luke.get(page).content.decode()
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
        assert "The user lacks the permission EditCompanyInfo" in text
        lobot = sign_in(partners.lobot)
        their_page = reverse("credentials:application", args=[theirs.application.pk])
        assert ids(their_page, lobot) == [allow_list]
        their_text = lobot.get(their_page).content.decode()
        assert "The credential&#x27;s side refused; ask its owner" in their_text
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


class TestDryRun:
    """A pasted JWT: useful to whoever it belongs to, silent to everybody else."""

    def paste(self, browser: Browser, jwt: str, client_id: str) -> Any:
        response = browser.post(WHY, {"jwt": jwt, "client_id": client_id})
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
        return response

    def test_the_owner_learns_everything(self, scene: Scene, sign_in: SignIn) -> None:
        browser = sign_in(scene.rebels.luke)
        page = self.paste(browser, f"  {scene.jwt}\n", scene.app.client_id)
        assert page.context["trial"].passes
        assert {result for result, _ in marks(page)} == {"pass", "skip"}
        revoke(scene)
        page = self.paste(browser, scene.jwt, scene.app.client_id)
        assert [title for result, title in marks(page) if result == "fail"] == [
            "The credential has not been revoked"
        ]
        assert reverse("my_credentials:create") in fixes(page).values()

    @pytest.mark.parametrize(
        ("change", "title"),
        [
            (suspend, "The app's client ID is active in this environment"),
            (settings(uses_jwt_flow=False), "The app uses the JWT auth flow"),
            (expire, "The credential has not expired"),
            (narrow, "The app is permitted to use the credential"),
            (forbid, "The organization's policy allows it"),
        ],
    )
    def test_what_fails_now(
        self, scene: Scene, sign_in: SignIn, change: Change, title: str
    ) -> None:
        change(scene)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, scene.app.client_id)
        assert [found for result, found in marks(page) if result == "fail"] == [title]
        assert fixes(page)

    def test_the_other_environment(self, scene: Scene, sign_in: SignIn) -> None:
        client, _ = cast.client(scene.app.application, PRODUCTION)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, client.client_id)
        assert page.context["trial"].cause == (
            "This is a sandbox credential, and the client ID is of the other environment."
        )

    def test_a_client_id_of_nobody(self, scene: Scene, sign_in: SignIn) -> None:
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, "A" * 22)
        assert not page.context["trial"].passes
        assert page.context["trial"].headline == "No app has this client ID"
        assert ("pass", "The credential has not been revoked") in marks(page)
        end_at(scene.credential, timezone.now() - HOUR)
        page = self.paste(sign_in(scene.rebels.luke), scene.jwt, "A" * 22)
        assert ("fail", "The credential has not been revoked") in marks(page)
        assert "This credential has been replaced." in page.content.decode()

    def test_an_access_token_is_no_credential(self, scene: Scene, sign_in: SignIn) -> None:
        token = scene.tokens["access_token"]
        page = self.paste(sign_in(scene.rebels.luke), token, scene.app.client_id)
        assert page.context["trial"].headline == "This is an access token, not a credential"

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda jwt: jwt.replace(".", "", 1), "this has 2"),
            (lambda jwt: jwt[:-5], "has 81 characters"),
            (lambda jwt: f"Bearer {jwt}", "the word Bearer"),
            (lambda jwt: f'"{jwt}"', "quotation marks"),
            (lambda jwt: jwt[:50] + "\n" + jwt[50:], "spaces or line breaks"),
            (lambda jwt: "x" + jwt, "not readable"),
            (lambda jwt: jwt + "=", "base64url does not have"),
            (lambda jwt: jwt * 20, "longer than 4096"),
        ],
    )
    def test_what_is_wrong_with_a_string(
        self, scene: Scene, sign_in: SignIn, spoil: Callable[[str], str], problem: str
    ) -> None:
        page = self.paste(sign_in(scene.rebels.luke), spoil(scene.jwt), scene.app.client_id)
        assert problem in page.context["trial"].cause

    def test_forged_and_genuine_are_one_page_to_everybody_else(
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
                trials = [page.context["trial"] for page in pages]
                assert trials[0] == trials[1]
                assert trials[0].headline == "This is no credential that you may see"
        # Nor does it tell a client ID of others from one that nobody has.
        lobot = sign_in(partners.lobot)
        known, unknown = (
            self.paste(lobot, forged, client_id).context["trial"]
            for client_id in (scene.app.client_id, "A" * 22)
        )
        assert known == unknown

    def test_the_app_owner_learns_of_the_app(
        self, scene: Scene, partners: Partners, sign_in: SignIn
    ) -> None:
        own = api.app(partners.lobot)
        suspend_client(own.client, actor=partners.lobot.user, origin=cast.ORIGIN)
        page = self.paste(sign_in(partners.lobot), scene.jwt, own.client_id)
        assert ("fail", "The app's client ID is active in this environment") in marks(page)
        assert "Resume the client ID." in fixes(page)

    def test_the_jwt_is_nowhere_afterwards(
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
        # What is no secret, is not lost.
        assert (
            f'value="{scene.app.client_id}"'
            in browser.post(WHY, {"jwt": "", "client_id": scene.app.client_id}).content.decode()
        )

    def test_it_is_hidden_from_error_reports(self, scene: Scene, sign_in: SignIn) -> None:
        response = self.paste(sign_in(scene.rebels.luke), scene.jwt, scene.app.client_id)
        assert response.wsgi_request.sensitive_post_parameters == ("jwt",)


@pytest.mark.parametrize("text", ["", "x" * 65, "a\x00b", "<script>"])
def test_any_text_as_request_id(rebels: Rebels, sign_in: SignIn, text: str) -> None:
    response = sign_in(rebels.luke).get(WHY, {"request_id": text})
    assert response.status_code == 200
    assert "<script>" not in response.content.decode().replace("<script src", "")


def test_the_page_of_error_codes_is_public(client: Browser, db: None) -> None:
    response = client.get("/docs/errors")
    assert response.status_code == 200
    text = response.content.decode()
    for entry in (*AUTH_API, *REST_API):
        assert text.count(f'id="{entry.code}"') == 1
        assert entry.code in text


def test_error_bodies_link_to_their_code(scene: Scene) -> None:
    refused = grant()(scene)
    assert refused.json()["error_uri"] == "http://localhost:8000/docs/errors#JWT-101"
    assert refused["Link"] == '<http://localhost:8000/docs/errors#JWT-101>; rel="help"'
    call = api.call("GET", "/account/~")
    assert call["Link"] == '<http://localhost:8000/docs/errors#OAU-123>; rel="help"'
    assert set(call.json()) == {"errorCode", "message", "errors"}
    assert scene.call(path="/account/1")["Link"].startswith("<http://localhost:8000/docs/errors#")


def test_permitted_client_rows_decide_in_both_worlds(scene: Scene, sign_in: SignIn) -> None:
    """Mended on the credential's page, the same call passes and the explainer says so."""
    narrow(scene)
    response = scene.exchange()
    PermittedClient.objects.create(
        credential=scene.credential, client=Client.objects.get(pk=scene.app.client.pk)
    )
    assert asked(sign_in(scene.rebels.luke), response).context["explanation"].passes_now
    assert scene.exchange().status_code == 200


@pytest.mark.parametrize("around", ["X-Request-Id: {}", "  {}\n", "< x-request-id: {}\r", "id={};"])
def test_the_request_id_is_found_in_what_was_pasted(
    scene: Scene, sign_in: SignIn, around: str
) -> None:
    revoke(scene)
    response = scene.exchange()
    BackgroundWriter.flush_all()
    pasted = around.format(response["X-Request-Id"].upper())
    page = sign_in(scene.rebels.luke).get(WHY, {"request_id": pasted})
    assert page.context["explanation"].headline == "The credential has been revoked"


def test_what_holds_no_request_id_is_said_beside_the_field(rebels: Rebels, sign_in: SignIn) -> None:
    page = sign_in(rebels.luke).get(WHY, {"request_id": "JWT-103"})
    [message] = page.context["id_form"].errors["request_id"]
    assert message.startswith("There is no request ID in this.")
    assert 'value="JWT-103"' in page.content.decode()
    assert "nothing to explain" not in page.content.decode()
