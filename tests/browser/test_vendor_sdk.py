"""Runs the vendor's unmodified Python SDK, and the code that the created page shows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ringcentral import SDK
from ringcentral.http.api_exception import ApiException

from accounts.environments import Environment
from accounts.models import Membership
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Client
from credentials.snippets import snippets
from tests import cast
from tests.browser.exchange import call, error_code
from tests.conftest import Rebels
from tests.plugins.node import node

ADDRESS = "/restapi/v1.0/account/~/business-address"


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@pytest.fixture
def app(rebels: Rebels) -> tuple[Client, str]:
    return cast.client(cast.application(rebels.luke, scopes=["EditAccounts"]))


def signed_in(console: str, app: tuple[Client, str], owner: Membership) -> Any:
    client, secret = app
    platform = SDK(client.client_id, secret, f"{console}/sandbox").platform()
    platform.login(jwt=cast.credential(owner).encode())
    return platform


def test_the_vendors_python_sdk_reads_account_and_extension(
    console: str, app: tuple[Client, str], rebels: Rebels
) -> None:
    platform = signed_in(console, app, rebels.luke)
    account = platform.get("/restapi/v1.0/account/~").json_dict()
    extension = platform.get("/restapi/v1.0/account/~/extension/~").json_dict()
    assert account["status"] == "Confirmed"
    assert extension["contact"]["email"] == "luke@rebels.example"
    assert extension["account"]["id"] == account["id"]


def test_the_vendors_python_sdk_refreshes_and_logs_out(console: str, rebels: Rebels) -> None:
    app = cast.client(cast.application(rebels.luke, issues_refresh_tokens=True))
    platform = signed_in(console, app, rebels.luke)
    before = platform.auth().access_token()
    platform.refresh()
    assert platform.auth().access_token() != before
    assert platform.get("/restapi/v1.0/account/~").json_dict()["status"] == "Confirmed"
    ended = platform.auth().access_token()
    platform.logout()
    body = call(f"{console}/sandbox/restapi/v1.0/account/~", ended)
    assert error_code(body) == "OAU-213"


def test_the_vendors_python_sdk_edits_the_account_for_leia_but_not_for_luke(
    console: str, app: tuple[Client, str], rebels: Rebels
) -> None:
    with pytest.raises(ApiException) as refused:
        signed_in(console, app, rebels.luke).put(ADDRESS, {"company": "Jedi Temple"})
    answer = refused.value.api_response()
    assert answer.response().status_code == 403
    body = answer.json_dict()
    assert (body["errorCode"], body["errors"][0]["permissionName"]) == (
        "CMN-408",
        "EditCompanyInfo",
    )
    leia = signed_in(console, app, rebels.leia)
    assert leia.put(ADDRESS, {"company": "Jedi Temple"}).json_dict()["company"] == "Jedi Temple"


@pytest.mark.parametrize("slug", ["curl", "python", "javascript", "php", "ruby", "java"])
def test_the_code_of_the_created_page_calls_the_api_and_shows_refusals(
    console: str, app: tuple[Client, str], rebels: Rebels, slug: str, tmp_path: Path
) -> None:
    """In every language that Debian has. There is no C# there."""
    client, secret = app
    credential = cast.credential(rebels.luke)
    jwt = credential.encode()
    made = snippets(environment=Environment.SANDBOX, client_id=client.client_id, jwt=jwt)
    code = {snippet.slug: snippet.code for snippet in made}
    assert [slug for slug, text in code.items() if jwt in text] == ["dotenv"]
    variables = dict(line.split("=", 1) for line in code["dotenv"].splitlines())
    assert variables["RC_APP_CLIENT_SECRET"] == ""
    # Java looks for a class of the same name.
    file = tmp_path / ("FirstCall.java" if slug == "java" else "first-call")
    file.write_text(code[slug])

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*interpreter(slug), str(file)],
            env=os.environ | variables | {"RC_APP_CLIENT_SECRET": secret},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert "luke@rebels.example" in done.stdout
    revoke_jwt_credential(credential, actor=rebels.luke.user, reason="Test", origin=cast.ORIGIN)
    done = run()
    assert done.returncode != 0
    assert "JWT-102" in done.stderr


def interpreter(slug: str) -> list[str]:
    of_ours = {"curl": "sh", "python": sys.executable}
    return [node()] if slug == "javascript" else [of_ours.get(slug, slug)]
