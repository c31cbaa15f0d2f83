"""The steps of the original description, done in a browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from accounts.environments import Environment
from credentials.models import JwtCredential
from tests import cast
from tests.browser.conftest import Check, SignInPage, sign_in_through_the_form
from tests.browser.exchange import call, error_code, exchange
from tests.conftest import Partners, Rebels

JWT = re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$")


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def shown_jwt(page: Page) -> str:
    jwt = page.locator("#jwt").inner_text().replace("\n", "").strip()
    assert JWT.match(jwt)
    return jwt


def test_a_jwt_for_one_specific_app_works_for_that_app_only(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels, partners: Partners
) -> None:
    partner_app = cast.application(partners.lobot, "Cloud City Connect", is_public=True)
    partner, partner_secret = cast.client(partner_app)
    partner_production, production_secret = cast.client(partner_app, Environment.PRODUCTION)
    own, own_secret = cast.client(cast.application(rebels.luke))
    page = sign_in_page(rebels.luke)

    # Hover over your name in the upper right corner, and select "Credentials".
    page.get_by_text("Luke", exact=True).hover()
    page.locator("header").get_by_role("link", name="Credentials").click()
    expect(page.get_by_role("heading", name="No credentials yet")).to_be_visible()
    accessible("the empty list")

    # Click "Create JWT". Configure your JWT.
    page.get_by_role("link", name="Create JWT").first.click()
    page.get_by_label("Label").fill("Contractor Key")
    page.get_by_label("Sandbox").check()
    expect(page.get_by_label("Client ID", exact=True)).to_be_hidden()
    page.get_by_label("Only specific apps of my choice").check()
    page.get_by_label("Client ID", exact=True).fill(partner.client_id)
    page.get_by_role("button", name="Add app").click()
    row = page.get_by_role("row", name=re.compile(partner.client_id))
    expect(row).to_contain_text("Cloud City Connect")
    expect(row).to_contain_text("Cloud City Partners")
    expect(page.get_by_label("Label")).to_have_value("Contractor Key")
    accessible("the filled form")
    page.get_by_role("button", name="Create JWT").click()

    expect(page.get_by_role("heading", name="JWT created")).to_be_visible()
    accessible("the created page")
    jwt = shown_jwt(page)
    sandbox, production = f"{console}/sandbox", f"{console}/production"
    granted = exchange(sandbox, partner.client_id, partner_secret, jwt)
    extension = call(f"{sandbox}/restapi/v1.0/account/~/extension/~", granted["access_token"])
    assert extension["contact"]["email"] == "luke@rebels.example"
    assert error_code(exchange(sandbox, own.client_id, own_secret, jwt)) == "JWT-105"
    crossed = exchange(production, partner_production.client_id, production_secret, jwt)
    assert error_code(crossed) == "JWT-104"


def test_a_production_jwt_does_not_work_in_the_sandbox(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    app = cast.application(rebels.luke)
    sandbox, sandbox_secret = cast.client(app)
    production, production_secret = cast.client(app, Environment.PRODUCTION)
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("Label").fill("Live")
    page.get_by_label("Production").check()
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_role("button", name="Create JWT").click()
    jwt = shown_jwt(page)
    in_production = exchange(f"{console}/production", production.client_id, production_secret, jwt)
    assert in_production["owner_id"]
    in_sandbox = exchange(f"{console}/sandbox", sandbox.client_id, sandbox_secret, jwt)
    assert error_code(in_sandbox) == "JWT-104"


def test_the_create_jwt_form_leads_to_the_missing_sandbox_account(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    page = sign_in_page(rebels.lando)
    page.goto(f"{console}/console/my-credentials/create")
    expect(page.get_by_label("Sandbox")).to_be_disabled()
    expect(page.get_by_text("You don’t have a sandbox account yet.")).to_be_visible()
    accessible("the form with a disabled environment")
    page.get_by_role("link", name="Create sandbox account").click()
    page.get_by_role("button", name="Create sandbox account").click()
    expect(page.get_by_text("lando@rebels.example").first).to_be_visible()
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("Label").fill("First")
    page.get_by_label("Sandbox").check()
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_role("button", name="Create JWT").click()
    expect(page.get_by_role("heading", name="JWT created")).to_be_visible()


def fill_in_with_one_app(page: Page, console: str, client_id: str) -> None:
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("Label").fill("Contractor Key")
    page.get_by_label("Only specific apps of my choice").check()
    page.get_by_label("Client ID", exact=True).fill(client_id)


def create_before_the_app_is_added(page: Page) -> Route:
    """Choose *Add app*, then *Create JWT* before the answer arrives. Returns the held request."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/create/apps", hold)
    with page.expect_request("**/create/apps"):
        page.get_by_role("button", name="Add app").click()
    page.get_by_role("button", name="Create JWT").click()
    expect(page.get_by_text("We’re updating the list of apps")).to_be_attached()
    assert not JwtCredential.objects.exists()
    return held[0]


def test_the_create_jwt_form_waits_for_the_app_that_is_being_added(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    client, _ = cast.client(cast.application(rebels.luke))
    page = sign_in_page(rebels.luke)
    fill_in_with_one_app(page, console, client.client_id)
    create_before_the_app_is_added(page).continue_()
    shown_jwt(page)
    credential = JwtCredential.objects.get()
    assert [permitted.pk for permitted in credential.permitted_clients.all()] == [client.pk]


def test_the_create_jwt_form_stays_open_if_the_app_was_not_added(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    client, _ = cast.client(cast.application(rebels.luke))
    page = sign_in_page(rebels.luke)
    fill_in_with_one_app(page, console, "nobody")
    create_before_the_app_is_added(page).continue_()
    expect(page.get_by_text("No app has this client ID.")).to_be_visible()
    expect(page.get_by_label("Client ID", exact=True)).to_be_focused()
    expect(page.get_by_text("We didn’t submit the form.")).to_be_attached()
    page.unroute_all()

    page.get_by_label("Client ID", exact=True).fill(client.client_id)
    create_before_the_app_is_added(page).abort()
    expect(page.get_by_role("alert")).to_contain_text("The server didn’t respond as expected")
    assert not JwtCredential.objects.exists()
    page.unroute_all()
    # An answer without the list leaves the list alone, and so does one after the session ended.
    page.route("**/create/apps", lambda route: route.fulfill(body="<p>Sign in</p>"))
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_role("alert")).to_contain_text("The server didn’t respond as expected")
    page.unroute_all()
    [session] = [cookie for cookie in page.context.cookies() if cookie["name"] == "session"]
    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    page.context.add_cookies([{"name": "session", "value": session["value"], "url": console}])
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_role("row", name=re.compile(client.client_id))).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Create JWT").click()
    shown_jwt(page)


def test_the_create_jwt_form_shows_where_to_correct_it(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("Label").fill("Nightly jobs")
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_label("Allowed networks").fill("300.1.1.1/99")
    page.get_by_role("button", name="Create JWT").click()
    expect(page.get_by_text("isn’t an address or a network")).to_be_in_viewport()
    expect(page.get_by_label("Allowed networks")).to_be_focused()


@pytest.mark.parametrize("with_script", [True, False])
def test_enter_sends_the_create_jwt_form(
    with_script: bool, console: str, browser: Browser, rebels: Rebels
) -> None:
    """Its first button is *Add app*, which is hidden while all apps are permitted."""
    page = browser.new_page(java_script_enabled=with_script)
    sign_in_through_the_form(page, console, "luke@rebels.example")
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_label("Label").fill("By keyboard")
    page.get_by_label("Label").press("Enter")
    shown_jwt(page)
    page.goto(f"{console}/console/my-credentials/{JwtCredential.objects.get().pk}")
    label = page.get_by_role("textbox", name="Label")
    label.fill("Renamed")
    label.press("Enter")
    expect(page.get_by_text("We saved your changes.")).to_be_visible()
    page.close()
    assert JwtCredential.objects.get().label == "Renamed"


def test_the_create_jwt_form_works_without_javascript(
    console: str, browser: Browser, rebels: Rebels, partners: Partners
) -> None:
    public = cast.application(partners.lobot, "Cloud City Connect", is_public=True)
    partner, _ = cast.client(public)
    private, _ = cast.client(cast.application(partners.lobot, "Tibanna Ledger"))
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{console}/account/login/")
    page.get_by_label("Email").fill("luke@rebels.example")
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{console}/console/my-credentials/create")
    page.get_by_label("Label").fill("No script")
    page.get_by_label("Production").check()
    page.get_by_label("Sandbox").check()
    page.get_by_label("Only specific apps of my choice").check()
    page.get_by_label("Expiration Date (UTC)").fill("2031-05-04")
    page.get_by_label("Client ID", exact=True).fill(private.client_id)
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_text("private app of another organization")).to_be_visible()
    expect(page.get_by_label("Client ID", exact=True)).to_have_value(private.client_id)
    page.get_by_label("Client ID", exact=True).fill(partner.client_id)
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_role("cell", name=re.compile("^Cloud City Connect"))).to_be_visible()
    expect(page.get_by_label("Label")).to_have_value("No script")
    expect(page.get_by_label("Expiration Date (UTC)")).to_have_value("2031-05-04")
    page.get_by_role("button", name="Create JWT").click()
    shown_jwt(page)
    page.close()
    credential = JwtCredential.objects.get()
    assert [client.client_id for client in credential.permitted_clients.all()] == [
        partner.client_id
    ]


def test_the_user_menu_opens_by_keyboard_click_and_hover(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    page = sign_in_page(rebels.luke)
    menu = page.locator("header").get_by_role("link", name="User Profile")
    trigger = page.locator("header summary", has_text="Luke")
    page.mouse.move(400, 600)
    expect(menu).to_be_hidden()
    trigger.hover()
    expect(menu).to_be_visible()
    page.mouse.move(400, 600)
    expect(menu).to_be_hidden()
    trigger.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    trigger.click()
    expect(menu).to_be_visible()
    page.locator("header").get_by_role("button", name="Log out").click()
    page.wait_for_url("**/account/login/**")


def test_revoking_a_credential_ends_its_next_call(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke))
    credential = cast.credential(rebels.luke, label="Leaked")
    base_url = f"{console}/sandbox"
    granted = exchange(base_url, client.client_id, secret, credential.encode())
    own_extension = f"{base_url}/restapi/v1.0/account/~/extension/~"
    assert call(own_extension, granted["access_token"])["status"] == "Enabled"
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}/console/my-credentials")
    page.get_by_role("link", name="Revoke Leaked").click()
    expect(page.get_by_text("Falcon Dialer")).to_be_visible()
    accessible("the revoke page")
    page.get_by_label("Reason").fill("It was in a public repository")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You revoked Leaked.")).to_be_visible()
    assert error_code(call(own_extension, granted["access_token"])) == "OAU-213"
    refused = exchange(base_url, client.client_id, secret, credential.encode())
    assert error_code(refused) == "JWT-102"
