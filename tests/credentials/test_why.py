"""*Why did my call fail?*: every code by a real request, and the page itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from core.background import BackgroundWriter
from credentials.error_codes import AUTH_API, REST_API
from credentials.explain.requests import kind_of
from credentials.models import (
    Client,
    PermittedClient,
)
from credentials.oauth.checks import STATE_CHECK_NAMES
from tests import api
from tests.api import PRODUCTION
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import WHY, asked, failed, marks, recorded
from tests.credentials.scenes import (
    Change,
    Scene,
    at_limit,
    cap,
    code_of,
    demote,
    end_session,
    expire,
    fence,
    forbid,
    grant,
    in_production,
    narrow,
    nothing,
    outdated,
    pause,
    revoke,
    settings,
    suspend,
    used_twice,
)

EXCHANGES: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("CMN-101", "The request has the right format", nothing, grant(assertion="")),
    ("OAU-250", "The request has the right format", nothing, grant(grant_type="password")),
    ("OAU-111", "The request has the right format", nothing,
     lambda _: api.post([("grant_type", "a"), ("grant_type", "b")])),
    ("OAU-123", "The client ID is active and the client secret is right", nothing,
     lambda _: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"})),
    ("OAU-146", "The client ID is active and the client secret is right", nothing,
     lambda scene: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                            api.basic(scene.app.client_id, "wrong"))),
    ("OAU-146", "The client ID is active and the client secret is right", suspend,
     lambda scene: scene.exchange()),
    ("CMN-301", "The client ID is active and the client secret is right", nothing,
     lambda scene: at_limit(lambda: api.post({"grant_type": api.GRANT_TYPE, "assertion": "x"},
                                             api.basic(scene.app.client_id, "wrong")))),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.exchange)),
    ("OAU-251", "The app uses the JWT auth flow", settings(uses_jwt_flow=False),
     lambda scene: scene.exchange()),
    ("JWT-101", "This server signed the JWT", nothing, grant()),
    ("JWT-104", "The credential belongs to this environment", nothing, in_production),
    ("JWT-102", "The credential hasn’t been revoked", revoke, lambda scene: scene.exchange()),
    ("JWT-103", "The credential hasn’t expired", expire, lambda scene: scene.exchange()),
    ("JWT-109", "The credential isn’t paused", pause, lambda scene: scene.exchange()),
    ("JWT-105", "The app is allowed to use the credential", narrow,
     lambda scene: scene.exchange()),
    ("JWT-106", "The credential’s owner can authenticate", demote, lambda scene: scene.exchange()),
    ("JWT-107", "The organization policy allows the credential", forbid,
     lambda scene: scene.exchange()),
    ("JWT-107", "The app calls from an allowed network", fence, lambda scene: scene.exchange()),
    ("CMN-101", "The app has the requested app scopes", nothing,
     lambda scene: scene.exchange(scope="Accounts")),
    ("JWT-110", "The credential’s ceiling includes app scopes for the app", cap,
     lambda scene: scene.exchange()),
    ("CMN-101", "The credential’s ceiling includes app scopes for the app", cap,
     lambda scene: scene.exchange(scope="ReadAccounts")),
]  # fmt: skip
REFRESHES: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("OAU-251", "The app uses the JWT auth flow and refresh tokens",
     settings(issues_refresh_tokens=False), lambda scene: scene.refresh()),
    ("JWT-108", "The refresh token is valid and hasn’t been used", nothing,
     lambda scene: scene.refresh("rt_unknown")),
    ("JWT-108", "The refresh token is valid and hasn’t been used", end_session,
     lambda scene: scene.refresh()),
    ("JWT-108", "The refresh token is valid and hasn’t been used", nothing, used_twice),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.refresh)),
    ("JWT-102", "The credential hasn’t been revoked", revoke, lambda scene: scene.refresh()),
    ("JWT-107", "The app calls from an allowed network", fence, lambda scene: scene.refresh()),
]  # fmt: skip
CALLS: list[tuple[str, str, Change, Callable[[Scene], Any]]] = [
    ("OAU-123", "The call has an access token in its Authorization header", nothing,
     lambda _: api.call("GET", "/account/~")),
    ("CMN-101", "The call has an access token in its Authorization header", nothing,
     lambda _: api.call("GET", "/account/~?access_token=x")),
    ("OAU-149", "This server signed the access token", nothing,
     lambda scene: api.call("GET", "/account/~", scene.jwt)),
    ("OAU-149", "The access token belongs to this environment", nothing,
     lambda scene: api.call("GET", "/account/~", scene.tokens["access_token"],
                            environment=PRODUCTION)),
    ("OAU-210", "The access token hasn’t expired", nothing, outdated),
    ("OAU-213", "The token’s session hasn’t ended", end_session,
     lambda scene: scene.call()),
    ("OAU-213", "The client ID is active", suspend,
     lambda scene: scene.call()),
    ("OAU-213", "The credential hasn’t been revoked", revoke, lambda scene: scene.call()),
    ("OAU-213", "The credential hasn’t expired", expire, lambda scene: scene.call()),
    ("OAU-213", "The credential isn’t paused", pause, lambda scene: scene.call()),
    ("OAU-213", "The app is allowed to use the credential", narrow, lambda scene: scene.call()),
    ("OAU-213", "The credential’s owner can authenticate", demote, lambda scene: scene.call()),
    ("OAU-213", "The organization policy allows the credential", forbid,
     lambda scene: scene.call()),
    ("OAU-213", "The app calls from an allowed network", fence, lambda scene: scene.call()),
    ("CMN-301", "The user and the app are within their rate limit", nothing,
     lambda scene: at_limit(scene.call)),
    ("CMN-401", "The app has the app scope", settings(scopes=[]), lambda scene: scene.call()),
    ("CMN-401", "The credential’s ceiling includes the app scope", cap,
     lambda scene: scene.call()),
    ("CMN-408", "The user has the user permission", nothing,
     lambda scene: scene.call("PUT", "/account/~/business-address")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "title", "change", "request_"),
    [*EXCHANGES, *REFRESHES, *CALLS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_code_is_explained(
    scene: Scene, sign_in: SignIn, code: str, title: str, change: Change, request_: Change
) -> None:
    """Checks before the failed one passed, and those after it were not reached."""
    change(scene)
    response = request_(scene)
    assert code_of(response) == code
    page = asked(sign_in(scene.rebels.han), response)
    assert page.status_code == 200
    assert failed(page) == title
    assert [found for _, found in marks(page)] == titles_of(recorded(response).what)
    text = page.content.decode()
    assert f"HTTP {response.status_code}" in text
    assert code in text
    assert response["X-Request-Id"] in text
    assert page.context["explanation"].fixes
    assert "no-store" in page["Cache-Control"]


def test_the_codes_of_grants_are_all_tried() -> None:
    tried = {code for code, *_ in EXCHANGES + REFRESHES}
    # While the database is away, no request is refused: tests/scale/test_database_away.py.
    assert tried == {entry.code for entry in AUTH_API if entry.check is not None}


def titles_of(what: str) -> list[str]:
    kind = kind_of(what)
    return [kind.title(check) for check in kind.checks]


def test_each_kind_of_request_has_the_checks_on_state_in_their_order() -> None:
    for what in ("exchange", "refresh", "call", "verify"):
        found = [check for check in kind_of(what).checks if check in STATE_CHECK_NAMES]
        assert found == list(STATE_CHECK_NAMES)


def test_the_checks_of_an_exchange_are_in_the_order_of_the_contract() -> None:
    assert list(kind_of("exchange").checks) == [
        "request", "client", "limit", "flow", "signature", "environment", "revocation", "expiry",
        "pause", "app_access", "owner", "policy", "network", "scope", "ceiling", "audience",
        "permission",
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
    assert failed(page) == "The client ID is active and the client secret is right"
    assert recorded(response).path == f"/restapi/oauth/{endpoint}"


def test_a_refused_verify_is_explained(scene: Scene, sign_in: SignIn) -> None:
    revoke(scene)
    response = api.program().get(
        "/sandbox/restapi/oauth/verify",
        headers={"Authorization": f"Bearer {scene.tokens['access_token']}"},
    )
    assert response.status_code == 401
    assert failed(asked(sign_in(scene.rebels.luke), response)) == (
        "The credential hasn’t been revoked"
    )


@pytest.mark.parametrize("text", ["", "x" * 65, "a\x00b", "<script>"])
def test_any_text_can_be_a_request_id(rebels: Rebels, sign_in: SignIn, text: str) -> None:
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


def test_an_app_that_was_added_to_the_credential_passes_and_is_shown_as_fixed(
    scene: Scene, sign_in: SignIn
) -> None:
    """The token endpoint and the explanation read the same list of apps."""
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


def test_a_text_without_a_request_id_is_an_error_of_the_field(
    rebels: Rebels, sign_in: SignIn
) -> None:
    page = sign_in(rebels.luke).get(WHY, {"request_id": "JWT-103"})
    [message] = page.context["id_form"].errors["request_id"]
    assert message.startswith("We couldn’t find a request ID in this text.")
    assert 'value="JWT-103"' in page.content.decode()
    assert "we have nothing to explain" not in page.content.decode()
