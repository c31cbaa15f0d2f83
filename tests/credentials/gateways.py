"""A platform with two APIs behind gateways, and how a gateway asks about a call."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accounts.environments import Environment
from credentials.models import JwtCredential
from tests import api
from tests.conftest import Rebels
from tests.platforms import EXTENDED, ORDERS, UsePlatform

VERIFY = "/sandbox/restapi/oauth/verify"
FILES = """
[[scopes]]
id = "files:read"
label = "Read files"

[[apis]]
id = "files"
label = "Files API"
audience = "https://api.acme.example/files"
openapi = "files.json"
servers = { sandbox = "https://sandbox.api.acme.example/v2/files" }
unlisted = "authenticate"
"""
# Scopes come before APIs in the file.
SHOP = ORDERS.replace("[[permissions]]", FILES.partition("[[apis]]")[0] + "[[permissions]]", 1) + (
    "[[apis]]" + FILES.partition("[[apis]]")[2]
)


def _operation(*alternatives: list[str], **extensions: str) -> dict[str, Any]:
    return {"security": [{"oauth": scopes} for scopes in alternatives], **extensions}


def _document(paths: dict[str, Any]) -> dict[str, Any]:
    schemes = {"oauth": {"type": "oauth2", "flows": {}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "API", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }


ORDERS_DOCUMENT = _document(
    {
        "/orders": {
            "get": _operation(
                ["orders:read"],
                operationId="listOrders",
                **{"x-user-permission": "ViewOrders", "x-rate-limit-group": "Light"},
            ),
            "post": _operation(["orders:write"], operationId="createOrder"),
        },
        "/orders/{id}": {
            "get": _operation(["orders:read"], operationId="getOrder"),
            "head": _operation(["orders:write"], operationId="orderExists"),
        },
        "/orders/{id}/refunds": {
            "post": _operation(
                ["orders:write"],
                operationId="refundOrder",
                summary="Refund an order",
                **{"x-user-permission": "IssueRefunds"},
            )
        },
        "/exports": {
            "post": _operation(
                ["files:read", "orders:write"],
                ["files:read", "orders:read"],
                operationId="export",
                **{"x-rate-limit-group": "Heavy"},
            )
        },
        "/me": {"get": _operation([], operationId="me")},
        "/status": {"get": {"operationId": "status", "security": []}},
    }
)
FILES_DOCUMENT = _document({"/{name}": {"get": _operation(["files:read"], operationId="getFile")}})


@dataclass(frozen=True)
class Shop:
    """An app of Luke, whose user role is Support, and a credential of his."""

    app: api.App
    credential: JwtCredential
    rebels: Rebels

    def token(self, scope: str = "") -> str:
        return api.access_token(self.app, self.credential, scope=scope)


def write_shop(use_platform: UsePlatform, directory: Path) -> None:
    (directory / "shop.json").write_text(json.dumps(ORDERS_DOCUMENT))
    (directory / "files.json").write_text(json.dumps(FILES_DOCUMENT))
    use_platform(SHOP.replace("orders.json", "shop.json"))


def use_profiles(use_platform: UsePlatform, directory: Path) -> None:
    """The original platform with an API beside the built-in one."""
    edit = _operation([], **{"x-user-permission": "EditUserInfo"})
    document = _document({"/me": {"get": _operation([]), "put": edit}})
    (directory / "profiles.json").write_text(json.dumps(document))
    table = FILES[FILES.index("[[apis]]") :].replace("files", "profiles")
    use_platform(EXTENDED + table.replace("/v2/profiles", ""))


def ask(
    call: str,
    token: str | None = None,
    *,
    of: str = "orders",
    environment: Environment = api.SANDBOX,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Any:
    """As nginx asks: `call` is the method and the URI of the caller's request."""
    method, _, uri = call.partition(" ")
    sent = {"X-Original-Method": method, "X-Original-URI": uri, **(headers or {})}
    return asked_with(sent, token, query=f"api={of}", environment=environment, **extra)


def asked_with(
    headers: dict[str, str],
    token: str | None = None,
    *,
    query: str = "api=orders",
    environment: Environment = api.SANDBOX,
    **extra: Any,
) -> Any:
    if token is not None:
        headers = {"Authorization": f"Bearer {token}", **headers}
    path = f"/{environment}/restapi/oauth/verify?{query}"
    return api.program().get(path, headers=headers, **extra)
