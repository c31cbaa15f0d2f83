"""Runs the curl lines of docs/reference/auth-api.md, and compares the bodies that it shows."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from credentials.actions.jwt_credentials import revoke_jwt_credential
from credentials.models import Client, JwtCredential
from tests import cast
from tests.conftest import Rebels

DOCS = (Path(__file__).parents[2] / "docs" / "reference" / "auth-api.md").read_text()


def block(language: str, name: str) -> str:
    """The one block of code of this language with this name."""
    (code,) = re.findall(rf"^```{language} {name}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    return str(code)


def shown(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(block("json", name))
    return body


class App:
    """A program on the command line, with the variables that the page reads."""

    def __init__(self, base_url: str, client: Client, secret: str, jwt: str) -> None:
        self.variables = {
            "BASE_URL": base_url,
            "CLIENT_ID": client.client_id,
            "CLIENT_SECRET": secret,
            "JWT": jwt,
        }

    def run(self, name: str) -> str:
        command = ["sh", "-euc", block("sh", name)]
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
    """The server's threads see what the test commits."""


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    return cast.credential(rebels.luke)


@pytest.fixture
def app(console: str, rebels: Rebels, credential: JwtCredential) -> App:
    application = cast.application(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    client, secret = cast.client(application)
    return App(f"{console}/sandbox", client, secret, credential.encode())


def test_from_the_credential_to_the_end_of_the_session(app: App, rebels: Rebels) -> None:
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
    refreshed = app.body("refresh")
    assert list(refreshed) == list(expected)
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    app.keep(refreshed)
    assert app.run("revoke") == "200\n"
    assert app.body("call")["errorCode"] == "OAU-213"
    assert app.body("refresh")["errors"][0]["errorCode"] == "JWT-108"


def test_a_refusal(app: App, rebels: Rebels, credential: JwtCredential) -> None:
    revoke_jwt_credential(credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    refused, expected = app.body("exchange"), shown("refused")
    assert re.sub(r"^https?://[^/]+", "", refused.pop("error_uri")) == re.sub(
        r"^https?://[^/]+", "", expected.pop("error_uri")
    )
    assert refused == expected
