"""Unmodified clients of other vendors run the whole cycle over the network.

These are the vendor's SDK for JavaScript and two strict OAuth clients: oauth4webapi from npm and
Authlib from PyPI.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwk, jwt
from joserfc.jwt import JWTClaimsRegistry

from credentials.models import Client
from tests import cast
from tests.browser.exchange import GRANT_TYPE, call, error_code
from tests.conftest import Rebels
from tests.plugins.node import run_script

CLIENTS = Path(__file__).parent.parent / "clients"


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@pytest.fixture
def app(rebels: Rebels) -> tuple[Client, str]:
    application = cast.application(rebels.luke, scopes=["EditAccounts"], issues_refresh_tokens=True)
    return cast.client(application)


@pytest.fixture
def environment(console: str, app: tuple[Client, str], rebels: Rebels) -> dict[str, str]:
    client, secret = app
    return {
        "BASE_URL": f"{console}/sandbox",
        "CLIENT_ID": client.client_id,
        "CLIENT_SECRET": secret,
        "JWT": cast.credential(rebels.luke).encode(),
    }


def seen_by(script: str, environment: dict[str, str]) -> Any:
    done = run_script(CLIENTS / script, environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_vendors_javascript_sdk_runs_the_whole_cycle(environment: dict[str, str]) -> None:
    assert seen_by("vendor_sdk.mjs", environment) == {
        "account": "Confirmed",
        "refreshed": True,
        "email": "luke@rebels.example",
        "refused": [403, "CMN-408", "EditCompanyInfo"],
        "ended": [401, "OAU-213"],
    }


def test_oauth4webapi_runs_the_whole_cycle(environment: dict[str, str]) -> None:
    cycle = {
        "subject": True,
        "status": 200,
        "active": [True, False],
        "sub": True,
        "rotated": True,
        "refused": ["ResponseBodyError", 400, "invalid_grant"],
    }
    assert seen_by("strict_client.mjs", environment) == {
        "grants": [GRANT_TYPE, "refresh_token"],
        "ClientSecretBasic": cycle,
        "ClientSecretPost": cycle,
        "challenge": ["WWWAuthenticateChallengeError", "bearer", "invalid_token"],
    }


@pytest.fixture
def _http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib requires https, which the test server doesn't support."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "true")


@pytest.mark.usefixtures("_http_on_loopback")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_runs_the_whole_cycle(environment: dict[str, str], method: str) -> None:
    base_url = environment["BASE_URL"]
    origin, path = base_url.removesuffix("/sandbox"), urlsplit(base_url).path
    metadata = requests.get(
        f"{origin}/.well-known/oauth-authorization-server{path}", timeout=10
    ).json()
    session = OAuth2Session(
        environment["CLIENT_ID"],
        environment["CLIENT_SECRET"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    token = session.fetch_token(
        metadata["token_endpoint"], grant_type=GRANT_TYPE, assertion=environment["JWT"]
    )
    assert session.get(f"{base_url}/restapi/v1.0/account/~").json()["status"] == "Confirmed"

    keys = jwk.KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    decoded = jwt.decode(token["access_token"], keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": f"{base_url}/restapi"},
        client_id={"essential": True, "value": environment["CLIENT_ID"]},
        sub={"essential": True, "value": token["owner_id"]},
        exp={"essential": True},
    ).validate(decoded.claims)

    found = session.introspect_token(metadata["introspection_endpoint"], token["access_token"])
    assert found.json()["active"] is True
    refreshed = session.refresh_token(metadata["token_endpoint"], token["refresh_token"])
    assert refreshed["refresh_token"] != token["refresh_token"]
    revoked = session.revoke_token(metadata["revocation_endpoint"], refreshed["refresh_token"])
    assert revoked.status_code == 200
    body = call(f"{base_url}/restapi/v1.0/account/~", refreshed["access_token"])
    assert error_code(body) == "OAU-213"
