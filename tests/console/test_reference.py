"""The API reference: a page for each API of the platform, and one for each operation."""

import json
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client as Browser
from pytest_django.fixtures import Settings

from accounts.platform.file import InvalidPlatformFile, read_platform
from console.api.calls import CALLS
from tests.conftest import Rebels, SignIn
from tests.platforms import OPENAPI, ORDERS, UsePlatform, write_platform

PAGE = "/console/api-reference"
BUILT_IN = f"{PAGE}/rest-api"
MAX_BYTES = 60_000


@pytest.fixture
def luke(rebels: Rebels, sign_in: SignIn) -> Browser:
    return sign_in(rebels.luke)


@pytest.fixture
def use_document(settings: Settings, tmp_path: Path) -> Any:
    """Offer the orders API with another OpenAPI document."""

    def use(**changes: Any) -> None:
        path = write_platform(tmp_path, ORDERS)
        (tmp_path / "orders.json").write_text(json.dumps(OPENAPI | changes))
        settings.PLATFORM = read_platform(path)

    return use


def page(browser: Browser, address: str) -> BeautifulSoup:
    response = browser.get(address)
    assert response.status_code == 200
    assert len(response.content) <= MAX_BYTES
    return BeautifulSoup(response.content, "html.parser")


def words(html: Any) -> str:
    return " ".join(html.get_text(" ").split())


def listed(html: BeautifulSoup) -> list[str]:
    return [words(row) for row in html.select("#operations tbody tr")]


# --- Which APIs -----------------------------------------------------------------------------------


def test_the_reference_of_the_only_api_opens_directly(luke: Browser) -> None:
    assert luke.get(PAGE)["Location"] == BUILT_IN


def test_several_apis_are_listed(luke: Browser, use_platform: UsePlatform) -> None:
    second = ORDERS[ORDERS.index("[[apis]]") :]
    for old, new in (
        ('id = "orders"', 'id = "billing"'),
        ("Orders API", "Billing API"),
        ("example/orders", "example/billing"),
    ):
        second = second.replace(old, new)
    use_platform(ORDERS + second)
    html = page(luke, PAGE)
    assert listed_apis(html) == ["Orders API 2.4 2", "Billing API 2.4 2"]
    assert html.select_one(f'td a[href="{PAGE}/billing"]')
    crumbs = page(luke, f"{PAGE}/billing/listOrders").select(".breadcrumbs a")
    assert [crumb["href"] for crumb in crumbs] == ["/console/", PAGE, f"{PAGE}/billing"]


def listed_apis(html: BeautifulSoup) -> list[str]:
    return [words(row) for row in html.select("tbody tr")]


def test_a_platform_without_apis_says_how_to_get_one(
    luke: Browser, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS[: ORDERS.index("[[apis]]")])
    html = page(luke, PAGE)
    assert "Operators add APIs to the platform file" in words(html)
    assert luke.get(BUILT_IN).status_code == 404


@pytest.mark.parametrize("address", ["none", "orders/none", "orders/listOrders~1", "rest-api"])
def test_what_the_platform_does_not_have_is_not_found(
    luke: Browser, use_platform: UsePlatform, address: str
) -> None:
    use_platform(ORDERS)
    assert luke.get(f"{PAGE}/{address}").status_code == 404


def test_no_api_of_a_platform_file_takes_the_id_of_the_built_in_api(tmp_path: Path) -> None:
    text = ORDERS.replace("built_in_api = false", "built_in_api = true")
    text = text.replace('id = "orders"', 'id = "rest-api"')
    with pytest.raises(InvalidPlatformFile) as refused:
        read_platform(write_platform(tmp_path, text))
    assert 'acme.toml: apis[1].id: "rest-api" is the ID of the built-in API' in str(refused.value)


# --- The operations of an API ---------------------------------------------------------------------


def test_the_page_of_an_api_lists_its_operations(luke: Browser, use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    html = page(luke, f"{PAGE}/orders")
    assert listed(html) == [
        "List orders GET /orders Read orders View orders Light",
        "Refund an order POST /orders/{id}/refunds Change orders Issue refunds Medium",
    ]
    assert html.find("code", string="https://sandbox.api.acme.example")
    assert html.find("code", string="http://localhost:8000/sandbox/restapi/oauth/token")
    assert "openapi.json" not in words(html)
    assert html.select_one('.nav a[aria-current="page"]')["href"] == PAGE  # type: ignore[index]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=refund", ["Refund an order"]),
        ("?q=ORDERS+get", ["List orders"]),
        ("?q=%2Forders%2F%7Bid", ["Refund an order"]),
        ("?q=issue+refunds", ["Refund an order"]),
        ("?q=orders:read", ["List orders"]),
        ("?q=light", ["List orders"]),
        ("?q=listorders", ["List orders"]),
        ("?page=9", ["List orders", "Refund an order"]),
        ("?page=x&tag=none", ["List orders", "Refund an order"]),
        ("?q=%00", ["List orders", "Refund an order"]),
    ],
)
def test_operations_are_searched_in_everything_that_the_list_shows(
    luke: Browser, use_platform: UsePlatform, query: str, found: list[str]
) -> None:
    use_platform(ORDERS)
    html = page(luke, f"{PAGE}/orders{query}")
    assert [words(link) for link in html.select("#operations td a")] == found


def test_a_search_without_a_result_offers_to_clear_it(
    luke: Browser, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    html = page(luke, f"{PAGE}/orders?q=invoices")
    assert "No operations found" in words(html)
    assert html.select_one(f'.empty a[href="{PAGE}/orders"]')


def test_an_api_without_operations_says_so(luke: Browser, use_document: Any) -> None:
    use_document(paths={})
    assert "No operations yet" in words(page(luke, f"{PAGE}/orders"))


def test_operations_are_grouped_by_tag(luke: Browser, use_document: Any) -> None:
    paths = {
        "/a": {"get": {"summary": "First", "tags": ["Orders"]}},
        "/b": {"get": {"summary": "Second", "tags": ["Refunds", "Orders"]}},
        "/c": {"get": {"summary": "Third", "tags": ["Orders"], "security": []}},
    }
    use_document(paths=paths)
    assert listed(page(luke, f"{PAGE}/orders")) == [
        "Orders",
        "First GET /a None None Medium",
        "Third GET /c Needs no token None None",
        "Refunds",
        "Second GET /b None None Medium",
    ]
    html = page(luke, f"{PAGE}/orders?tag=Refunds")
    assert listed(html) == ["Refunds", "Second GET /b None None Medium"]
    assert [option["value"] for option in html.select("#id_tag option")] == [
        "", "Orders", "Refunds",
    ]  # fmt: skip


def large_paths() -> dict[str, Any]:
    return {
        f"/enterprises/{{enterprise}}/organizations/{{org}}/code-security/{number}/attach": {
            "get": {
                "operationId": f"code-security/attach-enterprise-configuration-{number}",
                "summary": f"Attach configuration {number} of an enterprise to repositories",
                "description": "Long words. " * 100,
                "tags": [f"Tag {number}"],
                "security": [{"oauth": ["orders:read"]}, {"oauth": ["orders:write"]}],
                "x-user-permission": "ViewOrders",
            }
        }
        for number in range(1000)
    }


def test_a_thousand_operations_are_divided_into_pages(luke: Browser, use_document: Any) -> None:
    use_document(paths=large_paths())
    first, second, last = (page(luke, f"{PAGE}/orders?page={number}") for number in (1, 2, 25))
    links = [each["href"] for html in (first, second, last) for each in html.select("td a")]
    assert len(set(links)) == 120
    assert first.select_one(".pagination [rel=next]")["href"] == "?page=2"  # type: ignore[index]
    assert "Operations 961 to 1000 of 1000" in words(last)
    assert last.select_one(".pagination [rel=prev]")["href"] == "?page=24"  # type: ignore[index]
    assert not last.select(".pagination [rel=next]")
    # A choice among a thousand tags is no help.
    assert not first.select("#id_tag")
    filtered = page(luke, f"{PAGE}/orders?q=configuration+9")
    assert filtered.select_one("[rel=next]")["href"] == "?q=configuration+9&page=2"  # type: ignore[index]
    assert "Attach configuration 999 of" in words(page(luke, str(links[-1])))


# --- One operation --------------------------------------------------------------------------------


def test_the_page_of_an_operation_says_what_a_call_needs(
    luke: Browser, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    text = words(page(luke, f"{PAGE}/orders/refundOrder"))
    for fact in (
        "Refund an order POST /orders/{id}/refunds",
        "App scope Change orders orders:write",
        "User permission Issue refunds IssueRefunds",
        "User roles with it Finance",
        "Rate limit group Medium",
        "Sandbox https://sandbox.api.acme.example/orders/{id}/refunds",
        "id path string Required.",
    ):
        assert fact in text


def test_alternatives_of_scopes_and_open_operations_are_explained(
    luke: Browser, use_document: Any
) -> None:
    either = [{"oauth": ["orders:read", "orders:write"]}, {"oauth": ["orders:read"]}]
    body: dict[str, Any] = {"content": {"application/json": {}}}
    use_document(
        paths={
            "/a": {"post": {"security": either, "requestBody": body, "description": "One\n\nTwo"}},
            "/b": {"get": {"security": [], "x-user-permission": "ViewOrders"}},
            "/c": {"get": {"security": [{"oauth": []}]}},
        }
    )
    text = words(page(luke, f"{PAGE}/orders/POST%20~1a"))
    assert (
        "App scope Change orders orders:write Read orders orders:read or Read orders orders:read "
        "User permission None Rate limit group Medium"
    ) in text
    assert "The type of the request body is application/json ." in text
    assert "POST /a One Two" in text
    text = words(page(luke, f"{PAGE}/orders/GET%20~1b"))
    assert "You don’t need an access token." in text
    assert "View orders" not in text
    assert "App scope None" in words(page(luke, f"{PAGE}/orders/GET%20~1c"))


def test_an_operation_id_is_one_segment_of_its_address(luke: Browser, use_document: Any) -> None:
    ids = ["repos/list", "a~1b", "/x//y/", "50% & more?"]
    use_document(
        paths={f"/{number}/": {"get": {"operationId": each}} for number, each in enumerate(ids)}
        | {"/last/": {"get": {}}}
    )
    links = page(luke, f"{PAGE}/orders").select("#operations td a")
    assert [link["href"].count("/") for link in links] == [PAGE.count("/") + 2] * 5
    titles = [page(luke, str(link["href"])).h1 for link in links]
    assert [title.get_text() for title in titles if title] == [*ids, "GET /last/"]


# --- The built-in API -----------------------------------------------------------------------------


def test_the_reference_lists_every_call_with_its_scope_and_permission(luke: Browser) -> None:
    html = page(luke, BUILT_IN)
    for call in CALLS:
        address = f"{BUILT_IN}/{call.view.__name__.replace('_', '-')}"
        row = html.select_one(f'a[href="{address}"]').find_parent("tr")  # type: ignore[union-attr]
        assert call.operation.summary.replace("'", "’") in words(row)
        assert f"{call.method} /restapi/v1.0{call.path}" in words(row)
        text = words(page(luke, address))
        assert all(need in text for need in call.needs.values())
    assert len(listed(html)) == len(CALLS) + 2
    assert "API version GET /restapi/v1.0 Needs no token None None" in listed(html)


def test_the_reference_names_fields_by_their_path(luke: Browser) -> None:
    pages = [luke.get(f"{BUILT_IN}/{call.view.__name__.replace('_', '-')}") for call in CALLS]
    text = " ".join(words(BeautifulSoup(each.content, "html.parser")) for each in pages)
    for field in ("records[].contact.firstName", "businessAddress.city", "paging.totalPages"):
        assert field in text
    assert "contact.lastName string At most 80 characters." in text
    assert "perPage query integer 1 to 1000. Default: 100." in text
    assert "permissionId query string Required. The user permission to check. One of" in text
    assert "'" not in text


def test_the_reference_shows_the_addresses_of_each_environment(luke: Browser) -> None:
    html = page(luke, BUILT_IN)
    for environment in ("sandbox", "production"):
        address = f"http://localhost:8000/{environment}"
        assert html.find("code", string=address)
        assert html.find("code", string=f"{address}/restapi/oauth/token")
        assert html.select_one(f'a[href="{address}/restapi/openapi.json"]')
