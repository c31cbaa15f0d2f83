"""A Developer Admin manages the credentials of others, and their apps notice."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import AuditEvent, AuditKind
from credentials.actions.rotations import GRACE_PERIODS, rotate_jwt_credential
from credentials.models import JwtCredential
from tests import cast
from tests.browser.conftest import SignInPage, again_at, arrived, confirm_password
from tests.browser.exchange import call, error_code, exchange
from tests.conftest import Rebels


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


def test_a_credential_created_for_a_teammate_is_used_and_revoked(
    console: str, sign_in_page: SignInPage, sign_in_elsewhere: SignInPage, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke))
    base_url = f"{console}/sandbox"
    own_extension = f"{base_url}/restapi/v1.0/account/~/extension/~"
    han, luke = sign_in_page(rebels.han), sign_in_elsewhere(rebels.luke)
    han.get_by_role("link", name="Organization").click()
    arrived(han, "Developers")
    han.get_by_role("link", name="Luke Example").click()
    arrived(han, "Luke Example")
    section = han.get_by_role("navigation", name="Section")
    section.get_by_role("link", name="Credentials").click()
    arrived(han, "Credentials")
    han.get_by_role("link", name="Create JWT").first.click()
    han.get_by_label("Label").fill("Nightly report")
    han.get_by_label("Sandbox").check()
    han.get_by_label("All apps created by developers within my organization").check()
    arrived(han, "Create JWT")
    han.get_by_role("button", name="Create JWT").click()
    arrived(han, "JWT created")

    # The owner is told, sees who created it, and can view the same JWT.
    luke.reload()
    luke.get_by_role("link", name="Notices, 1 unread").click()
    luke.get_by_role("link", name=re.compile("^Han Example created the sandbox JWT")).click()
    arrived(luke, "Nightly report")
    expect(luke.get_by_text("by Han Example").first).to_be_visible()
    cast.as_later_for_everyone()
    luke.get_by_role("link", name="Show JWT").click()
    confirm_password(luke)
    luke.get_by_role("button", name="Show JWT").click()
    arrived(luke, "Your JWT")
    jwt = luke.locator("#jwt").inner_text().replace("\n", "").strip()
    granted = exchange(base_url, client.client_id, secret, jwt)
    assert call(own_extension, granted["access_token"])["contact"]["firstName"] == "Luke"

    han.get_by_role("link", name="Done").click()
    expect(han.get_by_role("row", name="Falcon Dialer")).to_be_visible()
    arrived(han, "Nightly report")
    han.get_by_role("link", name="Revoke").click()
    expect(han.get_by_text("Falcon Dialer exchanged it 1 time")).to_be_visible()
    arrived(han, "Revoke Nightly report?")
    han.get_by_label("Reason").fill("The report has moved")
    han.get_by_role("button", name="Revoke").click()
    expect(han.get_by_text("You revoked Nightly report.")).to_be_visible()
    assert error_code(exchange(base_url, client.client_id, secret, jwt)) == "JWT-102"
    assert error_code(call(own_extension, granted["access_token"])) == "OAU-213"

    luke.get_by_role("link", name="Dashboard").click()
    luke.get_by_role("link", name="Notices, 1 unread").click()
    luke.get_by_role("link", name=re.compile("^Han Example revoked")).click()
    expect(luke.get_by_text("“The report has moved”")).to_be_visible()
    expect(luke.get_by_role("link", name="Show JWT")).to_have_count(0)
    arrived(luke, "Nightly report")


def choose(page: Page, *labels: str) -> None:
    for label in labels:
        page.get_by_role("checkbox", name=re.compile(f"^Select {label}, ")).check()
    page.get_by_role("button", name="Revoke selected…").click()


def test_several_credentials_are_revoked_after_a_page_that_lists_what_breaks(
    console: str, sign_in_page: SignInPage, rebels: Rebels
) -> None:
    client, secret = cast.client(cast.application(rebels.luke))
    base_url = f"{console}/sandbox"
    used, rotated = (
        cast.credential(rebels.luke, label="Used"),
        cast.credential(rebels.leia, label="Rotated"),
    )
    kept = cast.credential(rebels.luke, label="Kept")
    cast.credential(rebels.leia, label="Idle")
    rotation = rotate_jwt_credential(
        rotated,
        label="Its replacement",
        expires_on=None,
        grace_period=GRACE_PERIODS[0],
        deadline=GRACE_PERIODS[-1],
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    for credential in (used, rotated):
        assert "access_token" in exchange(base_url, client.client_id, secret, credential.encode())
    han = sign_in_page(rebels.han)
    han.goto(f"{console}/console/organization/credentials")
    arrived(han, "Organization credentials")
    han.get_by_label("Select all on this page").check()
    expect(han.get_by_role("checkbox", name="Select Kept, owned by Luke Example")).to_be_checked()
    han.get_by_label("Select all on this page").uncheck()
    choose(han, "Used", "Rotated", "Idle")
    arrived(han, "Revoke 3 credentials?")
    breaks = han.get_by_role("region", name="What will stop working").get_by_role("listitem")
    expect(breaks.filter(has_text="Used (owned by Luke")).to_contain_text(
        "Falcon Dialer exchanged it 1 time"
    )
    expect(breaks.filter(has_text="Idle (owned by Leia")).to_contain_text(
        "No app has exchanged it in the last 30 days."
    )
    expect(breaks.filter(has_text="Rotated (owned by Leia")).to_contain_text(
        "It’s being replaced by Its replacement, which will keep working, but no app has used it "
        "yet."
    )

    # The administrator checks this first, and returns when the apps have moved.
    han.get_by_role("link", name="View the rotation").click()
    arrived(han, "Rotation of Rotated")
    replacement = rotation.replacement.encode()
    assert "access_token" in exchange(base_url, client.client_id, secret, replacement)
    han.go_back()
    han.reload()
    expect(breaks.filter(has_text="Rotated (owned by Leia")).to_contain_text(
        "which will keep working. View the"
    )
    han.get_by_role("button", name="Revoke 3 credentials").click()
    expect(han.get_by_text("Enter the reason for revoking them.")).to_be_visible()
    arrived(han, "Revoke 3 credentials?")
    han.get_by_label("Reason").fill("The contract ended")
    han.get_by_role("button", name="Revoke 3 credentials").click()
    expect(han.get_by_text("You revoked 3 credentials.")).to_be_visible()
    again_at(han, "Organization credentials")

    answers = {
        credential.label: exchange(base_url, client.client_id, secret, credential.encode())
        for credential in (used, rotated, rotation.replacement, kept)
    }
    assert error_code(answers.pop("Used")) == error_code(answers.pop("Rotated")) == "JWT-102"
    assert all("access_token" in answer for answer in answers.values())
    events = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_REVOKED)
    assert {event.details["reason"] for event in events} == {"The contract ended"}
    assert JwtCredential.objects.filter(revoked_by=rebels.han.user).count() == 3
