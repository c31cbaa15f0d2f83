"""*Why did my call fail?* follows a call through a gateway down to its operation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import Extension
from credentials.error_codes import REST_API
from credentials.explain.requests import kind_of
from credentials.models import JwtCredential
from credentials.oauth.checks import STATE_CHECK_NAMES
from tests import api
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.gateways import Shop, ask, asked_with
from tests.credentials.refusing import asked, failed, marks, recorded
from tests.credentials.scenes import fixes
from tests.credentials.test_bearer import claims_of, signed
from tests.credentials.test_why import CALLS
from tests.platforms import ORDERS, UsePlatform


def for_files(shop: Shop) -> str:
    audience = "https://api.acme.example/files"
    return signed(dict(claims_of(shop.token(), shop.credential)) | {"aud": audience})


ASKS: list[tuple[str, str, str, Callable[[Shop], Any]]] = [
    (
        "CMN-402",
        "The operation is part of the API",
        "The operation isn’t part of the API",
        lambda shop: ask("GET /nothing", shop.token()),
    ),
    (
        "CMN-402",
        "The operation is part of the API",
        "Servers can read the request in more than one way",
        lambda shop: ask("GET /orders//17", shop.token()),
    ),
    (
        "CMN-402",
        "The operation is part of the API",
        "Servers can read the request in more than one way",
        lambda _: ask("GET /orders/.."),
    ),
    (
        "CMN-101",
        "The call has an access token in its Authorization header",
        "The gateway is set up incorrectly",
        lambda shop: asked_with({}, shop.token()),
    ),
    (
        "OAU-149",
        "The access token is for this API",
        "The access token is for another API",
        lambda shop: ask("GET /orders", for_files(shop)),
    ),
    (
        "CMN-401",
        "The app has the app scope",
        "The app doesn’t have the app scope orders:write",
        lambda shop: ask("POST /orders", shop.token(scope="orders:read")),
    ),
    (
        "CMN-408",
        "The user has the user permission",
        "The user doesn’t have the user permission IssueRefunds",
        lambda shop: ask("POST /orders/17/refunds", shop.token()),
    ),
]


@pytest.mark.parametrize(
    ("code", "title", "headline", "request_"), ASKS, ids=lambda value: str(value)[:24]
)
def test_every_refusal_at_a_gateway_is_explained(
    shop: Shop,
    sign_in: SignIn,
    code: str,
    title: str,
    headline: str,
    request_: Callable[[Shop], Any],
) -> None:
    response = request_(shop)
    assert response.json()["errorCode"] == code
    page = asked(sign_in(shop.rebels.luke), response)
    explanation = page.context["explanation"]
    assert (explanation.headline, failed(page)) == (headline, title)
    kind = kind_of("gateway")
    assert [found for _, found in marks(page)] == [kind.title(check) for check in kind.checks]
    assert explanation.kind == "Orders API call"
    assert explanation.cause
    assert explanation.fixes


def test_the_codes_of_calls_are_all_tried() -> None:
    tried = {code for code, *_ in CALLS} | {code for code, *_ in ASKS}
    assert tried == {entry.code for entry in REST_API if entry.check is not None}


def test_the_checks_of_a_gateway_are_those_of_a_call_after_the_operation() -> None:
    checks = kind_of("gateway").checks
    assert checks == ("operation", *kind_of("call").checks)
    assert [check for check in checks if check in STATE_CHECK_NAMES] == list(STATE_CHECK_NAMES)


def test_luke_learns_which_permission_he_lacks_and_leia_gives_it_to_him(
    shop: Shop, sign_in: SignIn, leia: Browser
) -> None:
    token = shop.token()
    response = ask("POST /orders/17/refunds", token)
    assert (response.status_code, response.json()["errorCode"]) == (403, "CMN-408")
    page = asked(sign_in(shop.rebels.luke), response)
    explanation = page.context["explanation"]
    assert explanation.cause == (
        "The operation refundOrder of the Orders API needs the user permission IssueRefunds."
    )
    assert explanation.now == (
        "This request would still fail: the user doesn’t have the user permission IssueRefunds."
    )
    text = page.content.decode()
    operation = '<a href="/console/api-reference/orders/refundOrder">Refund an order</a>'
    for said in (operation, "<code>refundOrder</code>", "POST /orders/{id}/refunds"):
        assert said in text
    to_do = "Give Luke Example a user role that has IssueRefunds."
    assert fixes(page) == {f"{to_do} Ask an account administrator: Leia Example.": ""}

    extension = Extension.objects.get(pk=shop.credential.extension_id)
    change = reverse("accounts:change_extension", args=[extension.pk])
    assert fixes(asked(leia, response)) == {to_do: change}
    assert leia.post(change, {"status": "Enabled", "user_role": "finance"}).status_code == 302
    assert ask("POST /orders/17/refunds", token).status_code == 204
    assert asked(leia, response).context["explanation"].passes_now


def test_a_missing_scope_leads_to_the_settings_of_the_app(shop: Shop, sign_in: SignIn) -> None:
    app = shop.app.application
    app.scopes = []
    app.save()
    response = ask("POST /exports", shop.token())
    luke = sign_in(shop.rebels.luke)
    page = asked(luke, response)
    explanation = page.context["explanation"]
    assert explanation.cause == (
        "The operation export of the Orders API needs the app scope orders:write and files:read."
    )
    text = "Add the scope orders:write files:read to the app, then get a new token."
    settings = reverse("credentials:application_settings", args=[app.pk])
    assert fixes(page) == {text: settings}
    app.scopes = ["files:read", "orders:read"]
    app.save()
    assert asked(luke, response).context["explanation"].passes_now


def test_a_call_that_lacks_more_than_it_was_refused_for_still_fails(
    shop: Shop, sign_in: SignIn
) -> None:
    response = ask("POST /orders/17/refunds", shop.token(scope="orders:read"))
    page = asked(sign_in(shop.rebels.luke), response)
    assert page.context["explanation"].now == (
        "This request would still fail: the user doesn’t have the user permission IssueRefunds."
    )


def test_an_operation_that_the_document_no_longer_has_is_named_by_its_id(
    shop: Shop, sign_in: SignIn, use_platform: UsePlatform, tmp_path: Path
) -> None:
    response = ask("POST /orders/17/refunds", shop.token())
    use_platform(ORDERS.replace('label = "Orders API"', 'label = "Order service"'))
    luke = sign_in(shop.rebels.luke)
    assert asked(luke, response).context["explanation"].kind == "Order service call"
    use_platform(ORDERS[: ORDERS.index("[[apis]]")])
    explanation = asked(luke, response).context["explanation"]
    assert (explanation.kind, explanation.operation) == ("orders call", "refundOrder")
    assert explanation.operation_url == ""
    assert explanation.now == (
        "This request would still fail: the operation isn’t part of the API."
    )


@pytest.mark.parametrize("path", ["/nothing", "/orders//17"])
def test_an_operation_that_the_api_does_not_have_leads_to_its_reference(
    shop: Shop, sign_in: SignIn, path: str
) -> None:
    response = ask(f"GET {path}", shop.token())
    [url] = fixes(asked(sign_in(shop.rebels.luke), response)).values()
    assert url == "/console/api-reference/orders"


def test_recent_errors_name_the_api(shop: Shop, sign_in: SignIn) -> None:
    response = ask("POST /orders/17/refunds", shop.token())
    luke = sign_in(shop.rebels.luke)
    asked(luke, response)
    for address in (
        reverse("my_credentials:detail", args=[shop.credential.pk]),
        reverse("credentials:application", args=[shop.app.application.pk]),
    ):
        text = " ".join(luke.get(address).content.decode().split())
        assert "CMN-408 · Orders API call" in text


def test_people_of_neither_side_learn_nothing_of_a_call(
    shop: Shop, sign_in: SignIn, partners: Partners
) -> None:
    response = ask("POST /orders/17/refunds", shop.token())
    assert asked(sign_in(partners.lobot), response).context["explanation"] is None


def test_a_call_of_the_built_in_api_leads_to_its_operation_in_the_reference(
    app: api.App, sign_in: SignIn, rebels: Rebels, use_platform: UsePlatform
) -> None:
    response = api.call("GET", "/account/~")
    luke = sign_in(rebels.luke)
    page = asked(luke, response)
    explanation = page.context["explanation"]
    assert explanation.kind == "REST API call"
    assert explanation.cause == "The call doesn’t have an access token."
    url = "/console/api-reference/rest-api/get-account"
    assert f'<a href="{url}">get-account</a>' in page.content.decode()
    assert luke.get(url).status_code == 200
    use_platform(ORDERS)
    assert asked(luke, response).context["explanation"].operation_url == ""


def test_a_call_that_the_view_of_an_operation_refuses_names_it(
    app: api.App, credential: JwtCredential, rebels: Rebels
) -> None:
    """Another person's extension needs a permission that Luke's role has only for his own."""
    other = rebels.leia.user.extensions.get(account=credential.extension.account)
    response = api.call(
        "PUT", f"/account/~/extension/{other.pk}", api.access_token(app, credential), {}
    )
    assert response.status_code == 403
    assert recorded(response).operation == "put-extension"
