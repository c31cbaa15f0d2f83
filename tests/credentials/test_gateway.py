"""What a gateway learns about a call of an API that it protects."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.actions.external_ids import set_external_id
from core.background import BackgroundWriter
from credentials import jose
from credentials.actions.clients import mark_resource_server
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import CallUsage, JwtCredential, Policy
from credentials.models.signing_keys import KeyPurpose
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.conftest import Rebels
from tests.credentials.gateways import (
    Shop,
    ask,
    asked_with,
    use_profiles,
)
from tests.credentials.refusing import recorded
from tests.credentials.test_bearer import (
    INVALID,
    NO_TOKEN,
    OTHER_API,
    REVOKED,
    claims_of,
    signed,
)
from tests.platforms import UsePlatform

pytestmark = pytest.mark.both_databases

UNLISTED = api.rest_error(
    "CMN-402",
    "The Orders API does not have this operation. Compare the method and the path with its "
    "reference.",
)


def scope_missing(scope: str) -> dict[str, Any]:
    return api.rest_error(
        "CMN-401",
        f"The app does not have the app scope [{scope}]. Add the scope in the app's settings.",
        permissionName=scope,
    )


PERMISSION_MISSING = api.rest_error(
    "CMN-408",
    "The user does not have the user permission [IssueRefunds]. An account administrator can grant "
    "a user role that has it.",
    permissionName="IssueRefunds",
)


def told(response: Any) -> dict[str, str]:
    """The headers about the caller."""
    names = ("owner", "account", "client", "scope", "user")
    return {
        name: value
        for name, value in response.headers.items()
        if name.lower().startswith(tuple(f"x-{each}" for each in names))
    }


# --- Calls that may pass -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [("X-Original-Method", "X-Original-URI"), ("X-Forwarded-Method", "X-Forwarded-Uri")],
    ids=["original", "forwarded"],
)
def test_an_allowed_call_says_who_calls(shop: Shop, pair: tuple[str, str]) -> None:
    extension = shop.credential.extension
    set_external_id(extension, "cus 17", origin=cast.ORIGIN)
    sent = dict(zip(pair, ("GET", "/orders?page=2"), strict=True))
    response = asked_with(sent, shop.token())
    assert (response.status_code, response.content) == (204, b"")
    assert told(response) == {
        "X-Owner-Id": str(extension.pk),
        "X-Owner-External-Id": "cus 17",
        "X-Account-Id": str(extension.account_id),
        "X-Client-Id": shop.app.client_id,
        "X-Scope": "orders:write orders:read",
        "X-User-Role": "support",
        "X-User-Permissions": "ViewOrders",
    }
    assert response["X-Request-Id"]
    assert response["Cache-Control"] == "no-store"


def test_the_headers_are_there_even_if_they_are_empty(shop: Shop) -> None:
    """Or a gateway might leave what the caller sent in their place."""
    shop.rebels.luke.user.extensions.update(user_role="retired_role")
    headers = told(ask("GET /me", shop.token()))
    assert headers["X-Owner-External-Id"] == headers["X-User-Permissions"] == ""
    assert headers["X-User-Role"] == ""


def test_an_open_operation_needs_no_token(shop: Shop) -> None:
    for token in (None, "anything", shop.token()):
        response = ask("GET /status", token)
        assert response.status_code == 204
        assert told(response) == {}
    BackgroundWriter.flush_all()
    assert not CallUsage.objects.exists()


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("GET /orders/17", 204),
        ("GET /orders/17?fields=a,b&q=", 204),
        ("GET /orders/a%20b", 403),
        ("HEAD /orders", 204),
        ("HEAD /orders/17", 204),
        ("OPTIONS /orders", 403),
        ("DELETE /orders/17", 403),
        ("PATCH /nothing", 403),
    ],
)
def test_a_call_is_judged_by_its_method_and_path(shop: Shop, call: str, status: int) -> None:
    assert ask(call, shop.token()).status_code == status


def test_head_counts_as_get_unless_the_document_has_it(shop: Shop) -> None:
    reading = shop.token(scope="orders:read")
    assert ask("HEAD /orders", reading).status_code == 204
    assert ask("HEAD /orders/17", reading).json() == scope_missing("orders:write")


# --- Calls that may not --------------------------------------------------------------------------


def assert_refused(response: Any, status: int, body: dict[str, Any], challenge: str = "") -> None:
    assert (response.status_code, response.json()) == (status, body)
    assert response.get("WWW-Authenticate", "") == challenge
    assert response["Link"] == (
        f'<http://localhost:8000/docs/errors#{body["errorCode"]}>; rel="help"'
    )
    assert response["Cache-Control"] == "no-store"
    assert told(response) == {}


def invalid_token(body: dict[str, Any]) -> str:
    return f'Bearer realm="API", error="invalid_token", error_description="{body["message"]}"'


def test_a_call_without_a_token_is_refused(shop: Shop) -> None:
    assert_refused(ask("GET /orders"), 401, NO_TOKEN, 'Bearer realm="API"')
    basic = ask("GET /orders", headers={"Authorization": shop.app.authorization})
    assert_refused(basic, 401, NO_TOKEN, 'Bearer realm="API"')


def test_a_credential_in_place_of_a_token_is_refused(shop: Shop) -> None:
    response = ask("GET /orders", shop.credential.encode())
    assert_refused(response, 401, INVALID, invalid_token(INVALID))


def test_a_token_of_the_other_environment_is_refused(shop: Shop) -> None:
    luke = shop.rebels.luke
    app = api.app(luke, environment=api.PRODUCTION, scopes=["orders:read"])
    credential = cast.credential(luke, environment=api.PRODUCTION)
    token = api.access_token(app, credential, environment=api.PRODUCTION)
    assert ask("GET /orders", token, environment=api.PRODUCTION).status_code == 204
    assert_refused(ask("GET /orders", token), 401, INVALID, invalid_token(INVALID))


@pytest.mark.parametrize(
    ("audience", "status"),
    [
        ("https://api.acme.example/orders", 204),
        (["http://localhost:8000/sandbox/restapi", "https://api.acme.example/orders"], 204),
        ("http://localhost:8000/sandbox/restapi", 204),
        ("https://api.acme.example/files", 401),
        (["https://api.acme.example/files", "https://elsewhere.example"], 401),
    ],
    ids=str,
)
def test_a_token_for_another_api_is_refused(shop: Shop, audience: Any, status: int) -> None:
    claims = claims_of(shop.token(), shop.credential)
    response = ask("GET /orders", signed(dict(claims) | {"aud": audience}))
    assert response.status_code == status
    if status == 401:
        assert_refused(response, 401, OTHER_API, invalid_token(OTHER_API))
        row = recorded(response)
        assert (row.client, row.credential) == (shop.app.client, shop.credential)


def expired(shop: Shop) -> str:
    claims = dict(claims_of(shop.token(), shop.credential))
    past = int((timezone.now() - timedelta(seconds=1)).timestamp())
    return signed(claims | {"exp": past})


def test_an_expired_token_is_refused(shop: Shop) -> None:
    response = ask("GET /orders", expired(shop))
    assert (response.status_code, response.json()["errorCode"]) == (401, "OAU-210")


def revoke(credential: JwtCredential) -> None:
    owner = credential.extension.user
    revoke_jwt_credential(credential, reason="", actor=owner, origin=cast.ORIGIN)


def forbid(credential: JwtCredential) -> None:
    Policy.objects.create(
        organization_id=credential.organization_id, environment=api.SANDBOX, all_apps_allowed=False
    )


def fence(credential: JwtCredential) -> None:
    JwtCredential.objects.filter(pk=credential.pk).update(allowed_networks=["192.0.2.0/24"])


@pytest.mark.parametrize("end", [revoke, forbid, fence], ids=lambda end: end.__name__)
def test_what_ends_a_token_ends_it_at_the_gateway(
    shop: Shop, end: Callable[[JwtCredential], None]
) -> None:
    token = shop.token()
    end(shop.credential)
    assert_refused(ask("GET /orders", token), 401, REVOKED, invalid_token(REVOKED))


def test_an_app_without_the_scope_is_refused(shop: Shop) -> None:
    response = ask("POST /orders", shop.token(scope="orders:read"))
    assert_refused(
        response,
        403,
        scope_missing("orders:write"),
        'Bearer realm="API", error="insufficient_scope", scope="orders:write"',
    )


def test_a_refusal_carries_its_body_in_a_header_for_gateways_that_drop_bodies(shop: Shop) -> None:
    refused = ask("GET /nothing%2Fhere", shop.token())
    assert refused.status_code == 403
    assert json.loads(refused["X-Error-Body"]) == refused.json()
    assert refused["X-Error-Body"].isprintable()
    assert "X-Error-Body" not in ask("GET /status")


def test_all_scopes_of_one_alternative_are_enough(shop: Shop) -> None:
    """The refusal names the alternative that is closest."""
    reading = shop.token(scope="orders:read")
    assert ask("POST /exports", reading).json() == scope_missing("files:read")
    shop.app.application.scopes = ["orders:read", "files:read"]
    shop.app.application.save()
    assert ask("POST /exports", shop.token()).status_code == 204
    shop.app.application.scopes = ["orders:write"]
    shop.app.application.save()
    assert ask("POST /exports", shop.token()).json() == scope_missing("files:read")


def test_a_person_without_the_permission_is_refused_until_an_administrator_grants_it(
    shop: Shop,
) -> None:
    token = shop.token()
    assert_refused(ask("POST /orders/17/refunds", token), 403, PERMISSION_MISSING)
    shop.rebels.luke.user.extensions.update(user_role="finance")
    assert ask("POST /orders/17/refunds", token).status_code == 204


def test_the_scope_is_checked_before_the_permission(shop: Shop) -> None:
    response = ask("POST /orders/17/refunds", shop.token(scope="orders:read"))
    assert response.json() == scope_missing("orders:write")


def test_permissions_count_as_the_platform_file_has_them(
    rebels: Rebels, use_platform: UsePlatform, tmp_path: Path
) -> None:
    """Another API doesn't know the difference between a permission and its part for own things."""
    use_profiles(use_platform, tmp_path)
    rebels.luke.user.extensions.update(user_role="finance")
    token = api.access_token(api.app(rebels.luke), cast.credential(rebels.luke))
    allowed = ask("GET /me", token, of="profiles")
    assert allowed["X-User-Permissions"] == "EditUserInfo:own IssueRefunds"
    assert ask("PUT /me", token, of="profiles").json()["errors"][0]["permissionName"] == (
        "EditUserInfo"
    )


def test_an_unlisted_operation_is_refused_with_or_without_a_token(shop: Shop) -> None:
    for token in (shop.token(), "invalid", None):
        assert_refused(ask("GET /nothing", token), 403, UNLISTED)


def test_an_unlisted_operation_passes_authenticated_if_the_api_says_so(
    shop: Shop, settings: Settings
) -> None:
    settings.RATE_LIMITS = dict.fromkeys(LimitGroup, (9, 60))
    response = ask("POST /v2/files/a/b", shop.token(), of="files")
    assert response.status_code == 204
    assert response["X-Owner-Id"] == str(shop.credential.extension_id)
    assert response["X-Rate-Limit-Group"] == LimitGroup.MEDIUM.value
    assert ask("POST /v2/files/a/b", of="files").json() == NO_TOKEN
    assert ask("GET /v2/files/a", shop.token(), of="files").json() == scope_missing("files:read")
    hostile = ask("GET /v2/files//a", shop.token(), of="files")
    assert (hostile.status_code, hostile.json()["errorCode"]) == (403, "CMN-402")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v2/files/a", 403), ("/V2/files/a", 403), ("/files/a", 204), ("/v2/files", 204)],
)
def test_paths_are_below_the_path_of_the_server(shop: Shop, path: str, status: int) -> None:
    """Another spelling of it is refused, because a server might ignore case."""
    response = ask(f"GET {path}", shop.token(), of="files")
    assert response.status_code == status
    code = {"/v2/files/a": "CMN-401", "/V2/files/a": "CMN-402"}.get(path)
    assert code is None or response.json()["errorCode"] == code


# --- Rate limits and usage -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "group"), [("GET /orders", "Light"), ("GET /me", "Medium"), ("POST /exports", "Heavy")]
)
def test_a_call_counts_in_the_group_of_its_operation(
    shop: Shop, settings: Settings, call: str, group: str
) -> None:
    shop.app.application.scopes = ["orders:read", "files:read"]
    shop.app.application.save()
    token = shop.token()
    settings.RATE_LIMITS = dict.fromkeys(LimitGroup, (2, 60))
    limit = {
        "X-Rate-Limit-Group": group,
        "X-Rate-Limit-Limit": "2",
        "X-Rate-Limit-Window": "60",
    }
    for remaining in ("1", "0"):
        response = ask(call, token)
        assert response.status_code == 204
        assert limit | {"X-Rate-Limit-Remaining": remaining} == {
            name: value for name, value in response.headers.items() if name.startswith("X-Rate")
        }
    response = ask(call, token)
    assert (response.status_code, response.json()["errorCode"]) == (429, "CMN-301")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert limit.items() <= dict(response.headers).items()


def test_calls_through_a_gateway_count_as_uses(shop: Shop) -> None:
    token = shop.token()
    for call in ("GET /orders", "POST /orders/17/refunds", "GET /nothing", "GET //orders"):
        ask(call, token)
    ask("GET /orders")
    BackgroundWriter.flush_all()
    rows = CallUsage.objects.order_by("operation")
    assert [(row.api, row.operation, row.calls) for row in rows] == [
        ("orders", "", 2),
        ("orders", "listOrders", 1),
        ("orders", "refundOrder", 1),
    ]
    for row in rows:
        assert (row.credential, row.client) == (shop.credential, shop.app.client)


# --- Records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "POST /orders/17/refunds?reason=x",
            ("orders", "refundOrder", "POST", "/orders/{id}/refunds", 403, "CMN-408"),
        ),
        ("GET /nothing/17", ("orders", "", "GET", "", 403, "CMN-402")),
        ("GET /orders//17", ("orders", "", "GET", "", 403, "CMN-402")),
        ("get /orders/17", ("orders", "", "GET", "/restapi/oauth/verify", 403, "CMN-402")),
        ("GET /orders?token=x", ("orders", "", "GET", "/restapi/oauth/verify", 400, "CMN-101")),
    ],
)
def test_a_refusal_is_recorded_with_its_api_and_operation(
    shop: Shop, call: str, expected: tuple[Any, ...]
) -> None:
    row = recorded(ask(call, shop.token()))
    assert row.what == "gateway"
    assert (row.api, row.operation, row.method, row.path, row.status, row.code) == expected
    if row.code != "CMN-101":
        assert (row.client, row.credential) == (shop.app.client, shop.credential)
        assert row.is_authentic


def test_verify_without_an_api_answers_about_the_token_alone(shop: Shop) -> None:
    response = asked_with({}, shop.token(), query="")
    assert response.status_code == 204
    assert told(response) == {
        "X-Owner-Id": str(shop.credential.extension_id),
        "X-Client-Id": shop.app.client_id,
        "X-Scope": "orders:write orders:read",
    }


def test_a_resource_server_is_no_caller(shop: Shop) -> None:
    """Its own secret is no access token, in either header."""
    gateway = api.app(shop.rebels.leia, name="Gateway", scopes=[])
    mark_resource_server(gateway.client, marked=True, origin=cast.ORIGIN)
    response = ask("GET /orders", headers={"Proxy-Authorization": gateway.authorization})
    assert response.json() == NO_TOKEN


def test_a_token_type_of_ours_that_is_no_access_token_is_refused(shop: Shop) -> None:
    claims = dict(claims_of(shop.token(), shop.credential))
    forged = api.signed(claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type=jose.CREDENTIAL_TYPE)
    assert ask("GET /orders", forged).json() == INVALID
