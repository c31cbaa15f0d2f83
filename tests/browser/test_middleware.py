"""The middleware of examples/middleware, with tokens of the Auth API and keys over the network."""

import asyncio
import importlib.util
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import flask
import jwt as pyjwt
import pytest
from django.db import OperationalError
from django.http import JsonResponse
from django.test import RequestFactory
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from accounts.environments import Environment
from accounts.models import Extension
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose, SigningKeyQuerySet
from tests import api, cast
from tests.conftest import Rebels
from tests.platforms import MIXED, ORDERS_API, TRACKING_API, UsePlatform
from tests.plugins.node import install_npm_packages, node

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "middleware"
ROUTES = [
    ("/orders", "orders:read", "ViewOrders"),
    ("/anyone", "orders:read", ""),
    ("/changes", "orders:write", "ViewOrders"),
    ("/refunds", "orders:read", "IssueRefunds"),
]
INVALID = 'Bearer error="invalid_token"'
# The status, the challenge of a refusal, and the owner that the service found.
Answer = tuple[int, str, str]
Service = Callable[[str, str], Answer]


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@dataclass(frozen=True)
class Caller:
    app: api.App
    credential: JwtCredential

    def token(self, resource: str = "") -> str:
        return api.access_token(self.app, self.credential, resource=resource)

    def signed(self, token_type: str = "at+jwt", **changes: Any) -> str:
        """A token that the Auth API would issue at another moment, or never."""
        issued = pyjwt.decode(self.token(), options={"verify_signature": False})
        claims = {name: value for name, value in (issued | changes).items() if value is not None}
        return api.signed(claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type=token_type)


@pytest.fixture
def caller(console: str, rebels: Rebels, use_platform: UsePlatform) -> Caller:
    """An app that can read orders, and Luke, who can view them."""
    use_platform(MIXED)
    Extension.objects.filter(user=rebels.luke.user).update(user_role="support")
    app = api.app(rebels.luke, scopes=["orders:read"], issues_refresh_tokens=True)
    return Caller(app, cast.credential(rebels.luke))


# --- The services ---------------------------------------------------------------------------------


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def answer(status: int, headers: Mapping[str, str], body: Any) -> Answer:
    return status, headers.get("WWW-Authenticate", ""), body.get("owner", "")


def flask_service() -> Service:
    example, app = module("flask_middleware"), flask.Flask("orders")

    def view() -> dict[str, str]:
        return {"owner": flask.g.claims["sub"]}

    for path, scope, permission in ROUTES:
        app.add_url_rule(path, path, example.requires(scope, permission)(view))

    def call(path: str, authorization: str) -> Answer:
        response = app.test_client().get(path, headers={"Authorization": authorization})
        return answer(response.status_code, dict(response.headers), response.json)

    return call


def django_service() -> Service:
    requires = module("django_middleware").requires

    def view(request: Any) -> JsonResponse:
        return JsonResponse({"owner": request.claims["sub"]})

    views = {path: requires(scope, permission)(view) for path, scope, permission in ROUTES}

    def call(path: str, authorization: str) -> Answer:
        request = RequestFactory().get(path, headers={"Authorization": authorization})
        response = views[path](request)
        return answer(response.status_code, response.headers, json.loads(response.content))

    return call


def fastapi_service() -> Service:
    example, app = module("fastapi_middleware"), FastAPI()
    for path, scope, permission in ROUTES:
        needed = Depends(example.requires(scope, permission))

        def view(claims: dict[str, Any] = needed) -> dict[str, str]:
            return {"owner": claims["sub"]}

        app.get(path)(view)
    return asgi_service(app)


def starlette_service() -> Service:
    requires = module("fastapi_middleware").requires
    needed = {path: requires(scope, permission) for path, scope, permission in ROUTES}

    async def view(request: Request) -> JSONResponse:
        claims = await needed[request.url.path](request)
        return JSONResponse({"owner": claims["sub"]})

    async def refused(_request: Request, error: Any) -> JSONResponse:
        return JSONResponse({}, error.status_code, error.headers)

    routes = [Route(path, view) for path, *_ in ROUTES]
    return asgi_service(Starlette(routes=routes, exception_handlers={HTTPException: refused}))


def asgi_service(app: Any) -> Service:
    def call(path: str, authorization: str) -> Answer:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"",
                 "headers": [(b"authorization", authorization.encode())]}  # fmt: skip
        # Playwright keeps an event loop in this thread.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, app(scope, receive, send)).result()
        start, *rest = sent
        headers = {name.decode().title(): value.decode() for name, value in start["headers"]}
        headers["WWW-Authenticate"] = headers.get("Www-Authenticate", "")
        body = b"".join(message.get("body", b"") for message in rest)
        return answer(start["status"], headers, json.loads(body))

    return call


IN_PROCESS = {
    "django": django_service,
    "fastapi": fastapi_service,
    "flask": flask_service,
    "starlette": starlette_service,
}


@pytest.fixture(params=[*IN_PROCESS, "express"])
def service(
    request: pytest.FixtureRequest, console: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    monkeypatch.setenv("BASE_URL", f"{console}/sandbox")
    monkeypatch.setenv("AUDIENCE", ORDERS_API)
    if request.param in IN_PROCESS:
        yield IN_PROCESS[request.param]()
        return
    directory = install_npm_packages()
    for script in (EXAMPLES / "express_middleware.mjs", ROOT / "tests/clients/express_service.mjs"):
        (directory / script.name).write_text(script.read_text())
    process = subprocess.Popen(
        [node(), directory / "express_service.mjs"],
        env=os.environ | {"ROUTES": json.dumps(ROUTES)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        yield http_service(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        process.terminate()


def http_service(origin: str) -> Service:
    def call(path: str, authorization: str) -> Answer:
        request = HttpRequest(origin + path, headers={"Authorization": authorization})
        try:
            with urlopen(request, timeout=30) as response:
                return answer(response.status, dict(response.headers), json.load(response))
        except HTTPError as error:
            return answer(error.code, dict(error.headers), {})

    return call


# --- What they accept and refuse ------------------------------------------------------------------


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that someone fetched the keys."""
    found: list[str] = []
    published = SigningKeyQuerySet.published

    def counted(keys: SigningKeyQuerySet, environment: Environment) -> SigningKeyQuerySet:
        found.append(environment)
        return published(keys, environment)

    monkeypatch.setattr(SigningKeyQuerySet, "published", counted)
    return found


def test_the_middleware_verifies_tokens_offline(
    service: Service, caller: Caller, fetches: list[str]
) -> None:
    """It fetches the keys once, even if tokens name unknown keys."""

    def status(token: str, path: str = "/orders") -> int:
        return service(path, f"Bearer {token}")[0]

    accepted = 200, "", str(caller.credential.extension_id)
    token = caller.token()
    assert service("/orders", f"Bearer {token}") == accepted
    assert service("/anyone", f"bearer {token}") == accepted
    assert service("/orders", f"Bearer {caller.token(resource=ORDERS_API)}") == accepted
    assert status(token, "/changes") == 403
    assert status(token, "/refunds") == 403

    other_key = pyjwt.encode(
        pyjwt.decode(token, options={"verify_signature": False}),
        "a secret of at least thirty-two bytes",
        algorithm="HS256",
        headers={"typ": "at+jwt", "kid": pyjwt.get_unverified_header(token)["kid"]},
    )
    session = api.exchange(caller.app, caller.credential.encode()).json()
    refused = {
        "no token": "",
        "another scheme": f"Basic {token}",
        "another API": f"Bearer {caller.token(resource=TRACKING_API)}",
        "the REST API": f"Bearer {caller.token(resource=api.SANDBOX.urls.rest_api)}",
        "a credential": f"Bearer {caller.credential.encode()}",
        "a refresh token": f"Bearer {session['refresh_token']}",
        "garbage": "Bearer a.b.c",
        "a forged signature": f"Bearer {token[:-8]}AAAAAAAA",
        "another algorithm": f"Bearer {other_key}",
        "another type": f"Bearer {caller.signed(token_type='JWT')}",
        "another issuer": f"Bearer {caller.signed(iss=api.PRODUCTION.urls.base_url)}",
        "no entitlements": f"Bearer {caller.signed(entitlements=None)}",
    }
    answers = {name: service("/orders", authorization) for name, authorization in refused.items()}
    assert answers == dict.fromkeys(refused, (401, INVALID, ""))
    assert fetches == ["sandbox"]


def test_the_middleware_tolerates_clocks_that_differ_by_five_seconds(
    service: Service, caller: Caller
) -> None:
    """The clock of the service is ahead, behind, or far ahead."""
    service("/orders", f"Bearer {caller.token()}")
    now = int(time.time())
    ahead = service("/orders", f"Bearer {caller.signed(iat=now - 3605, exp=now - 5)}")
    behind = service("/orders", f"Bearer {caller.signed(iat=now + 5, exp=now + 3605)}")
    expired = service("/orders", f"Bearer {caller.signed(iat=now - 3660, exp=now - 60)}")
    assert (ahead[0], behind[0], expired) == (200, 200, (401, INVALID, ""))


def unreachable(*_args: object) -> None:
    raise OperationalError


def test_the_middleware_answers_503_while_it_has_no_keys(
    service: Service, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorization = f"Bearer {caller.token()}"
    with monkeypatch.context() as patch:
        patch.setattr(SigningKeyQuerySet, "published", unreachable)
        assert service("/orders", authorization) == (503, "", "")
    assert service("/orders", authorization)[0] == 200


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.*")), ids=lambda path: path.name)
def test_the_middleware_has_at_most_forty_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
