"""Calls of each operation: on pages of a credential and an app, and in exports."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from core.background import BackgroundWriter
from credentials.models.usage import Called, note_use
from credentials.reports.called_operations import OPERATIONS_SHOWN
from tests import api
from tests.conftest import SignIn
from tests.credentials.gateways import Shop, ask
from tests.credentials.pages import text_of
from tests.platforms import ORDERS, UsePlatform

pytestmark = pytest.mark.both_databases

CAPTION = "Calls to each operation in the last 30 days, most called first"
TIME = re.compile(r"\w{3} \d{1,2}, \d{4}, \d\d:\d\d UTC")


def pages_of(shop: Shop) -> list[str]:
    return [
        reverse("my_credentials:detail", args=[shop.credential.pk]),
        reverse("credentials:application_usage", args=[shop.app.application.pk]),
    ]


def operations_on(browser: Browser, address: str) -> list[str]:
    """The rows of the table as one reads them, without the times."""
    table = text_of(browser.get(address)).partition(CAPTION)[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [TIME.sub("", " ".join(re.sub(r"<[^>]*>", " ", row).split())).strip() for row in rows]


def called(shop: Shop, count: int, called: Called, *, days_ago: int = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    for _ in range(count):
        note_use(shop.credential.pk, shop.app.client.pk, at=at, address=None, called=called)
    BackgroundWriter.flush_all()


def test_calls_through_a_gateway_are_shown_by_operation(shop: Shop, sign_in: SignIn) -> None:
    token = shop.token()
    for call in ["GET /orders"] * 3 + ["POST /orders/17/refunds"] * 2:
        ask(call, token)
    ask("POST /v2/files/a", token, of="files")
    BackgroundWriter.flush_all()
    luke = sign_in(shop.rebels.luke)
    for address in pages_of(shop):
        assert operations_on(luke, address) == [
            "listOrders Orders API 3",
            "Refund an order refundOrder Orders API 2",
            "Other operations Files API 1",
        ]


def test_calls_of_the_built_in_api_are_shown_by_operation(
    app: api.App, credential: Any, sign_in: SignIn, rebels: Any
) -> None:
    token = api.access_token(app, credential)
    assert api.call("GET", "/account/~", token).status_code == 200
    assert api.call("GET", "/account/~/extension/~", token).status_code == 200
    assert api.call("GET", "/account/~/extension/~", token).status_code == 200
    BackgroundWriter.flush_all()
    shop = Shop(app, credential, rebels)
    for address in pages_of(shop):
        assert operations_on(sign_in(rebels.luke), address) == [
            "get-extension REST API 2",
            "get-account REST API 1",
        ]


def test_only_the_last_thirty_days_count(shop: Shop, sign_in: SignIn) -> None:
    called(shop, 2, Called("orders", "getOrder"), days_ago=29)
    called(shop, 4, Called("orders", "getOrder"))
    called(shop, 1, Called("orders", "me"), days_ago=30)
    for address in pages_of(shop):
        assert operations_on(sign_in(shop.rebels.luke), address) == ["getOrder Orders API 6"]


def test_an_api_that_the_platform_no_longer_has_is_named_by_its_id(
    shop: Shop, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    called(shop, 1, Called("orders", "refundOrder"))
    called(shop, 2, Called("rest-api", "get-account"))
    use_platform(ORDERS[: ORDERS.index("[[apis]]")])
    for address in pages_of(shop):
        assert operations_on(sign_in(shop.rebels.luke), address) == [
            "get-account rest-api 2",
            "refundOrder orders 1",
        ]


def test_a_page_shows_the_most_called_operations(shop: Shop, sign_in: SignIn) -> None:
    for number in range(OPERATIONS_SHOWN + 2):
        called(shop, 1, Called("orders", f"operation{number:02}"))
    luke = sign_in(shop.rebels.luke)
    for address in pages_of(shop):
        assert len(operations_on(luke, address)) == OPERATIONS_SHOWN
        assert "And 2 more operations." in text_of(luke.get(address))


def test_the_export_of_the_inventory_has_the_calls_of_each_operation(
    shop: Shop, sign_in: SignIn
) -> None:
    called(shop, 2, Called("orders", "listOrders"))
    called(shop, 3, Called("orders", "refundOrder"))
    called(shop, 1, Called("files", ""))
    response = sign_in(shop.rebels.c3po).post(reverse("organization:export_credentials"))
    [line] = csv.DictReader(response.getvalue().decode("utf-8-sig").splitlines())
    assert line["calls_in_30_days"] == "orders refundOrder: 3; orders listOrders: 2; files: 1"


def test_an_operation_id_that_is_a_formula_stays_text(shop: Shop, sign_in: SignIn) -> None:
    called(shop, 1, Called("-orders", "=HYPERLINK(1)"))
    response = sign_in(shop.rebels.c3po).post(reverse("organization:export_credentials"))
    [line] = csv.DictReader(response.getvalue().decode("utf-8-sig").splitlines())
    assert line["calls_in_30_days"] == "'-orders =HYPERLINK(1): 1"
