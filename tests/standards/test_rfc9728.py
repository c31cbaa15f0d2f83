"""RFC 9728, OAuth 2.0 Protected Resource Metadata: what it adds to the server's own."""

from typing import Any

from tests import api
from tests.platforms import MIXED, ORDERS, ORDERS_API, TRACKING_API, UsePlatform


def document() -> dict[str, Any]:
    path = "/.well-known/oauth-authorization-server/sandbox"
    found: dict[str, Any] = api.program().get(path).json()
    return found


def test_section_4_the_metadata_lists_the_protected_resources(
    db: None, use_platform: UsePlatform
) -> None:
    rest_api = "http://localhost:8000/sandbox/restapi"
    assert document()["protected_resources"] == [rest_api]
    use_platform(MIXED)
    assert document()["protected_resources"] == [rest_api, ORDERS_API, TRACKING_API]
    use_platform(ORDERS)
    assert document()["protected_resources"] == [ORDERS_API]
    use_platform(ORDERS[: ORDERS.index("[[apis]]")])
    assert "protected_resources" not in document()
