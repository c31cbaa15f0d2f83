"""RFC 9068, JWT Profile for OAuth 2.0 Access Tokens."""

import re
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from django.utils import timezone

from accounts.models import Extension
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api
from tests.api import SANDBOX
from tests.conftest import Rebels
from tests.platforms import EXTENDED, MIXED, ORDERS_API, UsePlatform


@pytest.fixture
def decoded(tokens: dict[str, Any]) -> dict[str, Any]:
    """The token as a resource server decodes it with the published keys."""
    keys = api.program().get("/sandbox/restapi/oauth/jwks").json()["keys"]
    token = tokens["access_token"]
    kid = pyjwt.get_unverified_header(token)["kid"]
    key = next(pyjwt.PyJWK(key) for key in keys if key["kid"] == kid)
    return pyjwt.decode_complete(
        token,
        key,
        algorithms=["ES256"],
        audience=SANDBOX.urls.rest_api,
        issuer=SANDBOX.urls.base_url,
    )


def test_section_2_1_header(decoded: dict[str, Any]) -> None:
    """The header names the type, the algorithm and the key."""
    header = decoded["header"]
    assert (header["typ"], header["alg"], set(header)) == ("at+jwt", "ES256", {"typ", "alg", "kid"})


def test_section_2_2_claims(
    decoded: dict[str, Any], app: api.App, credential: JwtCredential
) -> None:
    claims = decoded["payload"]
    assert claims["iss"] == "http://localhost:8000/sandbox"
    assert claims["aud"] == "http://localhost:8000/sandbox/restapi"
    assert claims["sub"] == str(credential.extension_id)
    assert claims["client_id"] == app.client_id
    assert claims["exp"] - claims["iat"] == 3600
    assert len(claims["jti"]) >= 20


def test_section_2_2_every_token_has_its_own_identifier(
    app: api.App, credential: JwtCredential
) -> None:
    found = {
        pyjwt.decode(api.access_token(app, credential), options={"verify_signature": False})["jti"]
        for _ in range(5)
    }
    assert len(found) == 5


def test_section_2_2_3_scope(decoded: dict[str, Any], tokens: dict[str, Any]) -> None:
    assert decoded["payload"]["scope"] == tokens["scope"]


def test_section_2_2_3_1_roles_and_entitlements(
    app: api.App, credential: JwtCredential, use_platform: UsePlatform
) -> None:
    """The user role and its user permissions when the token is issued, in the file's order."""
    use_platform(EXTENDED)
    give_role(credential, "finance")
    claims = bearer_claims(credential, app)
    assert claims["roles"] == ["finance"]
    assert claims["entitlements"] == ["EditUserInfo:own", "IssueRefunds"]


def test_section_2_2_3_1_a_role_that_is_no_longer_offered_grants_nothing(
    app: api.App, credential: JwtCredential
) -> None:
    give_role(credential, "gone")
    claims = bearer_claims(credential, app)
    assert (claims["roles"], claims["entitlements"]) == ([], [])


def give_role(credential: JwtCredential, role: str) -> None:
    Extension.objects.filter(pk=credential.extension_id).update(user_role=role)


def test_section_2_2_3_a_scope_that_the_app_lost_counts_at_once(
    app: api.App, credential: JwtCredential
) -> None:
    """Scopes that the app gains later need a new token."""
    token = api.access_token(app, credential)
    app.application.scopes = ["EditExtensions"]
    app.application.save()
    assert api.call("GET", "/account/~", token).json()["errorCode"] == "CMN-401"


def bearer_claims(credential: JwtCredential, app: api.App) -> dict[str, Any]:
    token = api.access_token(app, credential)
    found: dict[str, Any] = pyjwt.decode(token, options={"verify_signature": False})
    return found


def test_section_3_without_a_resource_the_audience_has_the_apis_of_the_scopes(
    rebels: Rebels, credential: JwtCredential, use_platform: UsePlatform
) -> None:
    use_platform(MIXED)
    rest_api = SANDBOX.urls.rest_api
    for scopes, audience in (
        (["ReadAccounts"], rest_api),
        (["ReadAccounts", "orders:read"], [rest_api, ORDERS_API]),
        (["orders:write"], [rest_api, ORDERS_API]),
    ):
        assert bearer_claims(credential, api.app(rebels.luke, scopes=scopes))["aud"] == audience


def test_section_3_a_narrower_scope_has_fewer_audiences(
    rebels: Rebels, credential: JwtCredential, use_platform: UsePlatform
) -> None:
    use_platform(MIXED)
    app = api.app(rebels.luke, scopes=["Accounts", "orders:read"])
    token = api.access_token(app, credential, scope="Accounts")
    claims = pyjwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == SANDBOX.urls.rest_api


def answer(claims: dict[str, Any], token_type: str = "at+jwt") -> str:
    token = api.signed(claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type=token_type)
    return str(api.call("GET", "/account/~", token).json().get("errorCode"))


@pytest.mark.parametrize("token_type", ["JWT", "at+JWT", "", "dpop+jwt"])
def test_section_4_type(app: api.App, credential: JwtCredential, token_type: str) -> None:
    """Any other type MUST be rejected. We accept only the spelling that we issue."""
    assert answer(bearer_claims(credential, app), token_type) == "OAU-149"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "http://localhost:8000/production"),
        ("iss", "https://evil.example"),
        ("aud", "http://localhost:8000/sandbox"),
        ("aud", ["http://localhost:8000/production/restapi", "https://api.acme.example/orders"]),
        ("aud", []),
        ("aud", None),
        ("aud", {"http://localhost:8000/sandbox/restapi": True}),
    ],
)
def test_section_4_issuer_and_audience(
    app: api.App, credential: JwtCredential, claim: str, value: Any
) -> None:
    assert answer(bearer_claims(credential, app) | {claim: value}) == "OAU-149"


def test_section_4_one_of_several_audiences(app: api.App, credential: JwtCredential) -> None:
    """The resource server must be among them."""
    audiences = ["https://api.acme.example/orders", SANDBOX.urls.rest_api]
    claims = bearer_claims(credential, app) | {"aud": audiences}
    token = api.signed(claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type="at+jwt")
    assert api.call("GET", "/account/~", token).status_code == 200


def test_section_4_expiration(app: api.App, credential: JwtCredential) -> None:
    past = int((timezone.now() - timedelta(seconds=1)).timestamp())
    assert answer(bearer_claims(credential, app) | {"exp": past}) == "OAU-210"


@pytest.mark.parametrize("claim", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"])
def test_section_4_required_claims(app: api.App, credential: JwtCredential, claim: str) -> None:
    claims = bearer_claims(credential, app)
    del claims[claim]
    assert answer(claims) == "OAU-149" or (claim == "exp" and answer(claims) == "OAU-210")


def test_section_5_a_subject_is_never_mistaken_for_a_client(
    decoded: dict[str, Any], app: api.App
) -> None:
    """An extension is a number, and a client ID is longer than any of these numbers."""
    assert re.fullmatch(r"[0-9]{1,18}", decoded["payload"]["sub"])
    assert re.fullmatch(r"[A-Za-z0-9]{22}", app.client_id)
