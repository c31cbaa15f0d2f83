"""The console of a company with a platform of its own, without the built-in REST API."""

from typing import Any

import pytest

from accounts.environments import Environment
from accounts.models import Extension
from console.demo import load_demo
from console.demo.document import document
from credentials.models import CallUsage, Refusal
from credentials.snippets import snippets
from tests import api, cast
from tests.conftest import Rebels
from tests.platforms import EXTENDED, ORDERS, UsePlatform


@pytest.mark.parametrize(
    "path", ["v1.0", "v1.0/status", "v1.0/account/~", "openapi.json", "v1.0/account/~/extension"]
)
def test_the_rest_api_is_gone(path: str, rebels: Rebels, use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    app = api.app(rebels.luke, scopes=["orders:read"])
    token = api.access_token(app, cast.credential(rebels.luke))
    found = api.program().get(
        f"/sandbox/restapi/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    assert (found.status_code, found.json()) == (404, api.rest_error("CMN-120", "Invalid URI."))


def test_the_auth_api_is_there(rebels: Rebels, use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    app = api.app(rebels.luke, scopes=["orders:write"])
    token = api.access_token(app, cast.credential(rebels.luke))
    verified = api.program().get(
        "/sandbox/restapi/oauth/verify", headers={"Authorization": f"Bearer {token}"}
    )
    assert (verified.status_code, verified["X-Scope"]) == (204, "orders:write orders:read")
    keys = api.program().get("/sandbox/restapi/oauth/jwks")
    assert keys.status_code == 200


def codes(environment: Environment) -> dict[str, str]:
    made = snippets(environment=environment, client_id="id", jwt="JWT")
    return {snippet.slug: snippet.code for snippet in made}


def test_examples_call_an_api_of_the_platform(use_platform: UsePlatform) -> None:
    original = codes(Environment.SANDBOX)
    assert 'Request(\n    server_url + "/restapi/v1.0/account/~/extension/~",' in original["python"]
    assert original["dotenv"].startswith("RC_SERVER_URL=")
    use_platform(ORDERS)
    sandbox, production = codes(Environment.SANDBOX), codes(Environment.PRODUCTION)
    assert 'Request(\n    "https://sandbox.api.acme.example/orders",' in sandbox["python"]
    assert 'send("https://api.acme.example/orders", {' in production["javascript"]
    assert 'HttpMethod.Get, "https://api.acme.example/orders")' in production["csharp"]
    assert sandbox["dotenv"].startswith("ACME_SERVER_URL=")
    assert "RC_" not in "".join(sandbox.values())
    use_platform(ORDERS.partition("[[apis]]")[0])
    assert codes(Environment.SANDBOX)["python"].endswith('["access_token"]\n\nprint(token)\n')
    assert codes(Environment.SANDBOX)["javascript"].endswith("  console.log(token);\n})();\n")
    assert all("restapi/v1.0" not in code for code in codes(Environment.SANDBOX).values())


def demo_of(platform: str, use_platform: UsePlatform) -> dict[str, Any]:
    use_platform(platform)
    load_demo()
    return document()


def roles() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for login in Extension.objects.select_related("user"):
        found.setdefault(login.user.email.partition("@")[0], set()).add(login.user_role)
    return found


@pytest.mark.django_db
def test_the_demo_uses_the_scopes_and_roles_of_the_platform(use_platform: UsePlatform) -> None:
    demo = demo_of(ORDERS, use_platform)
    assert {tuple(app["scopes"]) for app in demo["apps"]} == {("orders:write", "orders:read")}
    found = roles()
    assert (found["luke"], found["leia"]) == ({"support"}, {"finance"})
    assert set().union(*found.values()) == {"support", "finance"}
    # Calls of the built-in API can't have been refused. Luke's role can't refund orders.
    calls = Refusal.objects.exclude(what="exchange")
    assert set(calls.values_list("what", "code", "api", "operation", "missing")) == {
        ("gateway", "OAU-210", "orders", "listOrders", ""),
        ("gateway", "CMN-408", "orders", "refundOrder", "IssueRefunds"),
    }
    assert set(CallUsage.objects.values_list("api", "operation")) == {
        ("orders", "listOrders"),
        ("orders", "refundOrder"),
    }
    app = next(app for app in demo["apps"] if app["environment"] == "sandbox")
    jwt = next(
        each["jwt"]
        for each in demo["credentials"]
        if (each["owner"], each["label"], each["environment"])
        == ("luke@rebels.example", "Nightly jobs", "sandbox")
    )
    response = api.post(
        {"grant_type": api.GRANT_TYPE, "assertion": jwt},
        api.basic(app["client_id"], app["client_secret"]),
    )
    assert response.json()["scope"] == "orders:write orders:read"


@pytest.mark.django_db
def test_the_demo_of_an_extended_platform_has_all_scopes(use_platform: UsePlatform) -> None:
    demo = demo_of(EXTENDED.replace('id = "Accounts"', 'id = "Everything"'), use_platform)
    everything = ["ReadAccounts", "EditExtensions", "EditAccounts", "Everything"]
    assert [app["scopes"] for app in demo["apps"]] == [everything] * len(demo["apps"])
    assert roles()["leia"] == {"finance"}
