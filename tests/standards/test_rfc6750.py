"""RFC 6750, Bearer Token Usage."""

from typing import Any

import pytest
from django.urls import reverse

from tests import api, cast
from tests.conftest import Rebels

ACCOUNT = "/account/~"
ADDRESS = f"{ACCOUNT}/business-address"


def test_section_2_1_a_token_in_the_header(tokens: dict[str, Any]) -> None:
    assert api.call("GET", ACCOUNT, tokens["access_token"]).status_code == 200


def test_section_2_1_the_scheme_is_case_insensitive(tokens: dict[str, Any]) -> None:
    """Scheme names are case-insensitive (RFC 9110 §11.1)."""
    header = f"bEARER {tokens['access_token']}"
    assert api.call("GET", ACCOUNT, HTTP_AUTHORIZATION=header).status_code == 200


def test_section_2_2_no_token_in_a_form(tokens: dict[str, Any]) -> None:
    """Supporting a form parameter is optional. We accept the header only."""
    response = api.program().generic(
        "PUT",
        f"/sandbox/restapi/v1.0{ADDRESS}",
        f"access_token={tokens['access_token']}",
        content_type=api.FORM,
    )
    assert response.status_code == 401


@pytest.mark.parametrize("path", [f"/sandbox/restapi/v1.0{ACCOUNT}", "verify"])
def test_section_2_3_no_token_in_the_query(tokens: dict[str, Any], path: str) -> None:
    """A query parameter SHOULD NOT be used. We refuse it, even beside a valid header."""
    url = reverse("oauth_sandbox:verify") if path == "verify" else path
    response = api.program().get(
        f"{url}?access_token={tokens['access_token']}",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    assert response.status_code in (400, 401)
    assert 'error="invalid_request"' in response["WWW-Authenticate"]


def test_section_3_no_error_code_without_a_token(db: None) -> None:
    """A request without any authentication SHOULD NOT get an error code."""
    response = api.call("GET", ACCOUNT)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="REST API"'


def test_section_3_1_invalid_token(db: None) -> None:
    response = api.call("GET", ACCOUNT, "garbage")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith('Bearer realm="REST API", error="invalid_token"')


def test_section_3_1_insufficient_scope(rebels: Rebels) -> None:
    """403, and the scope that would be enough."""
    reader = api.app(rebels.leia, scopes=["ReadAccounts"])
    token = api.access_token(reader, cast.credential(rebels.leia))
    response = api.call("PUT", ADDRESS, token, {})
    assert response.status_code == 403
    challenge = response["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="EditAccounts"' in challenge


def test_section_5_3_short_lifetimes(tokens: dict[str, Any]) -> None:
    """An hour or less."""
    assert tokens["expires_in"] <= 3600
