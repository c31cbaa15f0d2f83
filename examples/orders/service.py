"""The orders API: a service that knows nothing about tokens, scopes or permissions.

The gateway forwards a request only if the console allows it, and identifies the caller in headers.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel


@dataclass
class Order:
    id: int
    customer: str
    total: str
    state: str = "paid"
    refunded_by: str = ""


class Refund(BaseModel):
    reason: str


app = FastAPI(openapi_url=None)
CALLER = {
    "authorization", "x-account-id", "x-client-id", "x-owner-external-id", "x-owner-id", "x-scope",
    "x-user-permissions", "x-user-role",
}  # fmt: skip
ORDERS = {
    order.id: order
    for order in (
        Order(1001, "Outer Rim Supplies", "129.00"),
        Order(1002, "Mos Eisley Cantina", "48.50"),
        Order(1003, "Kuat Drive Yards", "9200.00"),
    )
}


def _order(order_id: int) -> Order:
    try:
        return ORDERS[order_id]
    except KeyError:
        raise HTTPException(404, f"There is no order {order_id}.") from None


@app.get("/me")
def get_caller(request: Request) -> dict[str, str]:
    """The headers with which the gateway identifies the caller."""
    return {name: value for name, value in request.headers.items() if name in CALLER}


@app.get("/orders")
def list_orders(state: str | None = None) -> list[dict[str, Any]]:
    return [asdict(order) for order in ORDERS.values() if state in (None, order.state)]


@app.get("/orders/{order_id}")
def get_order(order_id: int) -> dict[str, Any]:
    return asdict(_order(order_id))


@app.post("/orders/{order_id}/refunds", status_code=201)
def refund_order(
    order_id: int, refund: Refund, x_owner_id: Annotated[str, Header()]
) -> dict[str, Any]:
    order = _order(order_id)
    if order.state == "refunded":
        raise HTTPException(409, f"Order {order_id} is already refunded.")
    order.state, order.refunded_by = "refunded", x_owner_id
    return asdict(order) | {"reason": refund.reason}


@app.get("/status")
def get_status() -> dict[str, str]:
    return {"status": "ok"}
