"""The API reference page shows the OpenAPI document, which the calls check."""

import pytest
from bs4 import BeautifulSoup
from django.test import Client as Browser

from console.api.calls import CALLS
from tests.conftest import Rebels, SignIn

PAGE = "/console/api-reference"


@pytest.fixture
def luke(rebels: Rebels, sign_in: SignIn) -> Browser:
    return sign_in(rebels.luke)


def page(browser: Browser, query: str = "") -> BeautifulSoup:
    response = browser.get(PAGE + query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def test_the_reference_lists_every_call_with_its_scope_and_permission(luke: Browser) -> None:
    html = page(luke)
    for call in CALLS:
        section = html.find(id=call.view.__name__.replace("_", "-"))
        assert section is not None
        text = section.get_text(" ", strip=True)
        assert call.summary.replace("'", "’") in text
        assert f"{call.method} /restapi/v1.0{call.path}" in text
        assert all(need in text for need in call.needs.values())


def test_the_reference_names_fields_by_their_path(luke: Browser) -> None:
    text = page(luke).get_text(" ", strip=True)
    for field in ("records[].contact.firstName", "businessAddress.city", "paging.totalPages"):
        assert field in text
    assert "contact.lastName string At most 80 characters." in text
    assert "perPage integer 1 to 1000. Default: 100." in text
    assert "The user permission to check. One of ReadCompanyInfo," in text
    assert "status string Always OK." in text
    assert "'" not in text


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("", "http://localhost:8000/sandbox"),
        ("?environment=production", "http://localhost:8000/production"),
        ("?environment=moon", "http://localhost:8000/sandbox"),
    ],
)
def test_the_reference_shows_the_addresses_of_each_environment(
    luke: Browser, query: str, address: str
) -> None:
    found = page(luke, query)
    assert found.find("code", string=address)
    assert found.select_one(f'a[href="{address}/restapi/openapi.json"]')
