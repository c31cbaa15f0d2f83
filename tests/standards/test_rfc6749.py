"""RFC 6749, The OAuth 2.0 Authorization Framework."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from pytest_django import Settings

from credentials.models import JwtCredential
from tests import api
from tests.api import GRANT_TYPE, basic
from tests.standards.conftest import Send


def grant(credential: JwtCredential, **more: str) -> dict[str, str]:
    return {"grant_type": GRANT_TYPE, "assertion": credential.encode(), **more}


def test_section_2_3_one_method_of_authentication(app: api.App, credential: JwtCredential) -> None:
    """The client MUST NOT use more than one authentication method in each request."""
    twice = grant(credential, client_id=app.client_id, client_secret=app.secret)
    response = api.post(twice, app.authorization)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_section_2_3_1_basic_authentication(app: api.App, credential: JwtCredential) -> None:
    """The authorization server MUST support the HTTP Basic authentication scheme."""
    assert api.post(grant(credential), app.authorization).status_code == 200


def test_section_2_3_1_basic_is_form_encoded(app: api.App, credential: JwtCredential) -> None:
    """Client ID and secret are encoded as a form before they become user name and password."""
    encoded = "".join(f"%{ord(character):02x}" for character in app.client_id)
    response = api.post(grant(credential), basic(encoded, quote(app.secret)))
    assert response.status_code == 200


def test_section_2_3_1_authentication_in_the_body(app: api.App, credential: JwtCredential) -> None:
    """Alternatively, the credentials are in the request body."""
    body = grant(credential, client_id=app.client_id, client_secret=app.secret)
    assert api.post(body).status_code == 200


def test_section_2_3_1_no_authentication_in_the_uri(
    app: api.App, credential: JwtCredential
) -> None:
    """The parameters MUST NOT be included in the request URI."""
    query = f"?client_id={app.client_id}&client_secret={app.secret}"
    response = api.post(grant(credential), query=query)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_section_2_3_1_guessing_is_limited(
    app: api.App, credential: JwtCredential, settings: Settings
) -> None:
    """The server MUST protect the endpoint from brute force. The right secret always works."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"Auth": (2, 60)}
    guesses = [api.post(grant(credential), basic(app.client_id, "guess")) for _ in range(3)]
    assert [guess.status_code for guess in guesses] == [401, 401, 429]
    assert api.post(grant(credential), app.authorization).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_section_3_2_post_only(db: None, method: str) -> None:
    """The client MUST use the HTTP POST method."""
    response = api.program().generic(method, api.token_path())
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_section_3_2_parameters_without_a_value_are_omitted(
    app: api.App, credential: JwtCredential
) -> None:
    assert api.post(grant(credential, scope=""), app.authorization).status_code == 200


def test_section_3_2_unknown_parameters_are_ignored(
    app: api.App, credential: JwtCredential
) -> None:
    assert api.post(grant(credential, color="blue"), app.authorization).status_code == 200


def test_section_3_2_repeated_parameters_are_refused(
    app: api.App, credential: JwtCredential
) -> None:
    twice = [*grant(credential).items(), ("grant_type", GRANT_TYPE)]
    response = api.post(twice, app.authorization)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_section_3_3_scope(app: api.App, credential: JwtCredential) -> None:
    """The answer names the granted scope. By default, you get all scopes of the app."""
    everything = api.post(grant(credential), app.authorization).json()
    assert everything["scope"] == "ReadAccounts EditExtensions EditAccounts"
    part = api.post(grant(credential, scope="ReadAccounts"), app.authorization).json()
    assert part["scope"] == "ReadAccounts"


def test_section_5_1_successful_response(tokens: dict[str, Any]) -> None:
    assert tokens["token_type"].lower() == "bearer"
    assert isinstance(tokens["expires_in"], int)
    assert all(isinstance(tokens[name], str) for name in ("access_token", "refresh_token", "scope"))


def test_section_5_1_is_json_that_is_never_cached(app: api.App, credential: JwtCredential) -> None:
    response = api.post(grant(credential), app.authorization)
    assert response["Content-Type"] == "application/json"
    assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")


def refusal(app: api.App, credential: JwtCredential, error: str) -> Any:
    """Send a request that is refused with this error."""
    if error == "invalid_client":
        return api.post(grant(credential), basic(app.client_id, "wrong"))
    body = {
        "invalid_request": {"grant_type": GRANT_TYPE},
        "invalid_grant": {"grant_type": GRANT_TYPE, "assertion": "x.y.z"},
        "unsupported_grant_type": {"grant_type": "password"},
        "invalid_scope": grant(credential, scope='Everything "quoted" \\ é'),
    }[error]
    return api.post(body, app.authorization)


ERRORS = [
    ("invalid_request", 400),
    ("invalid_client", 401),
    ("invalid_grant", 400),
    ("unsupported_grant_type", 400),
    ("invalid_scope", 400),
]


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_section_5_2_errors(
    app: api.App, credential: JwtCredential, error: str, status: int
) -> None:
    """The code, the status, and a description in the characters that the RFC allows."""
    response = refusal(app, credential, error)
    body = response.json()
    assert (response.status_code, body["error"]) == (status, error)
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])
    assert response["Content-Type"] == "application/json"
    assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")


def test_section_5_2_unauthorized_client(credential: JwtCredential, app: api.App) -> None:
    app.application.uses_jwt_flow = False
    app.application.save()
    response = api.post(grant(credential), app.authorization)
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


def test_section_5_2_invalid_client_names_the_scheme(
    app: api.App, credential: JwtCredential
) -> None:
    """WWW-Authenticate matches the scheme that the client used."""
    response = refusal(app, credential, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic ")


def test_section_6_refreshing(app: api.App, tokens: dict[str, Any], refresh: Send) -> None:
    response = refresh(app, tokens["refresh_token"])
    body = json.loads(response.content)
    assert response.status_code == 200
    assert body["access_token"] != tokens["access_token"]
    assert body["scope"] == tokens["scope"]


def test_section_6_the_client_authenticates(tokens: dict[str, Any], refresh: Send) -> None:
    assert refresh(None, tokens["refresh_token"]).json()["error"] == "invalid_client"


def test_section_6_the_token_belongs_to_its_client(
    other_app: api.App, app: api.App, tokens: dict[str, Any], refresh: Send
) -> None:
    """The refresh token is bound to the client to which it was issued."""
    assert refresh(other_app, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(app, tokens["refresh_token"]).status_code == 200


def test_section_6_scope_does_not_grow(
    app: api.App, credential: JwtCredential, refresh: Send
) -> None:
    narrow = api.post(grant(credential, scope="ReadAccounts"), app.authorization).json()
    wider = refresh(app, narrow["refresh_token"], scope="EditAccounts")
    assert wider.json()["error"] == "invalid_scope"
