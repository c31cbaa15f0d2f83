"""`report-refusal`: what an API refused on its own, recorded and explained."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.background import BackgroundWriter
from credentials.actions.clients import mark_resource_server
from credentials.models import JwtCredential, Refusal
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.conftest import Partners, SignIn
from tests.credentials.gateways import Shop
from tests.credentials.refusing import asked, recorded
from tests.credentials.scenes import fixes

REFUND = {"api": "orders", "method": "POST", "path": "/orders/17/refunds", "status": "403"}


@pytest.fixture
def server(shop: Shop) -> api.App:
    """The client of the orders API."""
    server = api.app(shop.rebels.leia, name="Order service", scopes=[])
    mark_resource_server(server.client, marked=True, origin=cast.ORIGIN)
    return server


def report(server: api.App, form: dict[str, str], **extra: Any) -> Any:
    return api.program().post(
        "/sandbox/restapi/oauth/report-refusal",
        data="&".join(f"{name}={value}" for name, value in form.items()),
        content_type=api.FORM,
        headers={"Authorization": server.authorization},
        **extra,
    )


def reported(server: api.App, form: dict[str, str]) -> Refusal:
    response = report(server, form)
    assert (response.status_code, response.json()) == (
        200,
        {"request_id": response["X-Request-Id"]},
    )
    assert response["Cache-Control"] == "no-store"
    return recorded(response)


def values(row: Refusal) -> dict[str, Any]:
    names = (
        "what", "api", "operation", "method", "path", "status", "code", "error", "check_name",
        "missing", "message", "reason", "is_authentic", "address",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}


@pytest.mark.both_databases
def test_a_report_is_recorded_for_whom_the_token_names(shop: Shop, server: api.App) -> None:
    form = REFUND | {
        "token": shop.token(),
        "permission": "IssueRefunds",
        "message": "Refunds%20above%20100%20need%20IssueRefunds.",
    }
    row = reported(server, form)
    assert (row.client, row.credential) == (shop.app.client, shop.credential)
    assert values(row) == {
        "what": "reported",
        "api": "orders",
        "operation": "refundOrder",
        "method": "POST",
        "path": "/orders/{id}/refunds",
        "status": 403,
        "code": "CMN-408",
        "error": "",
        "check_name": "permission",
        "missing": "IssueRefunds",
        "message": "Refunds above 100 need IssueRefunds.",
        "reason": "refused_by_api",
        "is_authentic": True,
        "address": None,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("refundOrder", "/orders/{id}/refunds", "", "", "")),
        (
            {"scope": "orders:read%20orders:write"},
            ("refundOrder", "/orders/{id}/refunds", "CMN-401", "scope", "orders:write orders:read"),
        ),
        ({"method": "HEAD", "path": "/orders?page=2"}, ("listOrders", "/orders", "", "", "")),
        ({"path": "/nothing/secret"}, ("", "", "", "", "")),
        ({"path": "/orders//17"}, ("", "", "", "", "")),
    ],
    ids=str,
)
def test_a_report_names_the_operation_and_what_was_missing(
    shop: Shop, server: api.App, changes: dict[str, str], expected: tuple[str, ...]
) -> None:
    """The path that was called is not recorded: it can hold anything."""
    row = reported(server, REFUND | {"token": shop.token()} | changes)
    assert (row.operation, row.path, row.code, row.check_name, row.missing) == expected
    assert row.message == "The Orders API refused the call with status 403."


def test_nothing_of_the_token_is_recorded(shop: Shop, server: api.App) -> None:
    token = shop.token()
    opaque = "opaque-token-0123456789"
    for sent, message in (
        (token, f"Bearer+{token}+is+no+good%00%0a."),
        (opaque, f"{opaque}+is+unknown."),
        (token, f"Got+{shop.credential.encode()}"),
    ):
        row = reported(server, REFUND | {"token": sent, "message": message})
        stored = " ".join(str(value) for value in vars(row).values())
        for secret in (token, opaque, shop.credential.encode(), token.split(".")[1]):
            assert secret not in stored
        assert row.message in ("Bearer is no good .", "is unknown.", "Got")


def test_a_report_about_a_token_that_is_no_longer_valid_belongs_to_its_owner(
    shop: Shop, server: api.App
) -> None:
    token = shop.token()
    JwtCredential.objects.filter(pk=shop.credential.pk).update(expires_at=timezone.now())
    row = reported(server, REFUND | {"token": token, "status": "401"})
    assert (row.client, row.credential) == (shop.app.client, shop.credential)


def test_a_report_about_a_token_of_someone_else_belongs_to_nobody(
    shop: Shop, server: api.App
) -> None:
    row = reported(server, REFUND | {"token": "garbage", "status": "401"})
    assert (row.client, row.credential, row.is_authentic) == (None, None, False)


def test_reports_about_tokens_that_are_not_ours_are_recorded_only_so_often(
    shop: Shop, server: api.App
) -> None:
    for _ in range(40):
        assert report(server, REFUND | {"token": "garbage"}).status_code == 200
    BackgroundWriter.flush_all()
    assert Refusal.objects.filter(what="reported").count() == 30


def test_reports_about_one_app_and_credential_are_limited(
    shop: Shop, server: api.App, settings: Settings
) -> None:
    form = REFUND | {"token": shop.token()}
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, LimitGroup.AUTH: (1, 60)}
    assert [report(server, form).status_code for _ in range(2)] == [200, 429]


# --- Wrong requests ------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["token", "api", "method", "path", "status"])
def test_a_report_needs_its_parameters(shop: Shop, server: api.App, missing: str) -> None:
    form = {"token": shop.token(), **REFUND}
    del form[missing]
    response = report(server, form)
    message = f"The parameter {missing} is missing or empty. Add it to the body."
    assert (response.status_code, response.json()) == (
        400,
        api.oauth_error("invalid_request", "CMN-101", message),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"api": "nothing"},
            "The parameter api must be the ID of an API in the platform file that has a server in "
            "this environment.",
        ),
        ({"method": "post"}, "The parameter method must be one word in capital letters."),
        ({"method": "GET,POST"}, "The parameter method must be one word in capital letters."),
        ({"path": "orders"}, "The parameter path must begin with a slash."),
        ({"path": "https://a.example/orders"}, "The parameter path must begin with a slash."),
        ({"status": "200"}, "The parameter status must be an HTTP status from 400 to 499."),
        ({"status": "503"}, "The parameter status must be an HTTP status from 400 to 499."),
        ({"status": "4x3"}, "The parameter status must be an HTTP status from 400 to 499."),
        ({"scope": "admin"}, "The parameter scope must name app scopes of the platform."),
        ({"permission": "Fly"}, "The parameter permission must name a user permission."),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_refused(
    shop: Shop, server: api.App, changes: dict[str, str], message: str
) -> None:
    response = report(server, {"token": shop.token(), **REFUND, **changes})
    assert (response.status_code, response.json()) == (
        400,
        api.oauth_error("invalid_request", "CMN-101", message),
    )
    assert recorded(response).what == "client_request"


def test_only_a_resource_server_can_report(shop: Shop, sign_in: SignIn) -> None:
    response = report(shop.app, {"token": shop.token(), **REFUND})
    message = (
        "Only resource servers can use this endpoint. Ask the operator to mark this client as one."
    )
    assert (response.status_code, response.json()) == (
        400,
        api.oauth_error("unauthorized_client", "OAU-251", message),
    )
    page = asked(sign_in(shop.rebels.luke), response)
    assert page.context["explanation"].headline == "The client isn’t a resource server"
    assert fixes(page) == {"Ask the operator to mark the client as a resource server.": ""}


def test_a_wrong_secret_reports_nothing(shop: Shop, server: api.App) -> None:
    wrong = api.App(server.application, server.client, "wrong")
    response = report(wrong, {"token": shop.token(), **REFUND})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    BackgroundWriter.flush_all()
    assert not Refusal.objects.filter(what="reported").exists()


# --- The explanation -----------------------------------------------------------------------------


def test_a_reported_permission_is_explained_until_it_is_granted(
    shop: Shop, server: api.App, sign_in: SignIn
) -> None:
    form = REFUND | {"token": shop.token(), "permission": "IssueRefunds", "message": "No."}
    response = report(server, form)
    page = asked(sign_in(shop.rebels.leia), response)
    explanation = page.context["explanation"]
    assert explanation.kind == "Orders API call"
    assert explanation.headline == "The user doesn’t have the user permission IssueRefunds"
    assert explanation.cause == (
        "The operation refundOrder of the Orders API needs the user permission IssueRefunds. "
        "The API itself refused the call."
    )
    assert (explanation.message, explanation.checks) == ("No.", [])
    change = reverse("accounts:change_extension", args=[shop.credential.extension_id])
    assert fixes(page) == {"Give Luke Example a user role that has IssueRefunds.": change}
    assert explanation.now == (
        "This request would still fail: the user doesn’t have the user permission IssueRefunds."
    )
    shop.rebels.luke.user.extensions.update(user_role="finance")
    assert asked(sign_in(shop.rebels.luke), response).context["explanation"].passes_now


def test_a_scope_that_only_the_api_asks_for_is_explained(
    shop: Shop, server: api.App, sign_in: SignIn
) -> None:
    form = {"token": shop.token(), "api": "orders", "method": "GET", "path": "/orders"}
    response = report(server, form | {"status": "403", "scope": "files:read"})
    explanation = asked(sign_in(shop.rebels.luke), response).context["explanation"]
    assert explanation.headline == "The app doesn’t have the app scope files:read"
    assert explanation.now == (
        "This request would still fail: the app doesn’t have the app scope files:read."
    )


def test_a_reason_of_the_api_alone_is_shown_as_its_message(
    shop: Shop, server: api.App, sign_in: SignIn
) -> None:
    message = "Order+17+is+closed."
    response = report(server, REFUND | {"token": shop.token(), "message": message})
    page = asked(sign_in(shop.rebels.luke), response)
    explanation = page.context["explanation"]
    assert explanation.headline == "The API itself refused the call"
    assert fixes(page) == {"Read the API’s own response, or ask the people who run the API.": ""}
    text = " ".join(page.content.decode().split())
    assert "Order 17 is closed." in text
    assert "HTTP 403 <p" in text
    recent = sign_in(shop.rebels.luke).get(
        reverse("my_credentials:detail", args=[shop.credential.pk])
    )
    shown = " ".join(recent.content.decode().split())
    assert 'The API itself refused the call <small class="muted">Orders API call</small>' in shown


def test_people_of_neither_side_see_no_report(
    shop: Shop, server: api.App, sign_in: SignIn, partners: Partners
) -> None:
    response = report(server, REFUND | {"token": shop.token()})
    assert asked(sign_in(partners.lobot), response).context["explanation"] is None
