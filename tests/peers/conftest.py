"""One world for all tests of a module. Each test changes it, and its changes are rolled back."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from credentials.actions.clients import mark_resource_server
from credentials.models import JwtCredential
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels


@dataclass(frozen=True)
class World:
    """Luke's app, his credential for all apps of the organization, and an exchange of it."""

    rebels: Rebels
    partners: Partners
    app: App
    other: App
    """Of Luke too."""
    server: App
    """Marked as a resource server."""
    credential: JwtCredential
    tokens: dict[str, Any]

    @property
    def access_token(self) -> str:
        return str(self.tokens["access_token"])

    @property
    def refresh_token(self) -> str:
        return str(self.tokens["refresh_token"])

    def exchange(self, app: App | None = None, **form: Any) -> Any:
        return api.exchange(app or self.app, self.credential.encode(), **form)

    def refresh(self, token: str = "", app: App | None = None, **form: str) -> Any:
        grant = {"grant_type": "refresh_token", "refresh_token": token or self.refresh_token}
        return api.post(grant | form, (app or self.app).authorization)

    def call(self, token: str = "") -> Any:
        return api.call("GET", "/account/~", token or self.access_token)

    def introspect(self, token: str = "", app: App | None = None) -> dict[str, Any]:
        body: dict[str, Any] = self.oauth("introspect", token or self.access_token, app).json()
        return body

    def oauth(self, endpoint: str, token: str, app: App | None = None) -> Any:
        return api.program().post(
            f"/sandbox/restapi/oauth/{endpoint}",
            f"token={token}",
            content_type=api.FORM,
            headers={"Authorization": (app or self.app).authorization},
        )

    @property
    def answers(self) -> list[object]:
        """What an exchange, a refresh, a call and introspection answer now."""
        return [
            code_of(self.exchange()),
            code_of(self.refresh()),
            code_of(self.call()),
            self.introspect()["active"],
            self.introspect(self.refresh_token)["active"],
        ]


def code_of(response: Any) -> str:
    """The error code; empty if there is no error."""
    body = response.json()
    return str(body["errors"][0]["errorCode"]) if "errors" in body else ""


WORKS: list[object] = ["", "", "", True, True]


@pytest.fixture(scope="module")
def _made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with django_db_blocker.unblock():
        block = transaction.atomic()
        block.__enter__()
        rebels = Rebels(**cast.replayed("rebels", cast.rebel_alliance))
        partners = Partners(**cast.replayed("partners", cast.cloud_city))
        app = api.app(rebels.luke, issues_refresh_tokens=True)
        other = api.app(rebels.luke, name="X-wing Dialer", issues_refresh_tokens=True)
        server = api.app(rebels.leia, name="Gateway")
        mark_resource_server(server.client, marked=True, origin=cast.ORIGIN)
        credential = cast.credential(rebels.luke)
        tokens = api.exchange(app, credential.encode()).json()
        made = World(rebels, partners, app, other, server, credential, tokens)
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        block.__exit__(None, None, None)


@pytest.fixture
def world(_made: World, db: None) -> World:
    return copy.deepcopy(_made)
