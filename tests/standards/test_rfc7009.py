"""RFC 7009, Token Revocation."""

from typing import Any

import pytest

from tests import api
from tests.standards.conftest import Send

KINDS = ("access_token", "refresh_token")


def is_active(token: str) -> bool:
    return bool(api.call("GET", "/account/~", token).status_code == 200)


@pytest.mark.parametrize("kind", KINDS)
def test_section_2_1_revoking_a_token_ends_its_session(
    app: api.App, tokens: dict[str, Any], oauth: Send, refresh: Send, kind: str
) -> None:
    """Both kinds are supported. Either ends the session with all of its tokens."""
    response = oauth(app, "revoke", token=tokens[kind])
    assert (response.status_code, response.content) == (200, b"")
    assert not is_active(tokens["access_token"])
    assert refresh(app, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_section_2_1_the_client_authenticates(tokens: dict[str, Any], oauth: Send) -> None:
    response = oauth(None, "revoke", token=tokens["access_token"])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert is_active(tokens["access_token"])


@pytest.mark.parametrize("kind", KINDS)
def test_section_2_1_another_clients_token_keeps_working(
    other_app: api.App, tokens: dict[str, Any], oauth: Send, kind: str
) -> None:
    """We answer as we do for an unknown token, so no one can find out whether it exists."""
    assert oauth(other_app, "revoke", token=tokens[kind]).status_code == 200
    assert is_active(tokens["access_token"])


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml2_assertion"])
def test_section_2_1_a_wrong_hint_is_ignored(
    app: api.App, tokens: dict[str, Any], oauth: Send, hint: str
) -> None:
    response = oauth(app, "revoke", token=tokens["refresh_token"], token_type_hint=hint)
    assert response.status_code == 200
    assert not is_active(tokens["access_token"])


@pytest.mark.parametrize("token", ["unknown", "x.y.z", "rt_unknown", "%00"])
def test_section_2_2_an_invalid_token_is_not_an_error(
    app: api.App, oauth: Send, token: str
) -> None:
    response = oauth(app, "revoke", token=token)
    assert (response.status_code, response.content) == (200, b"")


def test_section_2_2_revoking_twice_is_not_an_error(
    app: api.App, tokens: dict[str, Any], oauth: Send
) -> None:
    for _ in range(2):
        assert oauth(app, "revoke", token=tokens["access_token"]).status_code == 200


def test_section_2_2_1_a_request_without_a_token_is_refused(app: api.App, oauth: Send) -> None:
    response = oauth(app, "revoke")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
