"""What is ended in one process stops at the very next request to another one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from credentials import jose
from credentials.actions.clients import mark_resource_server
from credentials.models import JwtCredential
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.running_console import RunningConsole, SharedDatabase

pytestmark = [
    pytest.mark.both_databases,
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
    """Of the credential's owner, who has just proved who they are."""
    administrator: str
    """The session of an account administrator, who has too."""

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

    def change(self, session: str, name: str, *arguments: object, **fields: str) -> None:
        """Change something in the console, in the process that the app never calls."""
        status, location = self.one.post(reverse(name, args=arguments), fields, session)
        assert status == 302
        assert "login" not in location
        assert "reauthenticate" not in location

    def get(self, path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return self.other.request("GET", f"/sandbox/restapi/{path}", headers=headers)[0]

    def permissions(self, token: str) -> set[str]:
        """What the user of a token may do, as the other process says."""
        path = "/sandbox/restapi/v1.0/account/~/extension/~/authz-profile"
        headers = {"Authorization": f"Bearer {token}"}
        status, _, body = self.other.request("GET", path, headers=headers)
        assert status == 200
        return {each["permission"]["id"] for each in json.loads(body)["permissions"]}


@pytest.fixture
def processes(rebels: Rebels, sign_in: SignIn, tmp_path: Path) -> Iterator[Processes]:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    resource_server = api.app(rebels.leia, name="Resource server")
    mark_resource_server(resource_server.client, marked=True, origin=cast.ORIGIN)
    credential = cast.credential(rebels.luke)
    # The key of access tokens is made before the database is shared.
    api.access_token(app, credential)
    browsers = [sign_in(person) for person in (rebels.luke, rebels.leia)]
    for browser in browsers:
        cast.step_up(browser)
    sessions = [browser.cookies["session"].value for browser in browsers]
    url = SharedDatabase(tmp_path).open()
    with RunningConsole(url) as one, RunningConsole(url) as other:
        one.wait()
        other.wait()
        yield Processes(one, other, app, resource_server, credential, *sessions)


def revoke_in_the_console(processes: Processes) -> None:
    """As the owner does it, in the process that the app never talks to."""
    path = reverse("my_credentials:revoke", args=[processes.credential.pk])
    status, location = processes.one.post(path, {"reason": "Lost"}, processes.session)
    assert (status, location) == (302, reverse("my_credentials:list"))


def test_a_revoked_credential_stops_in_every_process(processes: Processes) -> None:
    status, tokens = processes.exchange()
    assert status == 200
    access_token = tokens["access_token"]
    # Now each process has everything in memory that it keeps.
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


def test_a_change_counts_at_the_next_request_in_every_process(
    processes: Processes, rebels: Rebels
) -> None:
    """An app is suspended, a role taken, a person deactivated; each is taken back at once."""
    client = (processes.app.application.pk, api.SANDBOX)
    luke = (rebels.luke.user_id,)
    owner, leia = processes.session, processes.administrator
    role = "organization:change_role"
    auditor = {"role": ConsoleRole.AUDITOR, "confirmed": "on"}
    changes: list[tuple[str, str, tuple[object, ...], dict[str, str]]] = [
        (owner, "credentials:suspend_client", client, {}),
        (owner, "credentials:resume_client", client, {}),
        (leia, role, luke, auditor),
        (leia, role, luke, {"role": ConsoleRole.DEVELOPER}),
        (leia, "organization:deactivate", luke, {"confirmed": "on"}),
        (leia, "organization:reactivate", luke, {}),
    ]
    token = processes.exchange()[1]["access_token"]
    for number, (session, name, arguments, fields) in enumerate(changes):
        processes.change(session, name, *arguments, **fields)
        is_valid = number % 2 == 1
        assert (processes.exchange()[0] == 200) is is_valid
        assert processes.get("oauth/verify", token) == (204 if is_valid else 401)


def test_a_changed_user_role_counts_at_the_next_call_in_every_process(processes: Processes) -> None:
    token = processes.exchange()[1]["access_token"]
    leia = processes.administrator
    login = ("accounts:change_extension", processes.credential.extension_id)
    may_do = {}
    for user_role in ("read_only", "super_admin"):
        processes.change(leia, *login, user_role=user_role, status=ExtensionStatus.ENABLED)
        may_do[user_role] = processes.permissions(token)
    assert may_do["read_only"] < may_do["super_admin"]
    disabled = ExtensionStatus.DISABLED
    processes.change(leia, *login, user_role="super_admin", status=disabled)
    assert processes.exchange()[0] == 400
    assert processes.get("oauth/verify", token) == 401


def test_keys_count_at_the_next_request_in_every_process(processes: Processes) -> None:
    """Rotated and distrusted by an operator's command, in a third process."""
    former = processes.exchange()[1]["access_token"]
    assert processes.get("oauth/verify", former) == 204
    processes.one.manage("rotate_signing_key", "sandbox", "access-token")
    fresh = processes.exchange()[1]["access_token"]
    assert jose.parse_token(fresh).kid != jose.parse_token(former).kid
    assert processes.get("oauth/verify", former) == processes.get("oauth/verify", fresh) == 204
    processes.one.manage("distrust_signing_key", jose.parse_token(former).kid)
    assert processes.get("oauth/verify", former) == 401
    assert processes.get("oauth/verify", fresh) == 204
    processes.one.manage("rotate_signing_key", "sandbox", "credential", "--compromised")
    status, body = processes.exchange()
    assert (status, body["errors"][0]["errorCode"]) == (400, "JWT-101")
