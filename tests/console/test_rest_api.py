"""The calls of the REST API: complete bodies, permissions, and invalid requests."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Extension, PlatformAccount
from accounts.platform import built_in
from console.api.calls import CALLS
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


def test_the_account_of_the_caller(rebels: Rebels) -> None:
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


def test_the_extension_of_the_caller(rebels: Rebels) -> None:
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


def test_a_colleagues_extension_needs_a_user_permission(rebels: Rebels) -> None:
    leia = account_of(rebels).extensions.get(user=rebels.leia.user)
    response = api.call("GET", f"/account/~/extension/{leia.pk}", token_of(rebels.luke))
    assert response.json()["permissions"] == {"admin": {"enabled": True}}


def test_the_business_address_of_the_account(rebels: Rebels) -> None:
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


def test_a_standard_user_can_not_change_the_business_address(rebels: Rebels) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.luke), {"company": "Jedi"})
    assert response.status_code == 403
    assert response.json() == api.rest_error(
        "CMN-408",
        "The user does not have the user permission [EditCompanyInfo]. An account "
        "administrator can grant a "
        "user role that has it.",
        permissionName="EditCompanyInfo",
    )
    assert "WWW-Authenticate" not in response.headers


def test_a_call_needs_the_app_scope_as_well(rebels: Rebels) -> None:
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


# It belongs to another account or does not exist. The answer is the same.
NO_SUCH_EXTENSION = api.rest_error(
    "CMN-102",
    "Resource for parameter [extensionId] is not found.",
    parameterName="extensionId",
)


@pytest.mark.parametrize(
    "extension_id", ["1", "abc", "99999999999999999999999", "²", "-1", "%00", "%ff"]
)
def test_an_unknown_extension_does_not_exist(rebels: Rebels, extension_id: str) -> None:
    response = api.call("GET", f"/account/~/extension/{extension_id}", token_of(rebels.luke))
    assert (response.status_code, response.json()) == (404, NO_SUCH_EXTENSION)


def test_an_extension_of_another_account_does_not_exist(rebels: Rebels, partners: Partners) -> None:
    theirs = partners.lobot.user.extensions.get(account__environment=Environment.SANDBOX)
    response = api.call("GET", f"/account/~/extension/{theirs.pk}", token_of(rebels.leia))
    assert (response.status_code, response.json()) == (404, NO_SUCH_EXTENSION)


def test_json_that_can_not_be_parsed_is_refused(rebels: Rebels) -> None:
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
def test_a_body_that_is_not_an_object_is_refused(rebels: Rebels, body: bytes) -> None:
    response = api.call("PUT", ADDRESS, token_of(rebels.leia), body)
    assert response.status_code == 400
    assert response.json()["errorCode"] in ("CMN-101", "CMN-103")


def test_every_invalid_field_is_reported_at_once(rebels: Rebels, subtests: pytest.Subtests) -> None:
    token = token_of(rebels.leia)
    unparsable = api.rest_error("CMN-103", "The JSON can't be parsed.")
    bodies: list[tuple[bytes, dict[str, Any]]] = [
        (b"\xff\xfe{}", unparsable),
        (b"[" * 5000, unparsable),
        (b"company=Jedi", unparsable),
        (b"{}" * 150_000, api.rest_error("CMN-101", "The body is too large.")),
        (b"[]", invalid("body", "Input should be an object")),
        (b"", invalid("body", "Field required")),
        (b'{"company": 7}', invalid("company", "Input should be a valid string")),
        (b'{"company": ""}', invalid("company", "String should have at least 1 character")),
        (b'{"email": "x"}', invalid("email", "Enter a valid email address.")),
        (
            b'{"company": "\\u0000"}',
            invalid("company", "Null characters are not allowed."),
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
def test_any_body_gets_an_error_of_the_api(leias_token: str, body: bytes) -> None:
    response = api.call("PUT", ADDRESS, leias_token, body)
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert set(response.json()) == {"errorCode", "message", "errors"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/account/~", "GET, HEAD"),
        ("POST", ADDRESS, "GET, HEAD, PUT"),
        ("PATCH", ADDRESS, "GET, HEAD, PUT"),
        ("OPTIONS", "/status", "GET, HEAD"),
        ("DELETE", "/account/~/extension/~", "GET, HEAD, PUT"),
        ("PUT", "/account/~/extension", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_allowed_gets_405(
    db: None, method: str, path: str, allowed: str
) -> None:
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
def test_an_unknown_address_gets_404(db: None, path: str) -> None:
    response = api.call("GET", path)
    assert response.status_code == 404
    assert response.json() == api.rest_error("CMN-120", "Invalid URI.")


def test_the_openapi_document_names_the_calls(db: None) -> None:
    document = api.program().get("/sandbox/restapi/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    # The paths follow the base URL.
    assert document["servers"] == [{"url": "http://localhost:8000/sandbox"}]
    assert sorted(path.removeprefix("/restapi") for path in document["paths"]) == [
        "/v1.0",
        "/v1.0/account/{account_id}",
        "/v1.0/account/{account_id}/business-address",
        "/v1.0/account/{account_id}/extension",
        "/v1.0/account/{account_id}/extension/{extension_id}",
        "/v1.0/account/{account_id}/extension/{extension_id}/authz-profile",
        "/v1.0/account/{account_id}/extension/{extension_id}/authz-profile/check",
        "/v1.0/status",
    ]


def test_each_call_needs_its_documented_scope_and_permission(db: None) -> None:
    """The scope, the user permission and the limit group of every call that needs a token."""
    account, extension = "/account/{account_id}", "/account/{account_id}/extension/{extension_id}"
    read, company = built_in.READ_ACCOUNTS, built_in.READ_COMPANY_INFO
    needs = {(call.method, call.path): (call.scope, call.permission, call.group) for call in CALLS}
    assert needs == {
        ("GET", account): (read, company, "Light"),
        ("GET", f"{account}/business-address"): (read, company, "Light"),
        ("PUT", f"{account}/business-address"): (
            built_in.EDIT_ACCOUNTS, built_in.EDIT_COMPANY_INFO, "Medium",
        ),
        ("GET", f"{account}/extension"): (read, built_in.READ_EXTENSIONS, "Medium"),
        ("GET", extension): (read, "", "Light"),
        ("PUT", extension): (
            built_in.EDIT_EXTENSIONS, built_in.EDIT_OWN_USER_INFO, "Medium",
        ),
        ("GET", f"{extension}/authz-profile"): ("", "", "Medium"),
        ("GET", f"{extension}/authz-profile/check"): ("", "", "Medium"),
    }  # fmt: skip


def extension_of(person: Any, environment: Environment = Environment.SANDBOX) -> Extension:
    return Extension.objects.select_related("account", "user").get(
        user=person.user, account__environment=environment
    )


def test_extensions_are_listed_in_pages(rebels: Rebels) -> None:
    account = account_of(rebels)
    uri = f"{BASE}/account/{account.pk}/extension"
    token = token_of(rebels.luke)
    whole = api.call("GET", "/account/~/extension", token).json()
    people = ["leia", "han", "luke"]
    single = f"/account/~/extension/{extension_of(rebels.leia).pk}"
    assert whole["records"][0] == api.call("GET", single, token).json()
    assert [record["contact"]["email"] for record in whole["records"]] == [
        f"{name}@rebels.example" for name in people
    ]
    everything = {"uri": f"{uri}?page=1&perPage=100"}
    assert whole | {"records": []} == {
        **everything,
        "records": [],
        "paging": {
            "page": 1, "totalPages": 1, "perPage": 100,
            "totalElements": 3, "pageStart": 0, "pageEnd": 2,
        },
        "navigation": {"firstPage": everything, "lastPage": everything},
    }  # fmt: skip
    second = api.call("GET", "/account/~/extension?page=2&perPage=1", token).json()
    assert [record["name"] for record in second["records"]] == ["Han Example"]
    pages = {number: {"uri": f"{uri}?page={number}&perPage=1"} for number in (1, 2, 3)}
    assert second | {"records": []} == {
        **pages[2],
        "records": [],
        "paging": {
            "page": 2, "totalPages": 3, "perPage": 1,
            "totalElements": 3, "pageStart": 1, "pageEnd": 1,
        },
        "navigation": {
            "firstPage": pages[1], "lastPage": pages[3],
            "nextPage": pages[3], "previousPage": pages[1],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page=0", "page"), ("page=x", "page"), ("page=", "page"),
        ("page=99999999999999999999", "page"), ("perPage=0", "perPage"),
        ("perPage=1001", "perPage"), ("perPage=1.5", "perPage"),
    ],
)  # fmt: skip
def test_an_invalid_page_names_its_parameter(rebels: Rebels, query: str, parameter: str) -> None:
    response = api.call("GET", f"/account/~/extension?{query}", token_of(rebels.luke))
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameterName"] == parameter


def test_a_page_after_the_last_does_not_exist(rebels: Rebels) -> None:
    response = api.call("GET", "/account/~/extension?page=2", token_of(rebels.luke))
    assert response.status_code == 404
    assert response.json()["errors"][0]["parameterName"] == "page"


def test_the_list_takes_few_statements(rebels: Rebels, django_assert_max_num_queries: Any) -> None:
    token = token_of(rebels.luke)
    single = api.call("GET", "/account/~", token)
    assert single.status_code == 200
    with django_assert_max_num_queries(7):
        api.call("GET", "/account/~/extension", token)


def test_people_can_change_their_own_contact(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    token = api.access_token(app, cast.credential(rebels.luke))
    before = api.call("GET", "/account/~/extension/~", token).json()
    change = {
        "contact": {"lastName": " Skywalker ", "email": "red5@rebels.example", "company": None}
    }
    response = api.call("PUT", "/account/~/extension/~", token, change)
    assert response.status_code == 200
    contact = before["contact"] | {"lastName": "Skywalker", "email": "red5@rebels.example"}
    assert response.json() == before | {"name": "Luke Skywalker", "contact": contact}
    assert api.call("GET", "/account/~/extension/~", token).json() == response.json()
    event = AuditEvent.objects.get(kind=AuditKind.EXTENSION_UPDATED)
    assert (event.actor, event.target_id) == (rebels.luke.user, before["id"])
    assert event.details == {
        "environment": "sandbox",
        "client_id": app.client_id,
        "changes": {
            "lastName": ["Example", "Skywalker"],
            "email": ["luke@rebels.example", "red5@rebels.example"],
        },
    }


def test_a_contact_changes_in_one_environment_only(rebels: Rebels) -> None:
    """Neither the other environment nor the person's sign-in changes with it."""
    change = {"contact": {"firstName": "Red", "email": "red5@rebels.example"}}
    api.call("PUT", "/account/~/extension/~", token_of(rebels.luke), change)
    production = extension_of(rebels.luke, Environment.PRODUCTION)
    assert production.contact_details["firstName"] == "Luke"
    rebels.luke.user.refresh_from_db()
    assert (rebels.luke.user.first_name, rebels.luke.user.email) == ("Luke", "luke@rebels.example")


def test_only_super_admins_can_change_a_colleagues_contact(rebels: Rebels) -> None:
    luke = f"/account/~/extension/{extension_of(rebels.luke).pk}"
    change = {"contact": {"company": "Rogue Squadron"}}
    refused = api.call("PUT", luke, token_of(rebels.han), change)
    assert (refused.status_code, refused.json()) == (
        403,
        api.rest_error(
            "CMN-408",
            "The user does not have the user permission [EditUserInfo]. An account "
            "administrator can grant a "
            "user role that has it.",
            permissionName="EditUserInfo",
        ),
    )
    changed = api.call("PUT", luke, token_of(rebels.leia), change)
    assert changed.json()["contact"]["company"] == "Rogue Squadron"


def test_the_app_needs_the_scope_to_change_contacts(rebels: Rebels) -> None:
    token = token_of(rebels.luke, scopes=["ReadAccounts"])
    response = api.call("PUT", "/account/~/extension/~", token, {"contact": {}})
    assert response.status_code == 403
    assert response.json()["errors"][0]["permissionName"] == "EditExtensions"


def test_permissions_are_checked_before_the_body(rebels: Rebels) -> None:
    """A caller without the permission gets 403, even with an invalid body."""
    token = token_of(rebels.luke, scopes=["ReadAccounts"])
    for path in (ADDRESS, "/account/~/extension/~"):
        response = api.call("PUT", path, token, b"{")
        assert (response.status_code, response.json()["errorCode"]) == (403, "CMN-401")


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"contact": {"firstName": ""}}, "contact.firstName"),
        ({"contact": {"lastName": "x" * 81}}, "contact.lastName"),
        ({"contact": {"email": "nobody"}}, "email"),
        ({"contact": {"company": "\x00"}}, "contact.company"),
        ({"contact": {"homeworld": "Tatooine"}}, "contact.homeworld"),
        ({"contact": []}, "contact"),
        ([], "body"),
    ],
    ids=str,
)
def test_an_invalid_contact_names_its_parameter(
    rebels: Rebels, change: Any, parameter: str
) -> None:
    response = api.call("PUT", "/account/~/extension/~", token_of(rebels.luke), change)
    assert response.status_code == 400
    body = response.json()
    assert (body["errorCode"], body["errors"][0]["parameterName"]) == ("CMN-101", parameter)


def test_a_contact_of_another_account_does_not_exist(rebels: Rebels, partners: Partners) -> None:
    theirs = extension_of(partners.lobot)
    change = {"contact": {"company": "Empire"}}
    response = api.call("PUT", f"/account/~/extension/{theirs.pk}", token_of(rebels.leia), change)
    assert (response.status_code, response.json()) == (404, NO_SUCH_EXTENSION)
    theirs.refresh_from_db()
    assert theirs.contact == {}


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("luke", {"ReadCompanyInfo": "Account", "ReadExtensions": "AllExtensions",
                  "EditUserInfo": "Self"}),
        ("leia", {"ReadCompanyInfo": "Account", "EditCompanyInfo": "Account",
                  "ReadExtensions": "AllExtensions", "EditUserInfo": "AllExtensions"}),
    ],
)  # fmt: skip
def test_the_authz_profile_lists_the_user_permissions(
    rebels: Rebels, name: str, reach: dict[str, str]
) -> None:
    person = getattr(rebels, name)
    extension = extension_of(person)
    uri = f"{BASE}/account/{extension.account_id}/extension/{extension.pk}/authz-profile"
    # The app needs no scope, and its scopes do not widen or narrow the answer.
    token = token_of(person, scopes=[])
    granted = [
        {
            "permission": {"uri": f"{uri}/check?permissionId={permission}", "id": permission},
            "scopes": [scope],
        }
        for permission, scope in reach.items()
    ]
    for own in ("~", str(extension.pk)):
        response = api.call("GET", f"/account/~/extension/{own}/authz-profile", token)
        assert response.json() == {"uri": uri, "permissions": granted}
    for permission in built_in.PERMISSIONS:
        path = f"/account/~/extension/~/authz-profile/check?permissionId={permission}"
        has = permission in reach
        assert api.call("GET", path, token).json() == {
            "uri": f"{uri}/check?permissionId={permission}",
            "successful": has,
            "details": {
                "permission": {"uri": f"{uri}/check?permissionId={permission}", "id": permission},
                "scopes": [reach[permission]] if has else [],
            },
        }


def test_people_can_read_only_their_own_authz_profile(rebels: Rebels) -> None:
    leia = extension_of(rebels.leia).pk
    path = f"/account/~/extension/{leia}/authz-profile"
    response = api.call("GET", path, token_of(rebels.luke))
    assert (response.status_code, response.json()) == (404, NO_SUCH_EXTENSION)


@pytest.mark.parametrize("query", ["", "?permissionId=", "?permissionId=FlyTheFalcon"])
def test_an_unknown_permission_names_its_parameter(rebels: Rebels, query: str) -> None:
    path = f"/account/~/extension/~/authz-profile/check{query}"
    response = api.call("GET", path, token_of(rebels.luke))
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameterName"] == "permissionId"
