"""A lost `KEY_ENCRYPTION_KEYS`: what still works, and what docs/how-to/back-up.md restores."""

import re
import shlex
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from core import database
from credentials import jose
from credentials.models import JwtCredential, SigningKey
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import submission, url
from tests.house.sources import ROOT

pytestmark = pytest.mark.both_databases

NEW = "bmV3ZXItMzItYnl0ZXMtb2YtYS1mZXJuZXQta2V5ISE="
PAGE = (ROOT / "docs" / "how-to" / "back-up.md").read_text()
Lose = Callable[[], None]


@pytest.fixture
def lose_key(settings: Settings) -> Lose:
    def lose() -> None:
        settings.KEY_ENCRYPTION_KEYS = [NEW]
        # As after a restart of every process.
        jose.unseal.cache_clear()

    return lose


def documented_commands() -> list[list[str]]:
    section = PAGE.partition("## If you lose `KEY_ENCRYPTION_KEYS`")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return [shlex.split(line)[2:] for line in block[1].splitlines()]


def run(name: str, *arguments: str) -> str:
    output = StringIO()
    call_command(name, *arguments, stdout=output)
    return output.getvalue()


def ready() -> Any:
    return Browser().get("/healthz/ready")


def create(browser: Browser) -> Any:
    browser.raise_request_exception = False
    return browser.post(url("create"), submission(), follow=True)


def test_the_documented_commands_restore_an_installation_that_lost_its_key(
    rebels: Rebels, app: App, credential: JwtCredential, sign_in: SignIn, lose_key: Lose
) -> None:
    jwt = credential.encode()
    api.access_token(app, credential)
    lose_key()
    assert ready().status_code == 503
    with pytest.raises(CommandError, match="run `rotate_signing_key sandbox access-token`, `rot"):
        run("reseal_signing_keys")
    for command in documented_commands():
        run(*command)
    assert ready().status_code == 200
    # Nothing is left to do, today and at every later run.
    assert "Signing keys to re-encrypt: 0." in run("reseal_signing_keys", "--dry-run")
    assert "Former signing keys that no key can decrypt: 4." in run("reseal_signing_keys")
    token = api.exchange(app, jwt).json()["access_token"]
    assert api.call("GET", "/account/~", token).status_code == 200
    assert "JWT created" in create(sign_in(rebels.luke)).content.decode()
    # The next rotation promotes a key that can sign.
    run("rotate_signing_key", "sandbox", "access-token")
    assert api.exchange(app, jwt).status_code == 200


def test_without_its_key_the_token_endpoint_is_unavailable(
    app: App, credential: JwtCredential, lose_key: Lose, monkeypatch: pytest.MonkeyPatch
) -> None:
    jwt = credential.encode()
    api.access_token(app, credential)
    lose_key()
    monkeypatch.setattr(api.program(), "raise_request_exception", False)
    response = api.exchange(app, jwt)
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.json()["errors"] == [{"errorCode": "CMN-201", "message": database.AWAY_MESSAGE}]


def test_without_its_key_the_console_creates_no_jwt_that_no_one_could_see(
    rebels: Rebels, credential: JwtCredential, sign_in: SignIn, lose_key: Lose
) -> None:
    lose_key()
    response = create(sign_in(rebels.luke))
    assert response.status_code == 503
    assert "The console can’t decrypt its keys. We didn’t save any" in response.content.decode()
    assert JwtCredential.objects.get() == credential


def test_pages_of_a_credential_say_that_its_signing_key_was_lost(
    rebels: Rebels, app: App, credential: JwtCredential, sign_in: SignIn, lose_key: Lose
) -> None:
    lose_key()
    for command in documented_commands():
        run(*command)
    browser = cast.step_up(sign_in(rebels.luke))
    address = f"/console/my-credentials/{credential.pk}"
    shown = browser.get(f"{address}/show", follow=True)
    assert "We can’t show this JWT, because its signing key was lost" in shown.content.decode()
    fields = {"client_id": app.client_id, "client_secret": app.secret}
    tested = browser.post(f"{address}/test", fields).content.decode()
    assert "The console can’t decrypt the key that signed this JWT" in tested


def test_a_lost_key_is_logged_in_one_line(credential: JwtCredential, lose_key: Lose) -> None:
    lose_key()
    with pytest.raises(Exception, match="KEY_ENCRYPTION_KEYS") as raised:
        credential.encode()
    event = {"event": "x", "code": 500, "exc_info": raised.value}
    assert database.in_one_line(None, "error", event) == {
        "event": "x",
        "code": 503,
        "error": "None of KEY_ENCRYPTION_KEYS decrypts a stored secret.",
    }


def test_a_distrusted_key_that_is_lost_still_refuses(
    credential: JwtCredential, app: App, rebels: Rebels, sign_in: SignIn, lose_key: Lose
) -> None:
    run("rotate_signing_key", "sandbox", "credential", "--compromised")
    lose_key()
    fields = {"client_id": app.client_id, "client_secret": ""}
    page = sign_in(rebels.luke).post(f"/console/my-credentials/{credential.pk}/test", fields)
    assert "JWT-101" in page.content.decode()
    assert SigningKey.objects.get(pk=credential.signing_key_id).state == "distrusted"
