"""Request IDs, the request log, and the activity of sessions."""

import re
from uuid import UUID

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from console.apis import KEPT_LENGTH, ApiMiddleware
from core import raw_secrets
from tests import api, cast
from tests.conftest import Rebels, SignIn

CLIENT_CHOICE = "chosen-by-the-client"


@pytest.mark.parametrize(
    "path", ["/account/login/", "/nothing", "/sandbox/restapi/v1.0/status", "/sandbox/restapi/x"]
)
def test_the_request_id_is_made_by_the_server(client: Client, db: None, path: str) -> None:
    response = client.get(path, headers={"X-Request-Id": CLIENT_CHOICE})
    assert str(UUID(response.headers["X-Request-Id"])) != CLIENT_CHOICE


def test_a_refusal_carries_a_request_id(db: None) -> None:
    response = api.post({"grant_type": "password"}, HTTP_X_REQUEST_ID=CLIENT_CHOICE)
    assert response.status_code == 400
    assert str(UUID(response.headers["X-Request-Id"])) != CLIENT_CHOICE


def test_the_log_holds_no_secret(rebels: Rebels, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    app = api.app(rebels.luke)
    jwt = cast.credential(rebels.luke).encode()
    token = api.exchange(app, jwt).json()["access_token"]
    api.exchange(app, f"{jwt}x")
    api.post({"grant_type": api.GRANT_TYPE}, app.authorization, query=f"?assertion={jwt}")
    api.call("GET", f"/account/~?access_token={token}", token)
    invitation = raw_secrets.generate("inv_")
    Client().get(f"/invitations/{invitation}")
    Client().get("/account/password/reset/key/abc-secretkey/")
    log = caplog.text
    assert len(re.findall("request_finished", log)) == 6
    for secret in (jwt, app.secret, token, invitation, "secretkey", "assertion=", "access_token="):
        assert secret not in log


def test_the_activity_of_a_session_is_noted_every_five_minutes(
    rebels: Rebels, sign_in: SignIn
) -> None:
    """It is noted at once when another browser or another address uses it."""

    def noted(**headers: str) -> bool:
        before = UserSession.objects.values_list("last_seen_at", flat=True).first()
        assert browser.get(reverse("dashboard"), **headers).status_code == 200  # type: ignore[arg-type]
        return UserSession.objects.get().last_seen_at != before  # type: ignore[no-any-return]

    browser = sign_in(rebels.luke)
    assert noted()
    assert not noted()
    assert noted(REMOTE_ADDR="192.0.2.7")
    assert UserSession.objects.get().ip == "192.0.2.7"
    assert noted(HTTP_USER_AGENT="another browser")
    assert not noted(HTTP_USER_AGENT="another browser")
    cache.clear()
    assert noted()


def test_the_record_of_a_session_does_not_contain_its_key(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    browser.get(reverse("dashboard"))
    session_key = UserSession.objects.get().session_key
    remembered = str(getattr(cache, "_cache", {}))
    assert "session-seen:" in remembered
    assert session_key not in remembered


def test_an_invented_session_key_gets_no_room_in_the_cache(db: None) -> None:
    """Otherwise invented keys could push out the counters of sign-in."""
    cache.clear()
    for path in (reverse("account_login"), reverse("live"), reverse("dashboard")):
        browser = Client()
        browser.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
        browser.get(path)
    assert getattr(cache, "_cache", {}) == {}


def test_a_session_takes_one_place_in_the_cache(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    for user_agent in ("one", "another", "a third"):
        browser.get(reverse("my_credentials:list"), headers={"User-Agent": user_agent})
    assert str(getattr(cache, "_cache", {})).count("session-seen:") == 1


def test_long_paths_are_not_kept_in_memory(db: None) -> None:
    """Each process keeps at most a thousand paths."""
    apis = ApiMiddleware(HttpResponse)
    requests = RequestFactory()
    for path in ("v1.0/status", "x" * KEPT_LENGTH, "y" * 60_000):
        answer = apis.answer(requests.get(f"/sandbox/restapi/{path}"))
        assert answer is not None
        assert answer.status_code in (200, 404)
    assert apis._match.cache_info().currsize == 1
