"""How people get access to the console, by request or invitation, and what their role allows."""

import re

import pytest
from django.core import mail
from playwright.sync_api import Page, expect
from pytest_playwright.pytest_playwright import CreateContextCallback

from accounts.environments import Environment
from accounts.models import AccessRequest
from tests import cast
from tests.browser.axe import assert_accessible
from tests.browser.conftest import (
    SignInPage,
    again_at,
    arrived,
)
from tests.browser.exchange import call, error_code, exchange
from tests.conftest import Rebels

ORGANIZATION, CREDENTIALS = "Organization", "Credentials"


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def mails_to(email: str) -> list[str]:
    return [str(message.subject) for message in mail.outbox if message.to == [email]]


def link_in_the_last_email() -> str:
    found = re.search(r"^http\S+$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[0]


def create_jwt(page: Page, label: str, environment: str = "Sandbox") -> str:
    """Create a credential for all apps in the organization. Returns the JWT shown."""
    page.get_by_label("Label").fill(label)
    page.get_by_label(environment).check()
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_role("button", name="Create JWT").click()
    arrived(page, "JWT created")
    return page.locator("#jwt").inner_text().replace("\n", "").strip()


def expect_menu(page: Page, *labels: str) -> None:
    """Of the navigation links that depend on the role, wait for exactly these."""
    links = page.get_by_role("navigation", name="Console").get_by_role("link")
    for label in (ORGANIZATION, CREDENTIALS):
        expect(links.filter(has_text=label)).to_have_count(int(label in labels))


def test_a_person_requests_access_and_creates_a_first_credential(
    console: str, sign_in_elsewhere: SignInPage, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke))
    wedge = sign_in_elsewhere(rebels.wedge)
    arrived(wedge, "You don’t have access to the console")
    expect(wedge.get_by_role("navigation", name="Console")).to_have_count(0)
    wedge.get_by_label("What do you want to build?").fill("A dialer for the night shift")
    wedge.get_by_role("button", name="Request access").click()
    arrived(wedge, "Your request")

    leia = sign_in_page(rebels.leia)
    leia.get_by_role("link", name="Notices, 1 unread").click()
    arrived(leia, "Notices")
    leia.get_by_role("link", name=re.compile("^Wedge Example requested")).click()
    arrived(leia, "Access requests")
    expect(leia.get_by_role("link", name="Access 1 pending request")).to_be_visible()
    expect(leia.get_by_role("row", name="A dialer for the night shift")).to_contain_text("Wedge")
    leia.get_by_role("link", name="Approve Wedge Example’s request").click()
    arrived(leia, "Approve Wedge Example’s request")
    leia.get_by_role("radio", name="Developer", exact=True).check()
    leia.get_by_role("button", name="Approve").click()
    expect(
        leia.get_by_text("Wedge Example now has the Developer role. We sent them an email.")
    ).to_be_visible()
    arrived(leia, "Access")
    expect(leia.get_by_text("No one is waiting for access.")).to_be_visible()
    assert AccessRequest.objects.get().decided_by == rebels.leia.user
    assert mails_to(rebels.wedge.user.email) == ["You now have access to the Developer Console"]

    wedge.reload()
    arrived(wedge, "Welcome, Wedge")
    wedge.get_by_role("link", name="Notices, 1 unread").click()
    expect(wedge.get_by_text("Leia Example gave you console access.")).to_be_visible()
    wedge.get_by_role("link", name="Dashboard").click()
    wedge.get_by_role("link", name="Create sandbox account").click()
    wedge.get_by_role("button", name="Create sandbox account").click()
    arrived(wedge, "Sandbox Account")
    wedge.get_by_role("link", name="Dashboard").click()
    wedge.get_by_role("link", name="Create JWT").first.click()
    arrived(wedge, "Create JWT")
    jwt = create_jwt(wedge, "First key")
    granted = exchange(f"{console}/sandbox", client.client_id, secret, jwt)
    extension = call(
        f"{console}/sandbox/restapi/v1.0/account/~/extension/~", granted["access_token"]
    )
    assert extension["contact"]["email"] == "wedge@rebels.example"


def change_role(leia: Page, console: str, name: str, role: str) -> None:
    leia.goto(f"{console}/console/organization/access")
    again_at(leia, "Access")
    leia.get_by_role("link", name=f"Change {name}’s access").click()
    leia.get_by_role("radio", name=role, exact=True).check()
    assert_accessible(leia, f"the access of {name}")
    leia.get_by_role("button", name="Save").click()


def test_a_new_role_of_an_invited_person_takes_effect_at_once(
    console: str, sign_in_page: SignInPage, new_context: CreateContextCallback, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke), Environment.PRODUCTION)
    leia = sign_in_page(rebels.leia)
    leia.get_by_role("link", name="Organization").click()
    leia.get_by_role("link", name="Access", exact=True).click()
    leia.get_by_role("link", name="Invite", exact=True).click()
    leia.get_by_label("Email").fill("mon@rebels.example")
    leia.get_by_role("radio", name="Auditor").check()
    arrived(leia, "Invite someone")
    leia.get_by_role("button", name="Send invitation").click()
    expect(leia.get_by_role("row", name="mon@rebels.example")).to_contain_text("Pending")
    arrived(leia, "Access")

    mon, link = new_context().new_page(), link_in_the_last_email()
    mon.goto(link)
    arrived(mon, "Join Rebel Alliance")
    mon.get_by_label("First name").fill("Mon")
    mon.get_by_label("Last name").fill("Mothma")
    mon.get_by_label(re.compile("^Password")).fill("Chandrila-Senator-42")
    mon.get_by_label("Confirm password").fill("Chandrila-Senator-42")
    mon.get_by_role("button", name="Join and sign in").click()
    arrived(mon, "Welcome, Mon")
    expect_menu(mon, ORGANIZATION)
    expect(mon.get_by_role("link", name="Create JWT")).to_have_count(0)
    again = new_context().new_page()
    again.goto(link)
    arrived(again, "This invitation isn’t valid")

    change_role(leia, console, "Mon Mothma", "Developer")
    expect(leia.get_by_text("Mon Mothma now has the Developer role.")).to_be_visible()
    mon.get_by_role("link", name="Organization").click()
    arrived(mon, "You can’t open this page")
    mon.get_by_role("link", name="Dashboard").click()
    expect_menu(mon, CREDENTIALS)
    mon.get_by_role("link", name="Create JWT").first.click()
    jwt = create_jwt(mon, "Night shift", "Production")
    base_url = f"{console}/production"
    granted = exchange(base_url, client.client_id, secret, jwt)
    own_extension = f"{base_url}/restapi/v1.0/account/~/extension/~"
    assert call(own_extension, granted["access_token"])["contact"]["firstName"] == "Mon"

    change_role(leia, console, "Mon Mothma", "Auditor")
    arrived(leia, "Change Mon Mothma’s role to Auditor?")
    expect(leia.get_by_role("row", name="Night shift")).to_contain_text("Falcon Dialer, 1 time")
    leia.get_by_role("button", name="Change role").click()
    again_at(leia, "Access")
    assert error_code(exchange(base_url, client.client_id, secret, jwt)) == "JWT-106"
    assert error_code(call(own_extension, granted["access_token"])) == "OAU-213"
    mon.get_by_role("link", name="Done").click()
    again_at(mon, "You can’t open this page")
    mon.get_by_role("link", name="Dashboard").click()
    expect_menu(mon, ORGANIZATION)
    mon.get_by_role("link", name="Notices, 2 unread").click()
    arrived(mon, "Notices")
    assert len(mails_to("mon@rebels.example")) == 4
