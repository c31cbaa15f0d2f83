"""What is ended in one process stops at the very next request to another one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from credentials.actions.applications import mark_resource_server
from credentials.models import JwtCredential
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.running_console import RunningConsole, SharedDatabase

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db"),
]


@dataclass(frozen=True)
class Processes:
    """Two consoles on one database, and an app that has a session of a credential."""

    one: RunningConsole
    other: RunningConsole
    app: api.App
    resource_server: api.App
    credential: JwtCredential
    session: str
    """Of the credential's owner, signed in to the console."""

    def post(self, endpoint: str, app: api.App, **fields: str) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer of the other process."""
        status, _, body = self.other.request(
            "POST",
            f"/sandbox/restapi/oauth/{endpoint}",
            urlencode(fields),
            {"Authorization": app.authorization, "Content-Type": api.FORM},
        )
        return status, json.loads(body)

    def exchange(self) -> tuple[int, dict[str, Any]]:
        return self.post(
            "token", self.app, grant_type=api.GRANT_TYPE, assertion=self.credential.encode()
        )

    def refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        return self.post("token", self.app, grant_type="refresh_token", refresh_token=token)

    def get(self, path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return self.other.request("GET", f"/sandbox/restapi/{path}", headers=headers)[0]


@pytest.fixture
def processes(rebels: Rebels, sign_in: SignIn, tmp_path: Path) -> Iterator[Processes]:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    resource_server = api.app(rebels.leia, name="Resource server")
    mark_resource_server(resource_server.client, marked=True, origin=cast.ORIGIN)
    credential = cast.credential(rebels.luke)
    # The key of access tokens is made before the database is shared.
    api.access_token(app, credential)
    session = sign_in(rebels.luke).cookies["session"].value
    url = SharedDatabase(tmp_path).open()
    with RunningConsole(url) as one, RunningConsole(url) as other:
        one.wait()
        other.wait()
        yield Processes(one, other, app, resource_server, credential, session)


def revoke_in_the_console(processes: Processes) -> None:
    """As the owner does it, in the process that the app never talks to."""
    path = reverse("my_credentials:revoke", args=[processes.credential.pk])
    status, location = processes.one.post(path, {"reason": "Lost"}, processes.session)
    assert (status, location) == (302, reverse("my_credentials:list"))


def test_a_revoked_credential_stops_in_every_process(processes: Processes) -> None:
    status, tokens = processes.exchange()
    assert status == 200
    access_token = tokens["access_token"]
    # Whatever a process keeps in memory, it has now.
    status, tokens = processes.refresh(tokens["refresh_token"])
    assert status == 200
    assert processes.get("v1.0/account/~", access_token) == 200
    assert processes.get("oauth/verify", access_token) == 204
    asked = ("introspect", processes.resource_server)
    assert processes.post(*asked, token=access_token)[1]["active"] is True

    revoke_in_the_console(processes)

    status, body = processes.exchange()
    assert (status, body["errors"][0]["errorCode"]) == (400, "JWT-102")
    status, body = processes.refresh(tokens["refresh_token"])
    assert (status, body["errors"][0]["errorCode"]) == (400, "JWT-102")
    for token in (access_token, tokens["access_token"]):
        assert processes.get("v1.0/account/~", token) == 401
        assert processes.get("oauth/verify", token) == 401
        assert processes.post(*asked, token=token) == (200, {"active": False})
