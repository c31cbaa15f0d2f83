"""RFC 7662, Token Introspection."""

from typing import Any
from unittest.mock import ANY

import pytest
from django.core.management import call_command

from accounts.actions.external_ids import set_external_id
from accounts.models import Extension
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Application, JwtCredential
from tests import api, cast
from tests.conftest import Rebels
from tests.platforms import EXTENDED, UsePlatform
from tests.standards.conftest import Send

INACTIVE = {"active": False}


def account_id(tokens: dict[str, Any]) -> str:
    return str(Extension.objects.get(pk=tokens["owner_id"]).account_id)


def test_section_2_1_the_caller_authenticates(tokens: dict[str, Any], oauth: Send) -> None:
    response = oauth(None, "introspect", token=tokens["access_token"])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_section_2_1_post_only(db: None) -> None:
    assert api.program().get("/sandbox/restapi/oauth/introspect").status_code == 405


def test_section_2_1_a_wrong_hint_is_ignored(
    app: api.App, tokens: dict[str, Any], oauth: Send
) -> None:
    found = oauth(app, "introspect", token=tokens["access_token"], token_type_hint="refresh_token")
    assert found.json()["active"] is True


def test_section_2_2_an_access_token(app: api.App, tokens: dict[str, Any], oauth: Send) -> None:
    response = oauth(app, "introspect", token=tokens["access_token"])
    assert response["Content-Type"] == "application/json"
    assert response.json() == {
        "active": True,
        "token_type": "bearer",
        "scope": tokens["scope"],
        "client_id": app.client_id,
        "username": "luke@rebels.example",
        "iss": "http://localhost:8000/sandbox",
        "sub": tokens["owner_id"],
        "aud": "http://localhost:8000/sandbox/restapi",
        "exp": ANY,
        "iat": ANY,
        "jti": ANY,
        "network_checked": False,
        "role": "standard_user",
        "permissions": ["ReadCompanyInfo", "ReadExtensions", "EditUserInfo:own"],
        "account_id": account_id(tokens),
        "external_id": None,
        "account_external_id": None,
    }


def test_section_2_2_a_refresh_token(app: api.App, tokens: dict[str, Any], oauth: Send) -> None:
    assert oauth(app, "introspect", token=tokens["refresh_token"]).json() == {
        "active": True,
        "scope": tokens["scope"],
        "client_id": app.client_id,
        "username": "luke@rebels.example",
        "iss": "http://localhost:8000/sandbox",
        "sub": tokens["owner_id"],
        "exp": ANY,
        "iat": ANY,
        "network_checked": False,
        "role": "standard_user",
        "permissions": ["ReadCompanyInfo", "ReadExtensions", "EditUserInfo:own"],
        "account_id": account_id(tokens),
        "external_id": None,
        "account_external_id": None,
    }


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_section_2_2_the_identifiers_of_the_api_company(
    app: api.App, tokens: dict[str, Any], oauth: Send, kind: str
) -> None:
    """A change applies to the next request."""
    without = oauth(app, "introspect", token=tokens[kind]).json()
    extension = Extension.objects.select_related("account").get(pk=tokens["owner_id"])
    set_external_id(extension, "user-4711", origin=cast.ORIGIN)
    set_external_id(extension.account, "customer-42", origin=cast.ORIGIN)
    named = {"external_id": "user-4711", "account_external_id": "customer-42"}
    assert oauth(app, "introspect", token=tokens[kind]).json() == without | named
    set_external_id(extension, "", origin=cast.ORIGIN)
    set_external_id(extension.account, "", origin=cast.ORIGIN)
    assert oauth(app, "introspect", token=tokens[kind]).json() == without


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("finance", {"role": "finance", "permissions": ["EditUserInfo:own", "IssueRefunds"]}),
        ("gone", {"role": None, "permissions": []}),
    ],
)
def test_section_2_2_the_role_and_the_permissions_of_the_person(
    app: api.App,
    tokens: dict[str, Any],
    oauth: Send,
    use_platform: UsePlatform,
    kind: str,
    role: str,
    told: dict[str, Any],
) -> None:
    """In the order of the platform file. A role that it no longer offers grants nothing."""
    before = oauth(app, "introspect", token=tokens[kind]).json()
    use_platform(EXTENDED)
    Extension.objects.filter(pk=tokens["owner_id"]).update(user_role=role)
    assert oauth(app, "introspect", token=tokens[kind]).json() == before | told


@pytest.mark.parametrize("token", ["unknown", "x.y.z", "rt_unknown"])
def test_section_2_2_an_unknown_token(app: api.App, oauth: Send, token: str) -> None:
    """The body contains only `active`."""
    response = oauth(app, "introspect", token=token)
    assert (response.status_code, response.json()) == (200, INACTIVE)


def test_section_2_2_a_revoked_token(
    app: api.App,
    rebels: Rebels,
    credential: JwtCredential,
    tokens: dict[str, Any],
    oauth: Send,
) -> None:
    revoke_jwt_credential(credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    for kind in ("access_token", "refresh_token"):
        assert oauth(app, "introspect", token=tokens[kind]).json() == INACTIVE


@pytest.mark.parametrize(
    ("turned_off", "active"),
    [
        ("uses_jwt_flow", {"access_token": False, "refresh_token": False}),
        ("issues_refresh_tokens", {"access_token": True, "refresh_token": False}),
    ],
)
def test_section_2_2_a_token_of_an_app_that_no_longer_uses_the_flow(
    app: api.App,
    tokens: dict[str, Any],
    oauth: Send,
    refresh: Send,
    turned_off: str,
    active: dict[str, bool],
) -> None:
    """Active means that the token would be accepted now."""
    Application.objects.filter(pk=app.application.pk).update(**{turned_off: False})
    told = {kind: oauth(app, "introspect", token=tokens[kind]).json()["active"] for kind in active}
    assert told == active
    call = api.call("GET", "/account/~", tokens["access_token"])
    accepted = {
        "access_token": call.status_code == 200,
        "refresh_token": refresh(app, tokens["refresh_token"]).status_code == 200,
    }
    assert accepted == active


def test_section_2_3_errors(app: api.App, oauth: Send) -> None:
    response = oauth(app, "introspect")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_section_4_a_client_learns_nothing_about_tokens_of_others(
    other_app: api.App, tokens: dict[str, Any], oauth: Send, kind: str
) -> None:
    assert oauth(other_app, "introspect", token=tokens[kind]).json() == INACTIVE


def test_section_4_a_resource_server_can_introspect_access_tokens(
    other_app: api.App, tokens: dict[str, Any], oauth: Send
) -> None:
    """The operator has marked it. Only its own client can introspect a refresh token."""
    call_command("mark_resource_server", other_app.client_id)
    assert oauth(other_app, "introspect", token=tokens["access_token"]).json()["active"] is True
    assert oauth(other_app, "introspect", token=tokens["refresh_token"]).json() == INACTIVE


def test_section_4_a_credential_is_not_a_token(
    app: api.App, credential: JwtCredential, oauth: Send
) -> None:
    assert oauth(app, "introspect", token=credential.encode()).json() == INACTIVE
