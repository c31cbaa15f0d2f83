"""A platform of another company: an orders API, without the built-in REST API."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accounts.platform.catalog import Platform
from accounts.platform.file import ORIGINAL

UsePlatform = Callable[[str], Platform]

SCOPES = """
[[scopes]]
id = "orders:write"
label = "Change orders"
description = "Create and change orders."
includes = ["orders:read"]
[[scopes]]
id = "orders:read"
label = "Read orders"
description = "Read orders and their lines."
"""
ISSUE_REFUNDS = """
[[permissions]]
id = "IssueRefunds"
label = "Issue refunds"
"""
SUPPORT = """
[[roles]]
id = "support"
label = "Support"
"""
API = """
[[apis]]
id = "orders"
label = "Orders API"
audience = "https://api.acme.example/orders"
openapi = "orders.json"
servers = { sandbox = "https://sandbox.api.acme.example", production = "https://api.acme.example" }
"""
# No more than a platform file needs, without an API.
SMALL = f'name = "Acme"\n{SCOPES}{ISSUE_REFUNDS}{SUPPORT}'
ORDERS = f"""
name = "Acme"
built_in_api = false
{SCOPES}
[[permissions]]
id = "ViewOrders"
label = "View orders"
{ISSUE_REFUNDS}
{SUPPORT}permissions = ["ViewOrders"]
[[roles]]
id = "finance"
label = "Finance"
description = "For the back office."
permissions = ["ViewOrders", "IssueRefunds"]
{API}"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M1 1h6v6z"/></svg>'
# The same platform with a look and words of its own.
BRANDED = ORDERS.replace(
    "[[scopes]]",
    """
logo = "acme.svg"
accent = "#0a6e4f"
[links]
documentation = "https://acme.example/docs"
support = "https://acme.example/support"
terms = "https://acme.example/terms"
privacy = "https://acme.example/privacy"
status = "https://status.acme.example"
[words]
extension = ["seat", "seats"]
account = ["workspace", "workspaces"]
[[scopes]]""",
    1,
)
OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "2.4"},
    "paths": {
        "/orders": {
            "get": {
                "operationId": "listOrders",
                "summary": "List orders",
                "security": [{"oauth": ["orders:read"]}],
                "x-user-permission": "ViewOrders",
                "x-rate-limit-group": "Light",
            }
        },
        "/orders/{id}/refunds": {
            "parameters": [{"name": "id", "in": "path", "required": True}],
            "post": {
                "operationId": "refundOrder",
                "summary": "Refund an order",
                "security": [{"oauth": ["orders:write"]}],
                "x-user-permission": "IssueRefunds",
            },
        },
    },
    "components": {"securitySchemes": {"oauth": {"type": "oauth2", "flows": {}}}},
}
# The original platform with a permission and a role of the company's own.
EXTENDED = f"""{ORIGINAL.read_text()}
{ISSUE_REFUNDS}
[[roles]]
id = "finance"
label = "Finance"
permissions = ["IssueRefunds", "EditUserInfo:own"]
"""
# The original platform with the orders API, and with an API that asks for no scope.
MIXED = f"""{ORIGINAL.read_text()}
{ORDERS[ORDERS.index("[[scopes]]") :]}
[[apis]]
id = "tracking"
label = "Tracking API"
audience = "https://api.acme.example/tracking"
openapi = "tracking.json"
servers = {{ sandbox = "https://sandbox.api.acme.example/tracking" }}
"""
ORDERS_API, TRACKING_API = "https://api.acme.example/orders", "https://api.acme.example/tracking"


def with_scopes(spare: int) -> str:
    """The orders platform with so many scopes that no API uses."""
    tables = "".join(
        f'[[scopes]]\nid = "spare:{number}"\nlabel = "Spare {number}"\n'
        for number in range(1, spare + 1)
    )
    return ORDERS.replace("[[permissions]]", f"{tables}[[permissions]]", 1)


def write_platform(directory: Path, text: str) -> Path:
    """A platform file, beside the logo and the documents of its APIs."""
    (directory / "acme.svg").write_text(LOGO)
    (directory / "orders.json").write_text(json.dumps(OPENAPI))
    tracking = OPENAPI | {"paths": {"/parcels": {"get": {"operationId": "listParcels"}}}}
    (directory / "tracking.json").write_text(json.dumps(tracking))
    path = directory / "acme.toml"
    path.write_text(text)
    return path
