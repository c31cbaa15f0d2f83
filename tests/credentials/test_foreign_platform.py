"""Scopes, permissions and roles of another company's platform, on pages and in both APIs."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client as Browser
from django.urls import reverse

from accounts.actions.extensions import change_extension, create_sandbox_account
from accounts.environments import Environment
from accounts.models import Extension, Membership
from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from credentials import jose
from credentials.actions.shown_jwts import creator_may_see
from credentials.models import Application, RefreshToken
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import asked
from tests.platforms import EXTENDED, ORDERS, UsePlatform, with_scopes


def html(browser: Browser, address: str) -> BeautifulSoup:
    response = browser.get(address)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def text(browser: Browser, address: str) -> str:
    return " ".join(html(browser, address).get_text(" ").split())


def login(member: Membership, environment: Environment = api.SANDBOX) -> Extension:
    return member.user.extensions.in_environment(environment).get()


def give_role(member: Membership, role: str) -> None:
    member.user.extensions.update(user_role=role)


def settings_of(app: Application, **changes: Any) -> dict[str, Any]:
    """The fields of the settings form as a browser would submit them."""
    return {
        "name": app.name,
        "is_public": "private",
        "uses_jwt_flow": "on",
        "issues_refresh_tokens": "no",
        "scopes": app.scopes,
        **changes,
    }


# --- Scopes --------------------------------------------------------------------------------------


def test_the_app_form_groups_the_scopes_by_api(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    use_platform(with_scopes(1))
    form = html(sign_in(rebels.luke), reverse("credentials:create_application"))
    groups = [group.get_text(" ", strip=True) for group in form.select("#id_scopes [role=group]")]
    assert groups == [
        "Orders API Change orders Create and change orders. Orders API operations with Change "
        "orders Read orders Read orders and their lines. Orders API operations with Read orders",
        "Other scopes Spare 1",
    ]
    assert [link["href"] for link in form.select("#id_scopes a")] == [
        "/console/api-reference/orders?q=orders%3Awrite",
        "/console/api-reference/orders?q=orders%3Aread",
    ]
    values = [box["value"] for box in form.select("#id_scopes input")]
    assert values == ["orders:write", "orders:read", "spare:1"]
    assert [box["value"] for box in form.select("#id_scopes input[checked]")] == ["orders:write"]


@pytest.mark.parametrize(("spare", "is_filtered"), [(5, False), (6, True)])
def test_only_a_long_list_of_scopes_has_a_filter(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform, spare: int, is_filtered: bool
) -> None:
    use_platform(with_scopes(spare))
    form = html(sign_in(rebels.luke), reverse("credentials:create_application"))
    fields = form.select("input[type=search][data-filters='#id_scopes']")
    assert [field.attrs.get("name") for field in fields] == [None] * is_filtered


def test_the_form_of_the_original_platform_has_one_group(rebels: Rebels, sign_in: SignIn) -> None:
    form = html(sign_in(rebels.luke), reverse("credentials:create_application"))
    (heading,) = form.select("#id_scopes .choices__group")
    assert heading.get_text() == "REST API"


def test_tokens_list_scopes_in_the_order_of_the_file(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    app = api.app(rebels.luke, scopes=["orders:read", "orders:write"])
    assert app.application.scopes == ["orders:write", "orders:read"]
    credential = cast.credential(rebels.luke)
    body = api.exchange(app, credential.encode()).json()
    assert body["scope"] == "orders:write orders:read"
    narrow = api.exchange(app, credential.encode(), scope="orders:read").json()
    assert narrow["scope"] == "orders:read"
    metadata = api.program().get("/sandbox/.well-known/oauth-authorization-server").json()
    assert metadata["scopes_supported"] == ["orders:write", "orders:read"]


def test_a_scope_of_the_platform_that_the_app_lacks_is_named(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    app = api.app(rebels.luke, scopes=["orders:read"])
    refused = api.exchange(app, cast.credential(rebels.luke).encode(), scope="orders:write")
    assert refused.json()["errors"] == [
        {
            "errorCode": "CMN-101",
            "message": "The app does not have these scopes: 'orders:write'. Add them in the app's "
            "settings, or request fewer.",
        }
    ]


def test_more_scopes_than_fit_into_a_line_are_granted_and_refreshed(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    names = [f"scope-{number}" for number in range(100)]
    tables = "".join(f'[[scopes]]\nid = "{name}"\nlabel = "{name}"\n' for name in names)
    use_platform(ORDERS.replace("[[permissions]]", f"{tables}[[permissions]]", 1))
    app = api.app(rebels.luke, scopes=names, issues_refresh_tokens=True)
    body = api.exchange(app, cast.credential(rebels.luke).encode()).json()
    assert body["scope"].split() == names
    refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert api.post(refresh, app.authorization).json()["scope"].split() == names


def test_scopes_that_do_not_fit_into_a_token_are_refused(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    names = [f"{'scope' * 16}-{number:02}" for number in range(100)]
    tables = "".join(f'[[scopes]]\nid = "{name}"\nlabel = "{name}"\n' for name in names)
    use_platform(ORDERS.replace("[[permissions]]", f"{tables}[[permissions]]", 1))
    app = api.app(rebels.luke, scopes=names, issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke)
    refused = api.exchange(app, credential.encode())
    assert (refused.status_code, refused.json()) == (
        400,
        api.oauth_error(
            "invalid_scope",
            "CMN-101",
            "These scopes do not fit into an access token. Request fewer with the parameter scope, "
            "or name one API in the parameter resource.",
        ),
    )
    assert not RefreshToken.objects.exists()
    explanation = asked(sign_in(rebels.luke), refused).context["explanation"]
    assert explanation.headline == "The scopes don’t fit into an access token"
    assert [fix.text for fix in explanation.fixes] == [
        "Request fewer scopes with the parameter scope, or name one API in the parameter resource."
    ]
    token = api.access_token(app, credential, scope=" ".join(names[:60]))
    assert 6000 < len(token) <= jose.MAX_TOKEN_LENGTH
    answer = api.program().get(
        "/sandbox/restapi/oauth/verify", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    assert answer["X-Scope"].split() == names[:60]


# --- Scopes that the platform no longer offers ----------------------------------------------------


@pytest.mark.both_databases
def test_a_scope_that_is_no_longer_offered_grants_nothing_and_can_be_removed(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    app = api.app(rebels.luke, scopes=["EditAccounts", "ReadAccounts"])
    credential, application = cast.credential(rebels.luke), app.application
    use_platform(ORDERS)
    assert api.exchange(app, credential.encode()).json()["scope"] == ""
    assert api.exchange(app, credential.encode(), scope="ReadAccounts").status_code == 400

    browser = sign_in(rebels.luke)
    listed = text(browser, reverse("credentials:applications"))
    assert "ReadAccounts No longer offered , EditAccounts No longer offered" in listed
    detail = text(browser, reverse("credentials:application", args=[application.pk]))
    assert "No longer offered, so they grant nothing: ReadAccounts, EditAccounts." in detail
    address = reverse("credentials:application_settings", args=[application.pk])
    form = html(browser, address)
    (_offered, dropped) = form.select("#id_scopes [role=group]")
    assert dropped.get_text(" ", strip=True).startswith("No longer offered ReadAccounts")
    assert [box["value"] for box in form.select("#id_scopes input[checked]")] == [
        "ReadAccounts", "EditAccounts",
    ]  # fmt: skip

    # Another change keeps it, and clearing the box removes it.
    for scopes, kept in (
        (["ReadAccounts", "EditAccounts", "orders:read"],) * 2,
        (["EditAccounts", "orders:read"],) * 2,
        ([], []),
    ):
        data = settings_of(application, name="Renamed", scopes=scopes)
        assert browser.post(address, data).status_code == 302
        application.refresh_from_db()
        assert sorted(application.scopes) == sorted(kept)

    # Once removed, the app can't get it back.
    refused = browser.post(address, settings_of(application, scopes=["EditAccounts"]))
    assert "Select a valid choice." in refused.content.decode()


# --- Roles and permissions ------------------------------------------------------------------------


def test_people_get_the_first_role_of_the_file(rebels: Rebels, use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    for name, is_account_admin in (("rey", False), ("jyn", True)):
        member = cast.join(
            rebels.organization,
            f"{name}@rebels.example",
            ConsoleRole.DEVELOPER,
            is_account_admin=is_account_admin,
        )
        assert {login.user_role for login in member.user.extensions.all()} == {"support"}


def test_a_sandbox_account_gets_the_role_of_the_production_account(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    for member, held, given in (
        (rebels.lando, "finance", "finance"),
        (rebels.luke, "super_admin", "support"),
    ):
        give_role(member, held)
        member.user.extensions.in_environment(api.SANDBOX).delete()
        made = create_sandbox_account(member, actor=member.user, origin=cast.ORIGIN)
        assert made.user_role == given


def test_administrators_choose_among_the_roles_of_the_file(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    luke = login(rebels.luke)
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    address = reverse("accounts:change_extension", args=[luke.pk])
    choices = html(browser, address).select("#id_user_role .choice")
    # Luke still has a role of the former platform.
    assert [choice.get_text(" ", strip=True) for choice in choices] == [
        "Support ViewOrders",
        "Finance For the back office. ViewOrders, IssueRefunds",
        "standard_user No longer offered, so it grants nothing.",
    ]
    assert "standard_user No longer offered" in text(
        browser, f"{reverse('accounts:extensions')}?environment=sandbox"
    )
    kept = {"user_role": "standard_user", "status": "Disabled"}
    assert browser.post(address, kept).status_code == 302
    luke.refresh_from_db()
    assert (luke.user_role, luke.status) == ("standard_user", "Disabled")
    assert browser.post(address, {"user_role": "finance", "status": "Enabled"}).status_code == 302
    luke.refresh_from_db()
    assert luke.role.label == "Finance"
    assert "standard_user" not in text(browser, address).partition("History")[0]
    refused = browser.post(address, {"user_role": "standard_user", "status": "Enabled"})
    assert "Select a valid choice." in refused.content.decode()


def test_an_action_gives_only_roles_that_the_platform_offers(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    with pytest.raises(Exception, match="doesn’t offer this user role"):
        change_extension(
            login(rebels.luke),
            user_role="super_admin",
            status=ExtensionStatus.ENABLED,
            actor=rebels.leia.user,
            origin=cast.ORIGIN,
        )


def test_pages_name_the_role_and_its_permissions(
    rebels: Rebels, sign_in: SignIn, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    give_role(rebels.luke, "finance")
    credential = cast.credential(rebels.luke)
    browser = sign_in(rebels.luke)
    assert "Finance) through any app" in text(
        browser, reverse("my_credentials:detail", args=[credential.pk])
    )
    assert "Finance" in text(browser, reverse("accounts:my_profile"))
    assert "Finance" in text(browser, reverse("accounts:sandbox_account"))
    app = api.app(rebels.luke, scopes=["orders:write"])
    tested = browser.post(
        reverse("my_credentials:test", args=[credential.pk]), {"client_id": app.client_id}
    )
    page = BeautifulSoup(tested.content, "html.parser").get_text(" ", strip=True)
    assert "App scopes orders:read orders:write" in page
    assert "User permissions ViewOrders IssueRefunds" in page


def test_an_admin_sees_the_jwt_of_someone_with_no_more_permissions(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(ORDERS)
    credential = cast.credential(rebels.luke, created_by=rebels.han)
    for of_luke, of_han, seen in (
        ("support", "finance", True),
        ("finance", "support", False),
        ("super_admin", "support", True),
        ("support", "super_admin", False),
    ):
        give_role(rebels.luke, of_luke)
        give_role(rebels.han, of_han)
        credential.refresh_from_db()
        assert creator_may_see(credential, rebels.han.user) is seen


def test_the_authz_profile_has_the_permissions_of_the_file(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(EXTENDED)
    give_role(rebels.luke, "finance")
    token = api.access_token(api.app(rebels.luke, scopes=[]), cast.credential(rebels.luke))
    extension = login(rebels.luke)
    account = f"http://localhost:8000/sandbox/restapi/v1.0/account/{extension.account_id}"
    uri = f"{account}/extension/{extension.pk}/authz-profile"

    def entry(permission: str, reach: str) -> dict[str, Any]:
        return {
            "permission": {"uri": f"{uri}/check?permissionId={permission}", "id": permission},
            "scopes": [reach],
        }

    path = "/account/~/extension/~/authz-profile"
    assert api.call("GET", path, token).json() == {
        "uri": uri,
        "permissions": [entry("EditUserInfo", "Self"), entry("IssueRefunds", "Account")],
    }
    refunds = entry("IssueRefunds", "Account")
    assert api.call("GET", f"{path}/check?permissionId=IssueRefunds", token).json() == {
        "uri": refunds["permission"]["uri"],
        "successful": True,
        "details": refunds,
    }
    unknown = api.call("GET", f"{path}/check?permissionId=Nope", token)
    assert unknown.json() == api.rest_error(
        "CMN-101",
        "Parameter [permissionId] is invalid: Input should be 'ReadCompanyInfo', "
        "'EditCompanyInfo', 'ReadExtensions', 'EditUserInfo' or 'IssueRefunds'",
        parameterName="permissionId",
    )


def test_a_role_without_the_permissions_of_the_built_in_api_can_call_nothing_there(
    rebels: Rebels, use_platform: UsePlatform
) -> None:
    use_platform(EXTENDED)
    give_role(rebels.luke, "finance")
    app = api.app(rebels.luke, scopes=["Accounts"])
    token = api.access_token(app, cast.credential(rebels.luke))
    refused = api.call("GET", "/account/~", token)
    assert (refused.status_code, refused.json()["errors"][0]["permissionName"]) == (
        403,
        "ReadCompanyInfo",
    )
    own = api.call("PUT", "/account/~/extension/~", token, {"contact": {"firstName": "Luke"}})
    assert own.status_code == 200
    assert own.json()["permissions"] == {"admin": {"enabled": False}}
