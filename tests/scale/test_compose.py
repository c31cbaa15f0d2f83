"""The profile `scale` of docker-compose.yml as a whole, by the steps of docs/how-to/scale.md."""

import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from tests import api
from tests.scale.callers import CLIENT, Answer, AppCalls, Caller, DeveloperCalls, caller
from tests.scale.compose import (
    Project,
    project,
    shell_block,
    wait_until,
)
from tests.scale.replacing import replaced

INSTALL = shell_block("how-to/install.md", "cat > production.env")
TRY = shell_block("how-to/scale.md", "cat >> production.env")
LOST = shell_block("how-to/scale.md", "pg_promote")
BACK = shell_block("how-to/scale.md", "docker volume rm")
COMMAND = "docker compose --env-file production.env"
ORIGIN = "https://developers.example.com"
PASSWORD = "Alderaan-Princess-77"
SECRETS = {
    "SECRET_KEY": "compose-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ",
    "KEY_ENCRYPTION_KEYS": "Y29tcG9zZS1vbmx5LTMyLWJ5dGUtZmVybmV0LWtleS0=",
    "POSTGRES_PASSWORD": "compose-only-password",
}


@pytest.fixture
def compose() -> Iterator[Project]:
    # Not in `tmp_path`, which only this user may go through.
    with (
        tempfile.TemporaryDirectory(prefix="console-tests-compose-") as directory,
        project(Path(directory)) as made,
    ):
        yield made


def install(compose: Project) -> str:
    """As the two pages say it, with secrets for their ellipses; answers the sign-up link."""
    made, *_, organization = INSTALL
    for name, secret in SECRETS.items():
        made = replaced(made, (f"{name}=…", f"{name}={secret}"))
    # One process for each web server, to be quick.
    compose.follow([made, "echo WEB_WORKERS=1 >> production.env", *TRY])
    return compose.follow([organization]).split()[-1]


@dataclass
class Newcomer:
    """The first person of the organization, in a browser."""

    pages: DeveloperCalls

    def sign_up(self, link: str) -> None:
        names = {"first_name": "Ada", "last_name": "Example"}
        fields = names | {"password": PASSWORD, "password_again": PASSWORD}
        answer = self.pages.post(link.removeprefix(ORIGIN), fields)
        assert answer.status == 302
        cookies = SimpleCookie("; ".join(answer.headers.get_all("Set-Cookie", [])))
        self.pages = replace(self.pages, session=cookies["__Host-session"].value)

    def register_app(self) -> str:
        """How the app authenticates itself."""
        answer = self.pages.post(
            "/console/apps/create",
            {
                "name": "Billing",
                "is_public": "private",
                "uses_jwt_flow": "on",
                "issues_refresh_tokens": "yes",
                "scopes": ["ReadAccounts"],
                "submission_key": uuid.uuid4(),
            },
        )
        page = answer.body.decode()
        shown = [
            re.search(rf"<dt>{term}</dt>\s*<dd>.*?<code>(.*?)</code>", page, re.DOTALL)
            for term in ("Client ID", "Client Secret")
        ]
        client_id, secret = (found[1] for found in shown if found)
        return api.basic(client_id, secret)

    def create_jwt(self) -> str:
        assert self.pages.post("/console/sandbox/create", {}).status == 302
        created, credential_id = self.pages.create("Nightly report")
        assert created.status == 302
        return self.pages.jwt(credential_id)


def sign_up_and_create(calls: Caller, link: str) -> tuple[AppCalls, str]:
    """An app and a JWT credential of a person who comes by the operator's link."""
    ada = Newcomer(DeveloperCalls(calls, ""))
    ada.sign_up(link)
    return AppCalls(calls, ada.register_app()), ada.create_jwt()


def ask(compose: Project, server: str, query: LiteralString) -> list[tuple[object, ...]]:
    address = f"console:{SECRETS['POSTGRES_PASSWORD']}@127.0.0.1:{compose.port(server)}"
    with psycopg.connect(f"postgresql://{address}/console") as connection:
        return connection.execute(query).fetchall()


def wait_for_standby(compose: Project, name: str, primary: str) -> None:
    """Until commits of the primary wait for it."""
    query: LiteralString = "SELECT application_name, sync_state FROM pg_stat_replication"
    wait_until(
        lambda: ask(compose, primary, query) == [(name, "sync")],
        f"{name} does not follow {primary}",
        compose.containers[name],
    )


def granted(compose: Project, ask_for_it: Callable[[], Answer]) -> dict[str, Any]:
    """What an app gets. A process that has met a dead connection takes a moment to try again."""
    answers: list[Answer] = []

    def is_granted() -> bool:
        answers.append(ask_for_it())
        return answers[-1].status == 200

    wait_until(is_granted, "No token is granted", compose.containers["web"])
    return answers[-1].json


def assert_away(answer: Answer) -> None:
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert answer.code == "CMN-201"


def test_the_steps_of_the_page_from_the_first_to_a_lost_primary_and_back(compose: Project) -> None:
    link = install(compose)
    for container in compose.containers.values():
        if container.check:
            container.wait_until_healthy()
    wait_for_standby(compose, "standby", "postgres")
    tick = compose.containers["tick"]
    wait_until(lambda: "Audit events: " in tick.log, "tick does nothing", tick)

    with caller(compose.port("balancer"), ORIGIN) as calls:
        app, jwt = sign_up_and_create(calls, link)
        tokens = app.exchange(jwt).json
        assert app.account(tokens["access_token"]).status == 200
        # Both proxies are counted.
        assert (CLIENT,) in ask(compose, "postgres", "SELECT host(ip) FROM accounts_auditevent")

        compose.containers["postgres"].kill()
        assert_away(app.exchange(jwt))
        # A standby starts without its primary too.
        compose.follow([f"{COMMAND} restart standby"])
        compose.containers["standby"].wait_until_healthy()
        # Not the balancer's own words, when no server is ready.
        balancer = compose.containers["balancer"]
        wait_until(lambda: "Running on backup" in balancer.log, "A server is ready", balancer)
        assert_away(app.exchange(jwt))

        compose.follow(LOST)
        granted(compose, lambda: app.exchange(jwt))
        # What was acknowledged is there; and this writes, and waits for no standby that is gone.
        granted(compose, lambda: app.refresh(tokens["refresh_token"]))

        old = compose.containers["postgres"]
        compose.follow([f"{COMMAND} up -d --no-deps postgres"])
        wait_until(lambda: not compose.containers["postgres"].is_up, "The old primary runs", old)
        assert "postgres is no copy of it" in old.log

        compose.follow(BACK)
        wait_for_standby(compose, "postgres", "standby")
        compose.containers["postgres"].wait_until_healthy()
        assert ask(compose, "postgres", "SELECT pg_is_in_recovery()") == [(True,)]
        granted(compose, lambda: app.exchange(jwt))
    assert tick.is_up
