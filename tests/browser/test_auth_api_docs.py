"""Runs the curl commands of the Auth API page and the tutorial, and compares the bodies shown."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Client, JwtCredential
from tests import cast
from tests.conftest import Rebels

DOCS = Path(__file__).parents[2] / "docs"
AUTH_API = (DOCS / "reference" / "auth-api.md").read_text()
TUTORIAL = (DOCS / "tutorials" / "first-credential.md").read_text()


def block(page: str, language: str, name: str) -> str:
    """The one block of code of a page that has this language and this name."""
    (code,) = re.findall(rf"^```{language} {name}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(code)


def shown(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(block(AUTH_API, "json", name))
    return body


class App:
    """Runs the commands of a page with the variables that they read."""

    def __init__(self, base_url: str, client: Client, secret: str, jwt: str) -> None:
        self.page = AUTH_API
        # The reference, and the tutorial with the names of the `.env` block.
        self.variables = {
            "BASE_URL": base_url,
            "CLIENT_ID": client.client_id,
            "CLIENT_SECRET": secret,
            "JWT": jwt,
            "RC_SERVER_URL": base_url,
            "RC_APP_CLIENT_ID": client.client_id,
            "RC_APP_CLIENT_SECRET": secret,
            "RC_USER_JWT": jwt,
        }

    def run(self, name: str) -> str:
        command = ["sh", "-euc", block(self.page, "sh", name)]
        return subprocess.run(
            command,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def body(self, name: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.run(name))
        return body

    def keep(self, tokens: dict[str, Any]) -> None:
        self.variables["ACCESS_TOKEN"] = tokens["access_token"]
        self.variables["REFRESH_TOKEN"] = tokens["refresh_token"]


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@pytest.fixture
def app(console: str, rebels: Rebels, credential: JwtCredential) -> App:
    application = cast.application(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    client, secret = cast.client(application)
    return App(f"{console}/sandbox", client, secret, credential.encode())


def test_the_auth_api_page_leads_from_a_credential_to_the_end_of_its_session(
    app: App, rebels: Rebels
) -> None:
    tokens = app.body("exchange")
    expected = shown("exchange")
    assert list(tokens) == list(expected)
    for constant in ("token_type", "expires_in", "refresh_token_expires_in", "scope"):
        assert tokens[constant] == expected[constant]
    for shortened in ("access_token", "refresh_token"):
        assert tokens[shortened].startswith(expected[shortened].removesuffix("…"))
    assert expected["owner_id"].isdigit()
    assert len(tokens["owner_id"]) == len(expected["owner_id"])
    app.keep(tokens)
    assert app.body("call")["id"] == tokens["owner_id"]
    narrowed = app.body("resource")
    assert (list(narrowed), narrowed["scope"]) == (list(expected), expected["scope"])
    refreshed = app.body("refresh")
    assert list(refreshed) == list(expected)
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    app.keep(refreshed)
    assert app.run("revoke") == "200\n"
    assert app.body("call")["errorCode"] == "OAU-213"
    assert app.body("refresh")["errors"][0]["errorCode"] == "JWT-108"


def test_the_auth_api_page_shows_the_body_of_a_refusal(
    app: App, rebels: Rebels, credential: JwtCredential
) -> None:
    revoke_jwt_credential(credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    refused, expected = app.body("exchange"), shown("refused")
    assert re.sub(r"^https?://[^/]+", "", refused.pop("error_uri")) == re.sub(
        r"^https?://[^/]+", "", expected.pop("error_uri")
    )
    assert refused == expected


def test_the_tutorial_leads_to_a_successful_call(app: App, rebels: Rebels) -> None:
    app.page = TUTORIAL
    app.keep(app.body("exchange"))
    call = app.run("call")
    assert call.startswith("HTTP/1.1 200 OK")
    assert json.loads(call[call.index("{") :])["contact"]["email"] == rebels.luke.user.email


def test_the_tutorial_shows_a_refusal_with_its_request_id(app: App) -> None:
    app.page = TUTORIAL
    refused = app.run("refused")
    assert refused.startswith("HTTP/1.1 400")
    assert re.search(r"^x-request-id: \S", refused, re.MULTILINE | re.IGNORECASE)
    body = json.loads(refused[refused.index("{") :])
    assert (body["error"], body["errors"][0]["errorCode"]) == ("invalid_scope", "CMN-101")
