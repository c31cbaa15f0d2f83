"""RFC 7523, JWT Profile for Authorization Grants: the numbered conditions of section 3."""

from typing import Any

import pytest

from credentials.models import JwtCredential
from tests import api
from tests.api import PRODUCTION, SANDBOX


def refused(app: api.App, claims: dict[str, Any]) -> bool:
    """Whether a JWT with these claims and a genuine signature is refused with JWT-101."""
    body = api.exchange(app, api.signed(claims)).json()
    return bool(body.get("errors", [{}])[0].get("errorCode") == "JWT-101")


@pytest.mark.parametrize("value", [None, "", "http://localhost:8000", "https://evil.example", 7])
def test_section_3_item_1_issuer(app: api.App, credential: JwtCredential, value: Any) -> None:
    assert refused(app, credential.claims | {"iss": value})


@pytest.mark.parametrize("value", [None, "", "1", 1, ["1"]])
def test_section_3_item_2_subject(app: api.App, credential: JwtCredential, value: Any) -> None:
    """The subject is the extension of the credential's owner."""
    assert refused(app, credential.claims | {"sub": value})


def test_section_3_item_2_subject_is_the_owner(app: api.App, credential: JwtCredential) -> None:
    assert credential.claims["sub"] == str(credential.extension_id)
    body = api.exchange(app, credential.encode()).json()
    assert body["owner_id"] == str(credential.extension_id)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "http://localhost:8000/sandbox",
        "http://localhost:8000/sandbox/restapi",
        ["http://localhost:8000/sandbox/restapi/oauth/token", "https://evil.example"],
    ],
)
def test_section_3_item_3_audience(app: api.App, credential: JwtCredential, value: Any) -> None:
    assert refused(app, credential.claims | {"aud": value})


def test_section_3_item_3_audience_is_the_token_endpoint(credential: JwtCredential) -> None:
    assert credential.claims["aud"] == SANDBOX.urls.token_endpoint


@pytest.mark.parametrize("value", [None, "tomorrow", 1, -1, 10**20, 1e300])
def test_section_3_item_4_expiration(app: api.App, credential: JwtCredential, value: Any) -> None:
    assert refused(app, credential.claims | {"exp": value})


def test_section_3_item_4_expiration_is_always_there(credential: JwtCredential) -> None:
    """A credential without an expiration date carries the last day of 2099."""
    assert credential.claims["exp"] == 4102358400


def test_section_3_item_5_not_before(app: api.App, credential: JwtCredential) -> None:
    """We never issue `nbf`, so a JWT that has one is not ours."""
    assert refused(app, credential.claims | {"nbf": 0})


def test_section_3_item_6_issued_at(app: api.App, credential: JwtCredential) -> None:
    assert refused(app, credential.claims | {"iat": credential.claims["iat"] + 1})


@pytest.mark.parametrize("value", [None, "", "unknown", "0" * 32, 7])
def test_section_3_item_7_identifier(app: api.App, credential: JwtCredential, value: Any) -> None:
    assert refused(app, credential.claims | {"jti": value})


def test_section_3_item_8_other_claims(app: api.App, credential: JwtCredential) -> None:
    assert refused(app, credential.claims | {"scope": "Accounts"})


def test_section_3_item_9_signature(app: api.App, credential: JwtCredential) -> None:
    head, payload, signature = credential.encode().split(".")
    for forged in (f"{head}.{payload}.{signature[::-1]}", f"{head}.{payload}."):
        assert api.exchange(app, forged).json()["errors"][0]["errorCode"] == "JWT-101"


def test_section_3_item_10_the_key_of_another_environment(
    app: api.App, credential: JwtCredential
) -> None:
    """The key is ours, but it belongs to the issuer of the other environment."""
    foreign = api.signed(credential.claims, environment=PRODUCTION)
    assert api.exchange(app, foreign).json()["error"] == "invalid_grant"


def test_section_3_1_error_response(app: api.App) -> None:
    """`invalid_grant`, with a description for the developer."""
    body = api.exchange(app, "x.y.z").json()
    assert body == api.oauth_error(
        "invalid_grant",
        "JWT-101",
        "The assertion is not a valid JWT credential of this authorization server. Copy the "
        "whole JWT again.",
    )
