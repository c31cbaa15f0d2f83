"""The pages of APIs for operators: what calls need, what was called, and who can introspect."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Extension
from accounts.platform.file import read_platform
from core.background import BackgroundWriter
from credentials.actions.clients import mark_resource_server, suspend_client
from credentials.models import Refusal
from credentials.models.refusals import RefusedWhat
from credentials.models.usage import Called, note_use
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.gateways import Shop, ask, write_shop
from tests.house.test_page_budget import MAX_BYTES, MAX_QUERIES, queries_of
from tests.platforms import MIXED, OPENAPI, ORDERS, UsePlatform, write_platform

pytestmark = pytest.mark.both_databases

APIS = "/console/operator/apis"
BUILT_IN, ORDERS_PAGE = f"{APIS}/rest-api", f"{APIS}/orders"
NO_CALLS = "There were no calls yesterday or today."


@pytest.fixture
def operator(rebels: Rebels, sign_in: SignIn) -> Browser:
    """Wedge, who has no console access."""
    return sign_in(cast.make_operator(rebels.wedge))


@pytest.fixture
def shop(rebels: Rebels, use_platform: UsePlatform, tmp_path: Path) -> Shop:
    write_shop(use_platform, tmp_path)
    Extension.objects.filter(user=rebels.luke.user).update(user_role="support")
    app = api.app(rebels.luke, scopes=["orders:read"])
    return Shop(app, cast.credential(rebels.luke), rebels)


def page(browser: Browser, address: str) -> BeautifulSoup:
    BackgroundWriter.flush_all()
    response = browser.get(address)
    assert response.status_code == 200
    assert len(response.content) <= MAX_BYTES
    return BeautifulSoup(response.content, "html.parser")


def words(html: Any) -> str:
    return " ".join(html.get_text(" ").split())


def rows(html: BeautifulSoup, panel: str) -> list[str]:
    return [words(row) for row in html.select(f"section[aria-labelledby={panel}-title] tbody tr")]


def operations(html: BeautifulSoup) -> list[str]:
    return [words(row) for row in html.select("#operations tbody tr")]


def facts(html: BeautifulSoup) -> dict[str, str]:
    found = html.select("section[aria-labelledby=document-title] dl > div")
    return {words(row.dt): words(row.dd) for row in found if row.dt and row.dd}


# --- Which APIs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [APIS, BUILT_IN])
def test_only_operators_open_the_pages(rebels: Rebels, sign_in: SignIn, address: str) -> None:
    for person in (rebels.leia, rebels.han, rebels.c3po, rebels.wedge):
        assert sign_in(person).get(address).status_code == 403
    assert Browser().get(address).status_code == 302


def test_the_page_of_the_only_api_opens_directly(operator: Browser) -> None:
    assert operator.get(APIS)["Location"] == BUILT_IN
    html = page(operator, BUILT_IN)
    assert [link["href"] for link in html.select(".breadcrumbs a")] == ["/console/"]
    assert html.select_one(f'.user-menu a[href="{APIS}"]')


def test_several_apis_are_listed(operator: Browser, use_platform: UsePlatform) -> None:
    use_platform(MIXED)
    html = page(operator, APIS)
    assert [words(row) for row in html.select("tbody tr")] == [
        "REST API REST API 1.0 10",
        "Orders API Orders 2.4 2",
        "Tracking API Orders 2.4 1",
    ]
    crumbs = page(operator, ORDERS_PAGE).select(".breadcrumbs a")
    assert [crumb["href"] for crumb in crumbs] == ["/console/", APIS]


def test_a_platform_without_apis_says_how_to_add_one(
    operator: Browser, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS[: ORDERS.index("[[apis]]")])
    assert "Add an API to the platform file" in words(page(operator, APIS))
    assert operator.get(ORDERS_PAGE).status_code == operator.get(BUILT_IN).status_code == 404


# --- What the file and the document say ----------------------------------------------------------


def test_the_document_and_what_its_operations_need(
    operator: Browser, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    html = page(operator, ORDERS_PAGE)
    assert facts(html) == {
        "Title": "Orders",
        "Version": "2.4",
        "Operations": "2",
        "Sandbox": "https://sandbox.api.acme.example",
        "URL for the gateway": "http://localhost:8000/production/restapi/oauth/verify?api=orders",
        "Production": "https://api.acme.example",
        "Audience": "https://api.acme.example/orders",
        "Operations not in the document": "Refused",
    }
    assert "http://localhost:8000/sandbox/restapi/oauth/verify?api=orders" in words(html)
    assert operations(html) == [
        "List orders GET /orders Read orders View orders Light 0 0",
        "Refund an order POST /orders/{id}/refunds Change orders Issue refunds Medium 0 0",
    ]
    assert NO_CALLS in words(html)
    assert "make sure that its gateway sends a request to the URL above" in words(html)


def test_the_built_in_api_needs_no_gateway(operator: Browser) -> None:
    html = page(operator, BUILT_IN)
    assert list(facts(html)) == [
        "Title", "Version", "Operations", "Sandbox", "OpenAPI document", "Production",
    ]  # fmt: skip
    assert "gateway" not in words(html)
    assert "API version GET /restapi/v1.0 Needs no token None None – 0" in operations(html)


def test_a_thousand_operations_are_searched_and_divided_into_pages(
    operator: Browser, settings: Settings, tmp_path: Path
) -> None:
    paths = {
        f"/enterprises/{{enterprise}}/organizations/{{org}}/code-security/{number}/attach": {
            "get": {
                "operationId": f"code-security/attach-enterprise-configuration-{number}",
                "summary": f"Attach configuration {number} of an enterprise to repositories",
                "tags": [f"Tag {number}"],
                "security": [{"oauth": ["orders:read"]}, {"oauth": ["orders:write"]}],
                "x-user-permission": "ViewOrders",
            }
        }
        for number in range(1000)
    }
    file = write_platform(tmp_path, ORDERS)
    (tmp_path / "orders.json").write_text(json.dumps(OPENAPI | {"paths": paths}))
    settings.PLATFORM = read_platform(file)
    first = page(operator, ORDERS_PAGE)
    assert first.select_one("[rel=next]")["href"] == "?page=2"  # type: ignore[index]
    assert "Operations 1 to 30 of 1000" in words(first)
    found = page(operator, f"{ORDERS_PAGE}?q=configuration+997")
    assert "Operations 1 to 1 of 1" in words(found)


# --- Calls ----------------------------------------------------------------------------------------


def test_calls_through_a_gateway_are_shown_by_result_reason_and_operation(
    shop: Shop, operator: Browser
) -> None:
    token = shop.token()
    for call in ("GET /orders", "GET /orders/1", "GET /orders/2", "POST /orders", "GET /nothing"):
        ask(call, token)
    ask("GET /orders")
    ask("GET /orders", "forged")
    ask("GET /status")
    html = page(operator, ORDERS_PAGE)
    assert rows(html, "calls") == [
        "Allowed 3 0",
        "Refused 4 0",
        "Refused by the API itself 0 0",
        "Reasons for refusals",
        "The app doesn’t have the app scope CMN-401 1 0",
        "The call doesn’t have an access token OAU-123 1 0",
        "The operation isn’t part of the API CMN-402 1 0",
        "This server didn’t sign the token OAU-149 1 0",
    ]
    shown = [row for row in operations(html) if not row.endswith("0 0")]
    assert shown == [
        "listOrders GET /orders Read orders View orders Light 1 2",
        "createOrder POST /orders Change orders None Medium 0 1",
        "getOrder GET /orders/{id} Read orders None Medium 2 0",
        "status GET /status Needs no token None None – 0",
    ]
    assert "1 of these calls were to operations that aren’t in the document." in words(html)
    assert NO_CALLS in words(page(operator, f"{APIS}/files"))


def test_a_page_takes_no_more_queries_for_more_rows(shop: Shop, operator: Browser) -> None:
    page(operator, ORDERS_PAGE)  # which records when the person was last active
    before = queries_of(operator, ORDERS_PAGE)
    token = shop.token()
    for call in ("GET /orders", "GET /orders/1", "POST /orders", "GET /nothing"):
        ask(call, token)
    for name in ("Gateway", "Service"):
        app = api.app(shop.rebels.leia, name=name, scopes=[])
        mark_resource_server(app.client, marked=True, origin=cast.ORIGIN)
    BackgroundWriter.flush_all()
    assert queries_of(operator, ORDERS_PAGE) == before
    assert before is not None
    assert before <= MAX_QUERIES


def test_an_api_that_lets_other_operations_through_counts_them_as_allowed(
    shop: Shop, operator: Browser
) -> None:
    ask("POST /v2/files/a", shop.token(), of="files")
    ask("POST /v2/files//a", shop.token(), of="files")
    html = page(operator, f"{APIS}/files")
    assert facts(html)["Operations not in the document"] == ("Allowed with a valid access token")
    assert rows(html, "calls") == [
        "Allowed 1",
        "Refused 1",
        "Refused by the API itself 0",
        "Reasons for refusals",
        "Servers can read the request in more than one way CMN-402 1",
    ]


def test_calls_of_the_built_in_api_are_shown_by_operation(
    app: api.App, rebels: Rebels, operator: Browser
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    business_address = "/account/~/business-address"
    assert api.call("GET", business_address, token).status_code == 200
    assert api.call("PUT", business_address, token, {}).status_code == 403
    assert api.call("GET", business_address).status_code == 401
    html = page(operator, BUILT_IN)
    assert rows(html, "calls")[:2] == ["Allowed 1 0", "Refused 2 0"]
    shown = [row.split()[-3:] for row in operations(html) if "business-address" in row]
    assert shown == [["Light", "1", "1"], ["Medium", "0", "1"]]
    assert "aren’t in the document" not in words(html)


def test_calls_beyond_the_rate_limit_are_refused_ones(
    shop: Shop, operator: Browser, settings: Settings
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {LimitGroup.LIGHT: (1, 60)}
    token = shop.token()
    assert [ask("GET /orders", token).status_code for _ in range(3)] == [204, 429, 429]
    found = rows(page(operator, ORDERS_PAGE), "calls")
    assert found[:2] == ["Allowed 1 0", "Refused 2 0"]
    assert found[-1] == "Too many requests CMN-301 2 0"


def test_what_an_api_refused_itself_is_shown_beside_what_we_refused(
    shop: Shop, operator: Browser
) -> None:
    ask("GET /orders/1", shop.token())
    refused(api_id="orders", what=RefusedWhat.REPORTED, operation="getOrder", at=timezone.now())
    html = page(operator, ORDERS_PAGE)
    assert rows(html, "calls") == [
        "Allowed 1 0",
        "Refused 0 0",
        "Refused by the API itself 0 1",
        "Reasons for refusals",
        "The API itself refused the call 0 1",
    ]
    assert "getOrder GET /orders/{id} Read orders None Medium 1 1" in operations(html)


def refused(*, api_id: str, what: RefusedWhat, operation: str, at: datetime) -> None:
    Refusal.objects.create(
        at=at, request_id="any", environment="production", what=what, method="GET", path="/any",
        status=409, message="Shipped.", reason="refused_by_api", api=api_id, operation=operation,
    )  # fmt: skip


def test_the_period_begins_yesterday_at_midnight_utc(shop: Shop, operator: Browser) -> None:
    today = datetime.combine(timezone.now().astimezone(UTC).date(), time(), tzinfo=UTC)
    begin = today - timedelta(days=1)
    for at in (begin, begin - timedelta(microseconds=1)):
        called = Called("orders", "getOrder")
        note_use(shop.credential.pk, shop.app.client.pk, at=at, address=None, called=called)
        refused(api_id="orders", what=RefusedWhat.GATEWAY, operation="getOrder", at=at)
    html = page(operator, ORDERS_PAGE)
    assert f"Calls since {begin:%b} {begin.day}, {begin.year}, 00:00 UTC" in words(html)
    assert rows(html, "calls")[:2] == ["Allowed 1 0", "Refused 0 1"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("calls=called", ["createOrder", "getOrder"]),
        ("calls=refused", ["createOrder"]),
        ("calls=none&q=/orders", ["listOrders", "orderExists", "Refund an order"]),
        ("calls=called&q=createOrder", ["createOrder"]),
        ("calls=x&q=/me", ["me"]),
    ],
)
def test_operations_are_filtered_by_their_calls(
    shop: Shop, operator: Browser, query: str, shown: list[str]
) -> None:
    token = shop.token()
    ask("GET /orders/1", token)
    ask("POST /orders", token)
    html = page(operator, f"{ORDERS_PAGE}?{query}")
    names = [
        cell.find(string=True, recursive=False) for cell in html.select("#operations .table__main")
    ]
    assert [str(name).strip() for name in names] == shown


# --- Clients that can introspect ------------------------------------------------------------------


def test_the_clients_that_can_introspect(
    rebels: Rebels, partners: Partners, operator: Browser, use_platform: UsePlatform
) -> None:
    html = page(operator, BUILT_IN)
    assert "No client is marked as a resource server" in words(html)
    assert "python manage.py mark_resource_server CLIENT_ID" in words(html)
    gateway = api.app(rebels.leia, name="Gateway")
    service = api.app(partners.lobot, name="Service", environment=api.PRODUCTION)
    for app in (gateway, service):
        mark_resource_server(app.client, marked=True, origin=cast.ORIGIN)
    suspend_client(service.client, actor=partners.lobot.user, origin=cast.ORIGIN)
    assert rows(page(operator, BUILT_IN), "clients") == [
        f"Gateway Rebel Alliance {gateway.client_id} Sandbox Active",
        f"Service Cloud City Partners {service.client_id} Production Suspended",
    ]
    use_platform(MIXED)
    # This API has a server in the sandbox only.
    assert rows(page(operator, f"{APIS}/tracking"), "clients") == [
        f"Gateway Rebel Alliance {gateway.client_id} Sandbox Active"
    ]
