"""Environments whose base URLs have hosts of their own."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Program
from django.test import override_settings

import console.urls  # noqa: F401 - mounts the paths of the usual base URLs, before these tests
from accounts.environments import Environment
from credentials import jose
from credentials.models import SigningKey
from tests import api, cast
from tests.conftest import Rebels

SANDBOX_HOST = "platform.sandbox.example.com"
PRODUCTION_HOST = "platform.example.com"


@pytest.fixture(autouse=True)
def _hosts() -> Iterator[None]:
    with override_settings(
        SANDBOX_BASE_URL=f"https://{SANDBOX_HOST}",
        PRODUCTION_BASE_URL=f"https://{PRODUCTION_HOST}/v2",
        ALLOWED_HOSTS=[SANDBOX_HOST, PRODUCTION_HOST, "localhost"],
    ):
        yield


def exchange(app: api.App, jwt: str, host: str, path: str) -> Any:
    # The middleware reads the base URLs when the server starts: a new program is a new server.
    return Program().post(
        path,
        f"grant_type={api.GRANT_TYPE}&assertion={jwt}",
        content_type=api.FORM,
        HTTP_HOST=host,
        HTTP_AUTHORIZATION=app.authorization,
    )


def test_the_sandbox_is_served_at_the_root_of_its_host(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    credential = cast.credential(rebels.luke)
    assert credential.claims["iss"] == f"https://{SANDBOX_HOST}"
    assert credential.claims["aud"] == f"https://{SANDBOX_HOST}/restapi/oauth/token"
    granted = exchange(app, credential.encode(), SANDBOX_HOST, "/restapi/oauth/token").json()
    token = granted["access_token"]
    key = SigningKey.objects.get(kid=jose.parse_token(token).kid)
    claims = jose.verify(token, jwk=key.public_jwk, token_type=jose.ACCESS_TOKEN_TYPE)
    assert claims["aud"] == f"https://{SANDBOX_HOST}/restapi"
    account = Program().get(
        "/restapi/v1.0/account/~",
        headers={"Authorization": f"Bearer {token}", "Host": SANDBOX_HOST},
    )
    assert account.json()["uri"].startswith(f"https://{SANDBOX_HOST}/restapi/v1.0/account/")


def test_production_is_served_below_a_path_of_its_host(rebels: Rebels) -> None:
    app = api.app(rebels.luke, environment=Environment.PRODUCTION)
    jwt = cast.credential(rebels.luke, environment=Environment.PRODUCTION).encode()
    assert exchange(app, jwt, PRODUCTION_HOST, "/v2/restapi/oauth/token").status_code == 200
    assert exchange(app, jwt, PRODUCTION_HOST, "/restapi/oauth/token").status_code == 404


WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    ("host", "path", "issuer"),
    [
        (SANDBOX_HOST, WELL_KNOWN, f"https://{SANDBOX_HOST}"),
        (PRODUCTION_HOST, f"{WELL_KNOWN}/v2", f"https://{PRODUCTION_HOST}/v2"),
        (PRODUCTION_HOST, f"/v2{WELL_KNOWN}", f"https://{PRODUCTION_HOST}/v2"),
    ],
)
def test_metadata_and_keys_are_at_the_addresses_of_their_issuer(
    db: None, host: str, path: str, issuer: str
) -> None:
    """RFC 8414 §3 inserts it between host and path of the issuer. Many clients append it."""
    found = Program().get(path, headers={"Host": host}).json()
    assert found["issuer"] == issuer
    assert found["jwks_uri"] == f"{issuer}/restapi/oauth/jwks"
    keys = Program().get(found["jwks_uri"].removeprefix(f"https://{host}"), headers={"Host": host})
    assert keys.json().keys() == {"keys"}
    for other in {SANDBOX_HOST, PRODUCTION_HOST, "localhost"} - {host}:
        assert Program().get(path, headers={"Host": other}).status_code == 404


def test_each_host_serves_only_its_environment(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    jwt = cast.credential(rebels.luke).encode()
    crossed = exchange(app, jwt, PRODUCTION_HOST, "/v2/restapi/oauth/token")
    assert crossed.json()["errors"][0]["errorCode"] == "OAU-146"


# The same host, as some clients and people write it.
SPELLINGS = [SANDBOX_HOST, SANDBOX_HOST.upper(), f"{SANDBOX_HOST}:443", f"{SANDBOX_HOST}."]


@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_a_host_serves_the_same(db: None, host: str) -> None:
    response = Program().get("/restapi/v1.0", headers={"Host": host}, secure=True)
    assert response.status_code == 200


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("path", ["/console/", "/account/login/", "/", "/sandbox/restapi/v1.0"])
def test_an_environments_host_serves_no_page(db: None, path: str, host: str) -> None:
    response = Program().get(path, headers={"Host": host}, secure=True)
    assert response.status_code == 404
    assert response.json() == api.rest_error("CMN-120", "Invalid URI.")
    assert str(UUID(response.headers["X-Request-Id"])) == response.headers["X-Request-Id"]


def test_an_unknown_host_is_refused_as_json_below_restapi(db: None) -> None:
    for host in ("evil.example", "no host"):
        response = Program().get("/restapi/v1.0", headers={"Host": host})
        assert response.status_code == 400
        assert response.json() == api.rest_error("CMN-101", "The request is malformed.")
        assert str(UUID(response.headers["X-Request-Id"])) == response.headers["X-Request-Id"]


def test_credentials_of_a_former_base_url_stay_valid(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    former = f"https://{SANDBOX_HOST}"
    jwt = cast.credential(rebels.luke).encode()
    with override_settings(
        SANDBOX_BASE_URL="https://new.example.com",
        ALLOWED_HOSTS=["new.example.com"],
    ):
        forgotten = exchange(app, jwt, "new.example.com", "/restapi/oauth/token")
        assert forgotten.json()["errors"][0]["errorCode"] == "JWT-101"
        with override_settings(SANDBOX_PREVIOUS_BASE_URLS=[former]):
            remembered = exchange(app, jwt, "new.example.com", "/restapi/oauth/token")
            assert remembered.status_code == 200
