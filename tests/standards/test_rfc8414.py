"""RFC 8414, Authorization Server Metadata."""

from typing import Any

import pytest

from tests import api

APPENDED = "/sandbox/.well-known/oauth-authorization-server"
INSERTED = "/.well-known/oauth-authorization-server/sandbox"
BASE = "http://localhost:8000/sandbox"


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    found: dict[str, Any] = api.program().get(INSERTED).json()
    return found


def test_section_2_members(document: dict[str, Any]) -> None:
    authentication = ["client_secret_basic", "client_secret_post"]
    assert {name: document[name] for name in REQUIRED} == {
        "issuer": BASE,
        "token_endpoint": f"{BASE}/restapi/oauth/token",
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint": f"{BASE}/restapi/oauth/revoke",
        "introspection_endpoint": f"{BASE}/restapi/oauth/introspect",
        "jwks_uri": f"{BASE}/restapi/oauth/jwks",
        "grant_types_supported": [api.GRANT_TYPE, "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["ReadAccounts", "EditExtensions", "EditAccounts", "Accounts"],
    }


REQUIRED = (
    "issuer",
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
    "grant_types_supported",
    "response_types_supported",
    "scopes_supported",
)


def test_section_2_every_endpoint_that_it_names_exists(document: dict[str, Any]) -> None:
    """The key set answers a GET, and the other endpoints refuse one."""
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            status = api.program().get(url.removeprefix("http://localhost:8000")).status_code
            assert status == (200 if name == "jwks_uri" else 405), name


@pytest.mark.parametrize("path", [INSERTED, APPENDED])
def test_section_3_the_metadata_is_at_both_paths(document: dict[str, Any], path: str) -> None:
    """Before the path of the issuer, as the RFC says, and after it, where many clients look."""
    assert api.program().get(path).json() == document


def test_section_3_2_response(db: None) -> None:
    response = api.program().get(INSERTED)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_section_3_2_no_empty_members(document: dict[str, Any]) -> None:
    """Members without a value are left out, except the required `response_types_supported`."""
    empty = [name for name, value in document.items() if value in ("", [], None)]
    assert empty == ["response_types_supported"]


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_section_3_3_the_issuer_is_the_base_url_of_the_request(db: None, environment: str) -> None:
    path = f"/.well-known/oauth-authorization-server/{environment}"
    assert api.program().get(path).json()["issuer"] == f"http://localhost:8000/{environment}"
