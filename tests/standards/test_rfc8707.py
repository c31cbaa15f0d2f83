"""RFC 8707, Resource Indicators."""

from typing import Any

import jwt as pyjwt
import pytest

from credentials.models import JwtCredential
from tests import api
from tests.api import SANDBOX
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import asked
from tests.platforms import MIXED, ORDERS, ORDERS_API, TRACKING_API, UsePlatform

REST_API = SANDBOX.urls.rest_api


@pytest.fixture(autouse=True)
def _mixed_platform(use_platform: UsePlatform) -> None:
    use_platform(MIXED)


@pytest.fixture
def app(rebels: Rebels) -> api.App:
    scopes = ["Accounts", "orders:write"]
    return api.app(rebels.luke, scopes=scopes, issues_refresh_tokens=True)


def granted(response: Any) -> tuple[Any, str]:
    """The audience and the scope of the token of a response."""
    body = response.json()
    claims = pyjwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["scope"] == body["scope"]
    return claims["aud"], body["scope"]


def refreshed(app: api.App, response: Any, **parameters: str) -> Any:
    refresh_token = response.json()["refresh_token"]
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token, **parameters}
    return api.post(grant, app.authorization)


OF_REST_API = (REST_API, "ReadAccounts EditExtensions EditAccounts")
OF_ORDERS = (ORDERS_API, "orders:write orders:read")
OF_BOTH = (
    [REST_API, ORDERS_API],
    "ReadAccounts EditExtensions EditAccounts Accounts orders:write orders:read",
)


@pytest.mark.parametrize(
    ("resource", "token"),
    [(REST_API, OF_REST_API), (ORDERS_API, OF_ORDERS), (TRACKING_API, (TRACKING_API, ""))],
)
def test_section_2_a_token_is_for_the_resource_alone(
    app: api.App, credential: JwtCredential, resource: str, token: tuple[str, str]
) -> None:
    """It has the scopes that the operations of the API ask for, and those that they include."""
    assert granted(api.exchange(app, credential.encode(), resource=resource)) == token


def test_section_2_a_token_for_another_resource_is_refused(
    app: api.App, credential: JwtCredential
) -> None:
    token = api.access_token(app, credential, resource=ORDERS_API)
    assert api.call("GET", "/account/~", token).json()["errorCode"] == "OAU-149"
    fit = api.access_token(app, credential, resource=REST_API)
    assert api.call("GET", "/account/~", fit).status_code == 200


def test_section_2_a_client_can_introspect_and_revoke_a_token_for_any_resource(
    app: api.App, credential: JwtCredential
) -> None:
    token = api.access_token(app, credential, resource=ORDERS_API)
    form = {"content_type": api.FORM, "HTTP_AUTHORIZATION": app.authorization}

    def post(endpoint: str) -> Any:
        path = f"/sandbox/restapi/oauth/{endpoint}"
        return api.program().post(path, f"token={token}", **form)  # type: ignore[arg-type]

    found = post("introspect").json()
    assert (found["active"], found["aud"], found["scope"]) == (True, *OF_ORDERS)
    assert post("revoke").status_code == 200
    assert post("introspect").json() == {"active": False}


@pytest.mark.parametrize(
    "resource",
    [
        "https://api.acme.example",
        f"{ORDERS_API}/",
        f"{ORDERS_API}#part",
        "orders",
        "http://localhost:8000/production/restapi",
        "http://localhost:8000/sandbox",
    ],
)
def test_section_2_an_unknown_resource_is_an_invalid_target(
    rebels: Rebels, app: api.App, credential: JwtCredential, sign_in: SignIn, resource: str
) -> None:
    message = (
        f"The resource '{resource}' is not an API of this platform. Send the audience of one of "
        "its APIs, or leave the parameter out."
    )
    body = api.oauth_error("invalid_target", "CMN-101", message)
    exchanged = api.exchange(app, credential.encode())
    refused = api.exchange(app, credential.encode(), resource=resource)
    again = refreshed(app, exchanged, resource=resource)
    for response in (refused, again):
        assert (response.status_code, response.json()) == (400, body)
        page = asked(sign_in(rebels.luke), response)
        assert page.context["explanation"].headline == "The resource isn’t an API of this platform"
        checks = [row for row in page.context["explanation"].checks if row.result == "fail"]
        assert [row.title for row in checks] == ["The resource is an API of this platform"]
        assert resource not in page.content.decode()
    # The refusal used up nothing.
    assert granted(refreshed(app, exchanged)) == OF_BOTH


def test_section_2_the_built_in_api_must_be_offered(
    rebels: Rebels, credential: JwtCredential, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    app = api.app(rebels.luke, scopes=["orders:read"])
    refused = api.exchange(app, credential.encode(), resource=REST_API)
    assert refused.json()["error"] == "invalid_target"


def test_section_2_a_request_names_one_resource(app: api.App, credential: JwtCredential) -> None:
    """RFC 8707 allows several. As with any other parameter, we accept it once."""
    form = [("grant_type", api.GRANT_TYPE), ("assertion", credential.encode())]
    resources = [("resource", ORDERS_API), ("resource", REST_API)]
    refused = api.post(form + resources, app.authorization).json()
    assert refused["errors"][0]["errorCode"] == "OAU-111"


def test_section_2_an_empty_resource_counts_as_omitted(
    app: api.App, credential: JwtCredential
) -> None:
    assert granted(api.exchange(app, credential.encode(), resource="")) == OF_BOTH


def test_section_2_2_a_requested_scope_is_narrowed_to_the_resource(
    app: api.App, credential: JwtCredential
) -> None:
    scope = "ReadAccounts orders:read"
    response = api.exchange(app, credential.encode(), resource=ORDERS_API, scope=scope)
    assert granted(response) == (ORDERS_API, "orders:read")
    lacking = api.exchange(app, credential.encode(), resource=ORDERS_API, scope="unknown")
    assert lacking.json()["error"] == "invalid_scope"


def test_section_2_2_each_refresh_can_name_another_resource(
    app: api.App, credential: JwtCredential
) -> None:
    """The refresh token keeps the scopes of the session, and no resource."""
    first = api.exchange(app, credential.encode(), resource=ORDERS_API)
    second = refreshed(app, first, resource=REST_API)
    third = refreshed(app, second)
    assert [granted(each) for each in (first, second, third)] == [OF_ORDERS, OF_REST_API, OF_BOTH]


def test_section_2_2_a_refresh_has_no_more_than_the_scopes_of_the_session(
    app: api.App, credential: JwtCredential
) -> None:
    first = api.exchange(app, credential.encode(), scope="orders:read", resource=REST_API)
    assert granted(first) == (REST_API, "")
    assert granted(refreshed(app, first, resource=ORDERS_API)) == (ORDERS_API, "orders:read")
