"""A ceiling limits what apps can do with a credential, wherever that is decided or shown."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from accounts.models import AuditEvent, AuditKind
from accounts.platform.catalog import Api, Operation, Platform, Scope
from accounts.platform.operations import reading_scopes
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.scopes import chosen_ceiling, widens
from credentials.models import AppAccess, JwtCredential
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.creating import create, created
from tests.credentials.gateways import Shop, ask
from tests.credentials.pages import errors_of, text_of, url, words_of
from tests.credentials.refusing import asked
from tests.credentials.rotating import rotation_of
from tests.house.test_page_budget import MAX_BYTES


def set_ceiling(credential: JwtCredential, ceiling: list[str] | None) -> None:
    update_jwt_credential(
        credential,
        label=credential.label,
        app_access=AppAccess.ORGANIZATION,
        client_ids=[],
        ceiling=ceiling,
        actor=credential.owner.user,
        origin=cast.ORIGIN,
    )


def refresh(app: api.App, token: str, **parameters: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token, **parameters}
    return api.post(form, app.authorization)


def introspect(app: api.App, token: str) -> Any:
    path = "/sandbox/restapi/oauth/introspect"
    extra: dict[str, Any] = {"HTTP_AUTHORIZATION": app.authorization}
    return api.program().post(path, f"token={token}", content_type=api.FORM, **extra).json()


@pytest.mark.both_databases
def test_a_ceiling_limits_exchange_refresh_gateway_and_introspection_at_once(shop: Shop) -> None:
    app = api.app(shop.rebels.luke, scopes=["orders:write"], issues_refresh_tokens=True)
    jwt = shop.credential.encode()
    wide = api.exchange(app, jwt).json()
    assert wide["scope"] == "orders:write orders:read"
    set_ceiling(shop.credential, ["orders:read"])
    # Calls with a token from before.
    assert ask("GET /orders/17", wide["access_token"]).headers["X-Scope"] == "orders:read"
    refused = ask("POST /orders", wide["access_token"])
    assert (refused.status_code, refused.json()) == (
        403,
        api.rest_error(
            "CMN-401",
            "The credential's ceiling does not include the app scope [orders:write]. Ask the "
            "credential's owner to add it.",
            permissionName="orders:write",
        ),
    )
    assert introspect(app, wide["access_token"])["scope"] == "orders:read"
    assert introspect(app, wide["refresh_token"])["scope"] == "orders:read"
    assert api.exchange(app, jwt).json()["scope"] == "orders:read"
    outside = api.oauth_error(
        "invalid_scope",
        "CMN-101",
        "The credential's ceiling does not include these scopes: 'orders:write'. Ask the "
        "credential's owner to add them, or request fewer.",
    )
    assert api.exchange(app, jwt, scope="orders:write").json() == outside
    assert refresh(app, wide["refresh_token"], scope="orders:write").json() == outside
    narrow = refresh(app, wide["refresh_token"]).json()
    assert narrow["scope"] == "orders:read"
    # The session keeps what it was granted.
    set_ceiling(shop.credential, None)
    assert refresh(app, narrow["refresh_token"]).json()["scope"] == "orders:write orders:read"


def test_nothing_within_the_ceiling_is_refused(shop: Shop) -> None:
    app = api.app(shop.rebels.luke, scopes=["orders:write"], issues_refresh_tokens=True)
    tokens = api.exchange(app, shop.credential.encode()).json()
    set_ceiling(shop.credential, ["files:read"])
    nothing = api.oauth_error(
        "invalid_grant",
        "JWT-110",
        "The credential's ceiling includes none of this app's scopes. Ask the credential's owner "
        "to add one to it.",
    )
    response = api.exchange(app, shop.credential.encode())
    assert (response.status_code, response.json()) == (400, nothing)
    assert refresh(app, tokens["refresh_token"]).json() == nothing
    assert introspect(app, tokens["refresh_token"]) == {"active": False}
    # An operation that needs no scope still works.
    assert ask("GET /me", tokens["access_token"]).status_code == 204


def test_why_names_the_ceiling_and_links_to_the_credential(shop: Shop, sign_in: SignIn) -> None:
    token = shop.token()
    set_ceiling(shop.credential, ["orders:read"])
    response = ask("POST /orders", token)
    page = asked(sign_in(shop.rebels.luke), response)
    explanation = page.context["explanation"]
    headline = "The credential’s ceiling doesn’t include the app scope orders:write"
    assert (explanation.headline, explanation.now) == (
        headline, f"This request would still fail: t{headline[1:]}.",
    )  # fmt: skip
    assert [(fix.text, fix.url) for fix in explanation.fixes] == [
        (
            "Add the scope orders:write to the credential’s ceiling, then get a new token.",
            url("detail", shop.credential),
        )
    ]
    set_ceiling(shop.credential, None)
    assert asked(sign_in(shop.rebels.luke), response).context["explanation"].passes_now


# --- The choice -----------------------------------------------------------------------------------


def test_a_credential_is_created_with_the_chosen_ceiling(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    refused = create(browser, label="Nightly", ceiling_choice="chosen")
    assert errors_of(refused)["ceiling"] == "Choose at least one app scope."
    response = create(browser, ceiling_choice="chosen", ceiling=["EditExtensions", "ReadAccounts"])
    credential = created(response)
    assert credential.ceiling == ["ReadAccounts", "EditExtensions"]
    event = AuditEvent.objects.get(kind=AuditKind.JWT_CREDENTIAL_CREATED)
    assert event.details["ceiling"] == credential.ceiling
    shown = words_of(browser.get(response["Location"]))
    assert "limited to the app scopes ReadAccounts, EditExtensions" in shown
    assert "At most ReadAccounts, EditExtensions" in words_of(browser.get(url("list")))


def test_a_ceiling_that_is_widened_is_recorded_as_such(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = sign_in(rebels.luke)

    def save(**fields: Any) -> None:
        form = {"label": credential.label, "app_access": "organization", **fields}
        assert browser.post(url("detail", credential), form).status_code == 302

    save(ceiling_choice="read-only")
    assert "Read-only" in words_of(browser.get(url("detail", credential)))
    save(ceiling_choice="chosen", ceiling=["EditAccounts"])
    # A form without the choice leaves the ceiling as it is.
    save()
    save(ceiling_choice="none")
    events = AuditEvent.objects.about("jwtcredential", credential.pk).reverse()
    assert [(event.kind, event.details.get("changes")) for event in events][1:] == [
        ("jwt_credential.updated", {"ceiling": [None, ["ReadAccounts"]]}),
        ("jwt_credential.widened", {"ceiling": [["ReadAccounts"], ["EditAccounts"]]}),
        ("jwt_credential.widened", {"ceiling": [["EditAccounts"], None]}),
    ]


def test_a_replacement_has_the_same_ceiling(rebels: Rebels) -> None:
    old = cast.credential(rebels.luke, ceiling=["ReadAccounts"])
    assert rotation_of(old).replacement.ceiling == ["ReadAccounts"]


@pytest.mark.unit
def test_only_offered_scopes_can_be_added_to_a_ceiling() -> None:
    assert chosen_ceiling(None) is None
    assert chosen_ceiling(["ReadAccounts", "Gone"], held=["Gone"]) == ["ReadAccounts", "Gone"]
    for chosen in ([], ["Gone"]):
        with pytest.raises(ValidationError):
            chosen_ceiling(chosen)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (None, ["Accounts"], False),
        (["Accounts"], None, True),
        (["EditAccounts"], ["ReadAccounts"], False),
        (["ReadAccounts"], ["EditAccounts"], True),
        (["ReadAccounts", "Gone"], ["Gone"], False),
    ],
)
def test_a_ceiling_is_wider_if_it_includes_more(
    before: list[str] | None, after: list[str] | None, wider: bool
) -> None:
    assert widens(before, after) is wider


def platform(operations: dict[str, list[set[str]]]) -> Platform:
    scopes = {
        scope.id: scope
        for scope in (
            Scope("read", ""), Scope("write", "", includes=("read",)), Scope("export", ""),
            Scope("unused", ""), Scope("auditor", "", includes=("read",)),
        )
    }  # fmt: skip
    found = tuple(
        Operation(
            call,
            method=call.partition(" ")[0],
            path=call.partition(" ")[2],
            scopes=tuple(map(frozenset, alternatives)),
        )
        for call, alternatives in operations.items()
    )
    orders = Api("orders", "Orders", "a", {}, "refuse", operations=found)
    return Platform("Acme", scopes, {}, {}, apis={"orders": orders})


@pytest.mark.unit
def test_read_only_scopes_allow_no_change_even_together() -> None:
    reading = {"GET /a": [{"read"}], "HEAD /b": [{"read"}, {"export"}], "GET /c": [set[str]()]}
    assert reading_scopes(platform(reading)) == ("read", "write", "export", "auditor")
    changing = {"POST /a": [{"write"}], "POST /c": [set[str]()]}
    assert reading_scopes(platform(reading | changing)) == ("read", "export", "auditor")
    together = changing | {"POST /b": [{"read", "export"}]}
    assert reading_scopes(platform(reading | together)) == ("read", "auditor")
    assert reading_scopes(platform(reading | {"DELETE /a": [{"read"}, {"export"}]})) == ()


# --- What it can call -----------------------------------------------------------------------------


def rows(page: Any) -> list[tuple[str, str, str, str]]:
    return [
        (row.operation.id, row.app_lacks, row.ceiling_lacks, row.owner_lacks)
        for row in page.context["form"].page
    ]


def test_the_pages_list_what_it_can_call_and_what_is_missing(shop: Shop, sign_in: SignIn) -> None:
    set_ceiling(shop.credential, ["orders:read"])
    browser = sign_in(shop.rebels.luke)
    page = browser.get(url("detail", shop.credential))
    address = url("operations", shop.credential)
    assert f'href="{address}?api=orders">Orders API</a>' in text_of(page)
    assert "Orders API 3 of 7 1 4 1 Files API 0 of 1 1 1 0" in words_of(page)
    assert rows(browser.get(address)) == [
        ("listOrders", "", "", ""),
        ("createOrder", "", "orders:write", ""),
        ("getOrder", "", "", ""),
        ("orderExists", "", "orders:write", ""),
        ("refundOrder", "", "orders:write", "IssueRefunds"),
        ("export", "files:read", "files:read", ""),
        ("me", "", "", ""),
    ]
    files = {"client_id": shop.app.client_id, "api": "files"}
    assert rows(browser.get(address, files)) == [("getFile", "files:read", "files:read", "")]


def test_a_thousand_operations_are_divided_into_pages(
    shop: Shop, sign_in: SignIn, settings: Any
) -> None:
    orders = settings.PLATFORM.apis["orders"]
    many = tuple(
        replace(orders.operations[0], id=f"operation{number}", path="/orders/{id}" * 12)
        for number in range(1000)
    )
    apis = settings.PLATFORM.apis | {"orders": replace(orders, operations=many)}
    settings.PLATFORM = replace(settings.PLATFORM, apis=apis)
    browser: Browser = sign_in(shop.rebels.luke)
    folded = browser.get(url("detail", shop.credential))
    assert "Orders API 1,000 of 1,000 0 0 0" in words_of(folded)
    address = url("operations", shop.credential)
    last = rows(browser.get(address, {"page": "25"}))
    assert [row[0] for row in last] == [f"operation{number}" for number in range(960, 1000)]
    for page in (folded, browser.get(address)):
        assert len(text_of(page).encode()) < MAX_BYTES
