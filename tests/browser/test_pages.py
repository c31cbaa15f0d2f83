"""Every page with the demo data: axe finds nothing, and nothing is wider than the window."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page

from accounts.environments import Environment
from accounts.models import AccessRequest, Membership
from console.demo import load_demo
from core.background import BackgroundWriter
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Application, JwtCredential, Refusal
from credentials.models.signing_keys import KeyPurpose
from tests import cast
from tests.browser.conftest import Check

# The entries of a navigation that say where one is, but stand beside the window.
OUT_OF_SIGHT = """
Array.from(document.querySelectorAll(".nav [aria-current=page], .side-nav [aria-current=page]"))
  .filter((entry) => {
    const box = entry.getBoundingClientRect();
    const strip = entry.closest("ul, ol").getBoundingClientRect();
    return box.left < Math.max(0, strip.left) - 1
      || box.right > Math.min(innerWidth, strip.right) + 1;
  })
  .map((entry) => entry.textContent)
"""
# The window and the panels whose contents are wider than they are.
OVERFLOWING = """
[document.documentElement, ...document.querySelectorAll(".panel")]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => `${box.localName} ${box.innerText.slice(0, 40)}`)
"""
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(autouse=True)
def _demo(transactional_db: None) -> None:
    load_demo()
    BackgroundWriter.flush_all()


def member(name: str) -> Membership:
    return Membership.objects.select_related("user").get(user__email=name)


def sign_in(page: Page, console: str, email: str) -> None:
    page.goto(f"{console}{reverse('account_login')}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state()


def visit(page: Page, console: str, paths: Iterator[str], accessible: Check) -> None:
    """Each page in both sizes; only style sheets ask for the size, so it need not come twice."""
    for path in paths:
        response = page.goto(f"{console}{path}")
        assert response is not None
        assert response.status in (200, 403, 404, 410), path
        for size in (WIDE, NARROW):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            accessible(f"{path} at {size['width']}")
            assert page.evaluate(OUT_OF_SIGHT) == [], f"{path} at {size['width']}"


def developer_paths() -> Iterator[str]:
    luke = member("luke@rebels.example")
    own = JwtCredential.objects.of(luke)
    application = Application.objects.filter(owner=luke.user).order_by("name")[0]
    for name in (
        "dashboard",
        "accounts:my_profile",
        "accounts:notices",
        "accounts:sandbox_account",
    ):
        yield reverse(name)
    yield reverse("credentials:applications")
    yield reverse("credentials:create_application")
    for name in ("application", "application_usage", "application_settings"):
        yield reverse(f"credentials:{name}", args=[application.pk])
    yield reverse("credentials:application_usage", args=[application.pk]) + "?environment=sandbox"
    yield reverse("credentials:suspend_client", args=[application.pk, Environment.SANDBOX])
    yield reverse("my_credentials:list")
    yield reverse("my_credentials:create")
    for label in ("Shared with Cloud City", "Old laptop", "Trial of the reporting app"):
        credential = own.filter(label=label).order_by("pk")[0]
        yield reverse("my_credentials:detail", args=[credential.pk])
    nightly = own.filter(label="Nightly jobs").order_by("pk")[0]
    yield reverse("my_credentials:revoke", args=[nightly.pk])
    # Before step-up these ask for the password.
    yield reverse("my_credentials:show", args=[nightly.pk])
    yield reverse("refusals:why")
    yield f"{reverse('refusals:why')}?request_id=unknown"
    for refusal in Refusal.objects.filter(environment="sandbox", client__isnull=False)[:4]:
        yield f"{reverse('refusals:why')}?request_id={refusal.request_id}"
    yield reverse("refusals:error_codes")
    yield reverse("account_email")
    yield reverse("account_change_password")
    yield reverse("mfa_index")
    for name in ("mfa_list_webauthn", "mfa_reauthenticate", "usersessions_list"):
        yield reverse(name)
    yield reverse("reference")
    yield "/console/nothing-here"
    yield reverse("organization:developers")


def admin_paths() -> Iterator[str]:
    luke = member("luke@rebels.example")
    extension = luke.user.extensions.order_by("pk")[0]
    yield reverse("dashboard")
    yield reverse("organization:credentials") + "?refused_often=True"
    yield reverse("organization:developers")
    yield reverse("organization:developer", args=[luke.user_id])
    yield reverse("developer_credentials:list", args=[luke.user_id])
    yield reverse("developer_credentials:create", args=[luke.user_id])
    yield reverse("organization:credentials")
    yield f"{reverse('organization:credentials')}?owner=nobody"
    chosen = JwtCredential.objects.of(luke).filter(label="Nightly jobs").order_by("pk")[0]
    yield f"{reverse('organization:revoke_credentials')}?credential={chosen.pk}"
    request = AccessRequest.objects.get()
    yield reverse("accounts:notices")
    yield f"{reverse('accounts:notices')}?show=unread"
    yield reverse("accounts:access")
    yield reverse("accounts:invite")
    yield reverse("accounts:approve_access_request", args=[request.pk])
    yield reverse("accounts:decline_access_request", args=[request.pk])
    for name in ("change_role", "remove_access", "deactivate", "transfer_applications"):
        yield reverse(f"organization:{name}", args=[luke.user_id])
    yield reverse("organization:policies")
    yield reverse("organization:policy", args=["sandbox"])
    yield reverse("organization:second_factor")
    yield reverse("accounts:audit_log")
    yield reverse("accounts:audit_log") + "?person=nobody&since=yesterday"
    yield reverse("accounts:extensions")
    yield reverse("accounts:change_extension", args=[extension.pk])
    yield reverse("operator:signing_keys")
    yield reverse("operator:rotate_signing_key", args=["sandbox", "credential"])
    yield reverse("operator:rotate_signing_key", args=["production", "access-token"])


def test_pages_of_a_developer(page: Page, console: str, accessible: Check) -> None:
    sign_in(page, console, "luke@rebels.example")
    visit(page, console, developer_paths(), accessible)


def test_pages_of_an_administrator(page: Page, console: str, accessible: Check) -> None:
    call_command("make_operator", "leia@rebels.example", verbosity=0)
    current_signing_key(Environment.SANDBOX, KeyPurpose.ACCESS_TOKEN)
    sign_in(page, console, "leia@rebels.example")
    luke = member("luke@rebels.example")
    page.goto(f"{console}{reverse('organization:deactivate', args=[luke.user_id])}")
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="Luke").first.wait_for()
    visit(page, console, admin_paths(), accessible)


def test_pages_that_show_or_move_a_secret(page: Page, console: str, accessible: Check) -> None:
    """In the order of a developer's first hour; each is the answer to a form."""
    sign_in(page, console, "luke@rebels.example")
    page.goto(f"{console}{reverse('credentials:create_application')}")
    accessible("the form of an app")
    page.get_by_label("App name").fill("First app")
    page.get_by_role("button", name="Create app").click()
    page.get_by_text("cs_").first.wait_for()
    accessible("the page with a new client secret")
    application = Application.objects.get(name="First app")
    nightly = JwtCredential.objects.of(member("luke@rebels.example")).filter(label="Nightly jobs")
    credential = nightly.order_by("pk")[0]
    page.goto(f"{console}{reverse('my_credentials:detail', args=[credential.pk])}")
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("heading", name="Dry run").wait_for()
    accessible("the dry run")
    page.goto(f"{console}{reverse('my_credentials:show', args=[credential.pk])}")
    page.get_by_label("Password").fill(settings.DEMO_PASSWORD)
    accessible("step-up")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Show the JWT").click()
    page.locator("#jwt").wait_for()
    accessible("the JWT shown again")
    replace = reverse(
        "credentials:replace_client_secret", args=[application.pk, Environment.SANDBOX]
    )
    page.goto(f"{console}{replace}")
    accessible("replacing a client secret")


def test_pages_before_and_without_access(page: Page, console: str, accessible: Check) -> None:
    signed_out = (
        reverse("account_login"),
        reverse("account_reset_password"),
        reverse("report_leaked"),
    )
    visit(page, console, iter((*signed_out, "/invitations/unknown")), accessible)
    sign_in(page, console, "wedge@rebels.example")
    visit(page, console, iter((reverse("dashboard"), reverse("accounts:notices"))), accessible)


def test_no_name_and_no_window_makes_a_page_wider(page: Page, console: str) -> None:
    """320 px is a window of 1280 px at four times the size (WCAG 2.2, 1.4.10)."""
    luke = member("luke@rebels.example")
    application = cast.application(luke, "M" * 60)
    client, _ = cast.client(application)
    credential = cast.credential(luke, label="W" * 100, clients=[client])
    sign_in(page, console, "leia@rebels.example")
    for path in (
        reverse("dashboard"),
        reverse("credentials:applications"),
        reverse("credentials:application", args=[application.pk]),
        reverse("organization:developers"),
        reverse("organization:developer", args=[luke.user_id]),
        reverse("organization:credentials"),
        reverse("developer_credentials:list", args=[luke.user_id]),
        reverse("developer_credentials:detail", args=[luke.user_id, credential.pk]),
        reverse("developer_credentials:revoke", args=[luke.user_id, credential.pk]),
        reverse("accounts:audit_log"),
        reverse("reference"),
        reverse("refusals:error_codes"),
    ):
        page.goto(f"{console}{path}")
        for width in (1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(OVERFLOWING) == [], f"{path} at {width}"


def test_the_main_pages_in_the_dark(page: Page, console: str, accessible: Check) -> None:
    page.emulate_media(color_scheme="dark")
    sign_in(page, console, "luke@rebels.example")
    application = Application.objects.get(name="Fleet Directory")
    paths = [
        reverse("accounts:notices"),
        reverse("my_credentials:list"),
        reverse("my_credentials:create"),
        reverse("credentials:applications"),
        reverse("credentials:application", args=[application.pk]),
        reverse("credentials:application_usage", args=[application.pk]),
        reverse("dashboard"),
    ]
    visit(page, console, iter(paths), accessible)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{console}{reverse('my_credentials:create')}")
    page.get_by_label("Label").fill("In the dark")
    page.get_by_label("All apps created by developers within my organization").check()
    page.get_by_role("button", name="Create JWT").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    accessible("the created page in the dark")
