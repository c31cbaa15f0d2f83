"""The calls of the REST API: whole shapes, rights, and what is wrong with a request."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, PlatformAccount
from tests import api, cast
from tests.conftest import Partners, Rebels

ADDRESS = "/account/~/business-address"
BASE = "http://localhost:8000/sandbox/restapi/v1.0"


def token_of(person: Any, **settings: Any) -> str:
    return api.access_token(api.app(person, **settings), cast.credential(person))


def account_of(rebels: Rebels) -> PlatformAccount:
    return rebels.organization.platform_accounts.get(environment=Environment.SANDBOX)


def test_version_and_status_need_no_token(db: None) -> None:
    assert api.call("GET", "").json() == {"uri": BASE, "versionString": "1.0"}
    assert api.call("GET", "/status").json() == {"uri": f"{BASE}/status", "status": "OK"}


def test_account(rebels: Rebels) -> None:
    account = account_of(rebels)
    body = {
        "uri": f"{BASE}/account/{account.pk}",
        "id": str(account.pk),
        "mainNumber": "",
        "status": "Confirmed",
        "company": "Rebel Alliance",
        "environment": "sandbox",
    }
    token = token_of(rebels.luke)
    assert api.call("GET", "/account/~", token).json() == body
    assert api.call("GET", f"/account/{account.pk}", token).json() == body


def test_extension(rebels: Rebels) -> None:
    account = account_of(rebels)
    extension = account.extensions.get(user=rebels.luke.user)
    body = {
        "uri": f"{BASE}/account/{account.pk}/extension/{extension.pk}",
        "id": str(extension.pk),
        "extensionNumber": str(extension.extension_number),
        "name": "Luke Example",
        "type": "User",
        "status": "Enabled",
        "contact": {
            "firstName": "Luke",
            "lastName": "Example",
            "company": "Rebel Alliance",
            "email": "luke@rebels.example",
        },
        "permissions": {"admin": {"enabled": False}},
        "account": {"id": str(account.pk), "uri": f"{BASE}/account/{account.pk}"},
    }
    token = token_of(rebels.luke)
    assert api.call("GET", "/account/~/extension/~", token).json() == body
    assert api.call("GET", f"/account/~/extension/{extension.pk}", token).json() == body


def test_a_colleagues_extension(rebels: Rebels) -> None:
    leia = account_of(rebels).extensions.get(user=rebels.leia.user)
    response = api.call("GET", f"/account/~/extension/{leia.pk}", token_of(rebels.luke))
    assert response.json()["permissions"] == {"admin": {"enabled": True}}


def test_business_address(rebels: Rebels) -> None:
    account = account_of(rebels)
    assert api.call("GET", ADDRESS, token_of(rebels.luke)).json() == {
        "uri": f"{BASE}/account/{account.pk}/business-address",
        "businessAddress": {"country": "", "state": "", "city": "", "street": "", "zip": ""},
        "company": "Rebel Alliance",
        "email": "",
        "mainSiteName": "Main Site",
    }


def test_changing_the_business_address(rebels: Rebels) -> None:
    app = api.app(rebels.leia)
    token = api.access_token(app, cast.credential(rebels.leia))
    change = {"email": "info@rebels.example", "businessAddress": {"city": "Yavin", "zip": None}}
    response = api.call("PUT", ADDRESS, token, change)
    assert response.status_code == 200
    body = response.json()
    assert body["email"] == "info@rebels.example"
    assert body["company"] == "Rebel Alliance"
    assert body["businessAddress"]["city"] == "Yavin"
    event = AuditEvent.objects.get(kind=AuditKind.PLATFORM_ACCOUNT_UPDATED)
    assert event.actor == rebels.leia.user
    assert event.ip == "127.0.0.1"
    assert event.request_id == response.headers["X-Request-Id"]
    assert event.details == {
        "environment": "sandbox",
        "client_id": app.client_id,
        "changes": {"email": ["", "info@rebels.example"], "city": ["", "Yavin"]},
    }
    production = rebels.organization.platform_accounts.get(environment=Environment.PRODUCTION)
    assert production.city == ""


def test_changing_nothing_leaves_no_event(rebels: Rebels) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), {"company": "Rebel Alliance"})
    assert response.status_code == 200
    assert not AuditEvent.objects.filter(kind=AuditKind.PLATFORM_ACCOUNT_UPDATED).exists()


def test_luke_may_not_change_the_business_address(rebels: Rebels) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.luke), {"company": "Jedi"})
    assert response.status_code == 403
    assert response.json() == api.rest_error(
        "CMN-408",
        "The user lacks the permission [EditCompanyInfo]. An account administrator can grant a "
        "user role that has it.",
        permissionName="EditCompanyInfo",
    )
    assert "WWW-Authenticate" not in response.headers


def test_the_apps_scope_counts_as_well(rebels: Rebels) -> None:
    response = api.call(
        "PUT", ADDRESS, token_of(rebels.leia, scopes=["ReadAccounts"]), {"company": "Jedi"}
    )
    assert response.status_code == 403
    assert response.json()["errorCode"] == "CMN-401"


@pytest.mark.parametrize("path", ["", "/business-address", "/extension/~"])
def test_another_account_does_not_exist(rebels: Rebels, partners: Partners, path: str) -> None:
    theirs = partners.organization.platform_accounts.get(environment=Environment.SANDBOX)
    response = api.call("GET", f"/account/{theirs.pk}{path}", token_of(rebels.leia))
    assert response.status_code == 404
    assert response.json() == api.rest_error(
        "CMN-102",
        "Resource for parameter [accountId] is not found.",
        parameterName="accountId",
    )


@pytest.mark.parametrize(
    "extension_id", ["1", "abc", "99999999999999999999999", "²", "-1", "%00", "%ff"]
)
def test_an_unknown_extension(rebels: Rebels, extension_id: str) -> None:
    response = api.call("GET", f"/account/~/extension/{extension_id}", token_of(rebels.luke))
    assert response.status_code == 404
    assert response.json()["errors"][0]["parameterName"] == "extensionId"


def test_another_accounts_extension(rebels: Rebels, partners: Partners) -> None:
    theirs = partners.lobot.user.extensions.get(account__environment=Environment.SANDBOX)
    response = api.call("GET", f"/account/~/extension/{theirs.pk}", token_of(rebels.leia))
    assert response.status_code == 404


def test_json_that_can_not_be_parsed(rebels: Rebels) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), b'{"company": ')
    assert response.status_code == 400
    assert response.json() == api.rest_error("CMN-103", "The JSON can't be parsed.")


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"company": ""}, "company"),
        ({"company": "x" * 121}, "company"),
        ({"company": 7}, "company"),
        ({"email": "not an address"}, "email"),
        ({"businessAddress": {"zip": "x" * 21}}, "businessAddress.zip"),
        ({"businessAddress": {"planet": "Hoth"}}, "businessAddress.planet"),
        ({"businessAddress": "Hoth"}, "businessAddress"),
        ({"businessAddress": ["Hoth"]}, "businessAddress"),
        ({"businessAddress": {"city": "\ud800"}}, "businessAddress.city"),
        ({"company": "nul \x00"}, "company"),
        ({"company": " \t\u2003"}, "company"),
    ],
    ids=str,
)
def test_an_invalid_value_names_its_parameter(
    rebels: Rebels, change: dict[str, Any], parameter: str
) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), change)
    assert response.status_code == 400
    body = response.json()
    assert body["errorCode"] == "CMN-101"
    assert body["errors"][0]["parameterName"] == parameter


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7", b""])
def test_a_body_of_another_kind(rebels: Rebels, body: bytes) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), body)
    assert response.status_code == 400
    assert response.json()["errorCode"] in ("CMN-101", "CMN-103")


def test_what_is_wrong_is_said_whole(rebels: Rebels, subtests: pytest.Subtests) -> None:
    token = token_of(rebels.leia)
    unparsable = api.rest_error("CMN-103", "The JSON can't be parsed.")
    bodies: list[tuple[bytes, dict[str, Any]]] = [
        (b"\xff\xfe{}", unparsable),
        (b"[" * 5000, unparsable),
        (b"company=Jedi", unparsable),
        (b"{}" * 150_000, api.rest_error("CMN-101", "The request is malformed.")),
        (b"[]", invalid("body", "Input should be an object")),
        (b"", invalid("body", "Field required")),
        (b'{"company": 7}', invalid("company", "Input should be a valid string")),
        (b'{"company": ""}', invalid("company", "String should have at least 1 character")),
        (b'{"email": "x"}', invalid("email", "Enter a valid email address.")),
        (
            b'{"company": "\\u0000"}',
            invalid("company", "Null characters and halves of surrogate pairs are not allowed."),
        ),
    ]
    for body, refusal in bodies:
        with subtests.test(body=body[:20]):
            response = api.call("PUT", ADDRESS, token, body)
            assert (response.status_code, response.json()) == (400, refusal)
    assert not AuditEvent.objects.filter(kind=AuditKind.PLATFORM_ACCOUNT_UPDATED).exists()


def invalid(name: str, problem: str) -> dict[str, Any]:
    return api.rest_error(
        "CMN-101", f"Parameter [{name}] is invalid: {problem}", parameterName=name
    )


def test_a_text_is_trimmed(rebels: Rebels) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), {"company": "  Jedi Temple\n"})
    assert response.json()["company"] == "Jedi Temple"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
names = st.sampled_from(["company", "email", "mainSiteName", "businessAddress"])


@pytest.fixture
def leias_token(rebels: Rebels) -> str:
    return token_of(rebels.leia)


@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    body=st.binary(max_size=60)
    | json_values.map(api.json_bytes)
    | st.dictionaries(names, json_values).map(api.json_bytes)
)
def test_any_body(leias_token: str, body: bytes) -> None:
    response = api.call("PUT", ADDRESS, leias_token, body)
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert set(response.json()) == {"errorCode", "message", "errors"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/account/~", "GET"),
        ("POST", ADDRESS, "GET, PUT"),
        ("PATCH", ADDRESS, "GET, PUT"),
        ("OPTIONS", "/status", "GET"),
        ("PUT", "/account/~/extension/~", "GET"),
    ],
)
def test_a_method_that_is_not_allowed(db: None, method: str, path: str, allowed: str) -> None:
    response = api.call(method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert response.json() == api.rest_error(
        "CMN-101", f"The method is not allowed; use {allowed}."
    )


def test_head_answers_like_get(rebels: Rebels) -> None:
    token = token_of(rebels.luke)
    assert api.call("HEAD", "/account/~", token).status_code == 200
    assert api.call("HEAD", "/account/1", token).status_code == 404
    assert api.call("HEAD", "/account/~").status_code == 401


@pytest.mark.parametrize("path", ["/nothing", "/account", "/account/~/extension/~/more", "/"])
def test_an_unknown_address(db: None, path: str) -> None:
    response = api.call("GET", path)
    assert response.status_code == 404
    assert response.json() == api.rest_error("CMN-120", "Invalid URI.")


def test_the_description_names_the_calls(db: None) -> None:
    document = api.program().get("/sandbox/restapi/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert sorted(path.removeprefix("/sandbox/restapi") for path in document["paths"]) == [
        "/v1.0",
        "/v1.0/account/{account_id}",
        "/v1.0/account/{account_id}/business-address",
        "/v1.0/account/{account_id}/extension/{extension_id}",
        "/v1.0/status",
    ]
