"""Rate limits as programs meet them: headers, CMN-301, whom they count, and what they cost."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from throttled import utils as clock

from console.api.calls import CALLS
from core.shared_cache import OUTAGE
from credentials import throttle
from credentials.actions.signing_keys import current_signing_key
from credentials.models.signing_keys import KeyPurpose
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.api import SANDBOX
from tests.conftest import Rebels
from tests.house.sources import ROOT
from tests.plugins.environment import ENVIRONMENT
from tests.plugins.redis import RedisServer

OFF = {"Auth": None, "Heavy": None, "Medium": None, "Light": None}
WRONG = "cs_wrong"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Stop the clock. A test can move it."""
    at = [1_800_000_000.0]
    monkeypatch.setattr(clock, "now_ms", lambda: int(at[0] * 1000))
    monkeypatch.setattr(clock, "now_sec", lambda: int(at[0]))

    def move(seconds: float) -> None:
        at[0] += seconds

    OUTAGE.forget()
    yield move
    throttle.limiter.cache_clear()
    OUTAGE.forget()


@pytest.fixture
def limited(settings: Settings) -> None:
    settings.RATE_LIMITS = {"Auth": (3, 60), "Heavy": (2, 60), "Medium": (2, 60), "Light": (3, 60)}


def headers(response: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("X-Rate-Limit-") or name == "Retry-After"
    }


def rate(group: str, limit: int, remaining: int, **others: str) -> dict[str, str]:
    return {
        "X-Rate-Limit-Group": group,
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Window": "60",
    } | ({"Retry-After": others["retry_after"]} if others else {})


def message(limit: int, group: str, seconds: int) -> str:
    return (
        f"Too many requests: the limit is {limit} in 60 seconds "
        f"(group {group}). Try again in {seconds} seconds."
    )


TOO_MANY_EXCHANGES = api.oauth_error("temporarily_unavailable", "CMN-301", message(3, "Auth", 60))


def test_without_limits_answers_have_no_rate_limit_headers(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    response = api.exchange(app, credential.encode())
    assert headers(response) == {}
    assert headers(api.call("GET", "/account/~", response.json()["access_token"])) == {}


def test_exchanges_count_down_and_are_refused(
    limited: None, rebels: Rebels, now: Callable[[float], None]
) -> None:
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    for remaining in (2, 1, 0):
        granted = api.exchange(app, jwt)
        assert (granted.status_code, headers(granted)) == (200, rate("Auth", 3, remaining))
    refused = api.exchange(app, jwt)
    assert (refused.status_code, refused.json()) == (429, TOO_MANY_EXCHANGES)
    assert headers(refused) == rate("Auth", 3, 0, retry_after="60")
    assert refused["Cache-Control"] == "no-store"
    now(60.5)
    assert api.exchange(app, jwt).status_code == 200


def test_the_window_slides(limited: None, rebels: Rebels, now: Callable[[float], None]) -> None:
    """No burst of twice the limit around the turn of a minute."""
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    now(59)
    assert [api.exchange(app, jwt).status_code for _ in range(3)] == [200, 200, 200]
    now(2)
    assert [api.exchange(app, jwt).status_code for _ in range(3)] == [200, 429, 429]
    now(40)
    assert api.exchange(app, jwt).status_code == 200


def test_a_request_after_retry_after_is_accepted(
    limited: None, rebels: Rebels, now: Callable[[float], None]
) -> None:
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    now(47)
    while (refused := api.exchange(app, jwt)).status_code == 200:
        now(1)
    now(int(refused["Retry-After"]) + 0.01)
    assert api.exchange(app, jwt).status_code == 200


def test_each_user_and_each_app_has_its_own_limit(limited: None, rebels: Rebels) -> None:
    dialer, crane = api.app(rebels.luke), api.app(rebels.leia, name="Hangar Crane")
    lukes, leias = cast.credential(rebels.luke).encode(), cast.credential(rebels.leia).encode()
    while api.exchange(dialer, lukes).status_code == 200:
        pass
    assert headers(api.exchange(dialer, leias)) == rate("Auth", 3, 2)
    assert headers(api.exchange(crane, lukes)) == rate("Auth", 3, 2)


def test_a_limited_exchange_asks_the_database_for_the_client_only(
    limited: None, rebels: Rebels
) -> None:
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    while api.exchange(app, jwt).status_code == 200:
        pass
    with CaptureQueriesContext(connection) as queries:
        assert api.exchange(app, jwt).status_code == 429
    assert len(queries) == 1


def test_invented_users_do_not_multiply_the_limit(limited: None, rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    genuine = cast.credential(rebels.luke)
    current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    forged = [api.signed(genuine.claims | {"sub": str(9000 + n)}) for n in range(5)]
    answers = [api.exchange(app, jwt) for jwt in forged]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429, 429]
    assert headers(answers[0]) == rate("Auth", 3, 2)
    assert api.exchange(app, genuine.encode()).status_code == 200


def test_refreshes_count_for_the_user_and_rotate_nothing(limited: None, rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke, issues_refresh_tokens=True), cast.credential(rebels.luke)
    token = api.exchange(app, credential.encode()).json()["refresh_token"]

    def refresh() -> Any:
        return api.post({"grant_type": "refresh_token", "refresh_token": token}, app.authorization)

    for _ in range(2):
        token = refresh().json()["refresh_token"]
    refused = refresh()
    assert (refused.status_code, refused.json()) == (429, TOO_MANY_EXCHANGES)
    throttle.limiter.cache_clear()
    assert refresh().status_code == 200


def token_call(app: api.App, endpoint: str, token: str) -> Any:
    return api.program().generic(
        "POST",
        f"/sandbox/restapi/oauth/{endpoint}",
        f"token={token}",
        CONTENT_TYPE=api.FORM,
        HTTP_AUTHORIZATION=app.authorization,
    )


@pytest.mark.parametrize("endpoint", ["revoke", "introspect"])
def test_revocation_and_introspection_count(limited: None, rebels: Rebels, endpoint: str) -> None:
    app, credential = api.app(rebels.luke, issues_refresh_tokens=True), cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    throttle.limiter.cache_clear()
    answers = [token_call(app, endpoint, token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json() == TOO_MANY_EXCHANGES
    assert headers(answers[3]) == rate("Auth", 3, 0, retry_after="60")


def test_a_resource_server_introspects_without_limit(limited: None, rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    app.client.is_resource_server = True
    app.client.save(update_fields=["is_resource_server"])
    for _ in range(5):
        answer = token_call(app, "introspect", "whatever")
        assert (answer.json(), headers(answer)) == ({"active": False}, {})


def test_guessing_is_limited_and_the_right_secret_never_blocked(
    limited: None, rebels: Rebels
) -> None:
    app, jwt = (
        api.app(rebels.luke, issues_refresh_tokens=True),
        cast.credential(rebels.luke).encode(),
    )
    data = {"grant_type": api.GRANT_TYPE, "assertion": jwt}
    wrong = api.basic(app.client_id, WRONG)
    guesses = [api.post(data, wrong) for _ in range(5)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429, 429]
    assert headers(guesses[0]) == rate("Auth", 3, 2)
    assert guesses[3].json() == TOO_MANY_EXCHANGES
    # The client itself, from the same address; and others, and other addresses.
    assert api.exchange(app, jwt).status_code == 200
    assert api.post(data, api.basic("another", WRONG)).status_code == 401
    assert api.post(data, wrong, REMOTE_ADDR="192.0.2.77").status_code == 401
    # An IPv6 customer has a whole network.
    addresses = [f"2001:db8::{number}" for number in range(1, 5)]
    guesses = [api.post(data, wrong, REMOTE_ADDR=address) for address in addresses]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.view.__name__)
def test_each_call_counts_in_its_group(settings: Settings, rebels: Rebels, call: Any) -> None:
    settings.RATE_LIMITS = OFF | {call.group.value: (5, 60)}
    app = api.app(rebels.leia, scopes=["Accounts"])
    token = api.access_token(app, cast.credential(rebels.leia))
    path = call.path.format(account_id="~", extension_id="~")
    # Even a call with a wrong body or parameters has the headers of its limit.
    answer = api.call(call.method, path, token, b"{")
    assert headers(answer) == {**rate(call.group.value, 5, 4)}


def test_the_groups_are_those_of_the_contract() -> None:
    assert {(call.method, call.path): call.group.value for call in CALLS} == {
        ("GET", "/account/{account_id}"): "Light",
        ("GET", "/account/{account_id}/business-address"): "Light",
        ("PUT", "/account/{account_id}/business-address"): "Medium",
        ("GET", "/account/{account_id}/extension"): "Medium",
        ("GET", "/account/{account_id}/extension/{extension_id}"): "Light",
        ("PUT", "/account/{account_id}/extension/{extension_id}"): "Medium",
        ("GET", "/account/{account_id}/extension/{extension_id}/authz-profile"): "Medium",
        ("GET", "/account/{account_id}/extension/{extension_id}/authz-profile/check"): "Medium",
    }


def test_calls_are_refused_in_the_body_of_the_rest_api(limited: None, rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    token = api.access_token(app, cast.credential(rebels.luke))
    answers = [api.call("GET", "/account/~", token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json() == api.rest_error("CMN-301", message(3, "Light", 60))
    assert headers(answers[3]) == rate("Light", 3, 0, retry_after="60")
    # Groups do not share: the same token still makes calls of another one.
    assert api.call("GET", "/account/~/extension", token).status_code == 200


def test_refusals_are_counted_too(limited: None, rebels: Rebels) -> None:
    app = api.app(rebels.luke, scopes=["EditExtensions"])
    token = api.access_token(app, cast.credential(rebels.luke))
    refused = api.call("GET", "/account/~", token)
    assert (refused.status_code, headers(refused)) == (403, rate("Light", 3, 2))


def test_calls_without_a_token_are_not_limited(limited: None, rebels: Rebels) -> None:
    for path in ("", "/status"):
        assert {api.call("GET", path).status_code for _ in range(6)} == {200}


# --- The shared cache -----------------------------------------------------------------------------


@pytest.fixture
def shared(limited: None, settings: Settings, redis_server: RedisServer) -> RedisServer:
    settings.CACHES = {"default": {**CACHE, "LOCATION": redis_server.url}}
    throttle.limiter.cache_clear()
    return redis_server


CACHE = {
    "BACKEND": "core.shared_cache.ForgivingRedisCache",
    "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2},
}


COUNTER = """
import json, sys
import django
django.setup()
from credentials import throttle
found = [throttle.hit(throttle.LimitGroup.AUTH, "app", "user") for _ in range(20)]
print(json.dumps([state.retry_after is None for state in found]))
"""


def test_processes_count_together(redis_server: RedisServer) -> None:
    environment = ENVIRONMENT | {
        "CACHE_URL": redis_server.url,
        "DATABASE_URL": "sqlite://:memory:",
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "RATE_LIMIT_AUTH": "30/600",
        "PATH": "/usr/bin:/bin",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTER], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    passed = [json.loads(process.communicate()[0]) for process in processes]
    assert sum(map(sum, passed)) == 30


def test_a_limit_takes_one_cache_command_per_request(shared: RedisServer) -> None:
    throttle.hit(LimitGroup.AUTH, "warm")
    with shared.client() as client:
        client.config_resetstat()
        for _ in range(10):
            throttle.hit(LimitGroup.AUTH, "app", "user")
        asked = client.info("commandstats")
        names = [key.decode() for key in client.keys("*Auth*")]
    assert asked["cmdstat_evalsha"]["calls"] == 10
    # The rest is what the script does inside the server.
    assert set(asked) - {"cmdstat_config|resetstat", "cmdstat_info"} == {
        "cmdstat_evalsha",
        "cmdstat_get",
        "cmdstat_incrby",
        "cmdstat_set",
    }
    assert names
    assert not any("app" in name or "user" in name for name in names)


def test_the_cache_dies_and_comes_back(
    shared: RedisServer, rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, jwt = (
        api.app(rebels.luke, issues_refresh_tokens=True),
        cast.credential(rebels.luke).encode(),
    )
    while api.exchange(app, jwt).status_code == 200:
        pass
    shared.kill()
    with structlog.testing.capture_logs() as logs:
        started = time.monotonic()
        answers = [api.exchange(app, jwt) for _ in range(5)]
        assert time.monotonic() - started < 2
    # The process counts for itself, beginning with zero.
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert headers(answers[0]) == rate("Auth", 3, 2)
    assert [(log["event"], log["log_level"]) for log in logs if "cache" in log["event"]] == [
        ("shared_cache_away", "warning")
    ]
    shared.start()
    OUTAGE.forget()
    assert headers(api.exchange(app, jwt)) == rate("Auth", 3, 2)


def test_people_sign_in_and_guesses_are_limited_while_the_cache_is_away(
    shared: RedisServer, rebels: Rebels
) -> None:
    user = rebels.luke.user
    user.set_password(cast.PASSWORD)
    user.save(update_fields=["password"])
    shared.kill()
    started = time.monotonic()
    answer = Browser().post(
        "/account/login/", {"login": user.email, "password": cast.PASSWORD}, follow=True
    )
    assert time.monotonic() - started < 3
    assert answer.redirect_chain[0][0] == "/console/"
    wrong = {"login": user.email, "password": "wrong"}
    pages = [Browser().post("/account/login/", wrong).content.decode() for _ in range(6)]
    # The process counts guesses for itself.
    assert ["Too many attempts" in page for page in pages] == [False] * 5 + [True]
