"""Every page with the demo data, in one walk: axe finds nothing, and nothing is too wide.

The walk also takes the pictures of README.md and docs/, of real pages:
`UPDATE_PICTURES=1 make test STAGES=browser` writes them to docs/images.
"""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page

from accounts.environments import Environment
from accounts.models import AccessRequest, Membership
from console.demo import load_demo
from console.demo.apps import client_secret
from core.background import BackgroundWriter
from credentials.actions.clients import mark_resource_server
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Application, JwtCredential, Refusal, Rotation
from credentials.models.signing_keys import KeyPurpose
from tests import cast
from tests.browser.exchange import exchange
from tests.browser.walk import Walk

ORIGIN = settings.ORIGIN
LUKE, LEIA, WEDGE = (f"{name}@rebels.example" for name in ("luke", "leia", "wedge"))
# The window and the panels whose contents are wider than they are, once the size applies.
OVERFLOWING = """
new Promise(requestAnimationFrame).then(() =>
  [document.documentElement, ...document.querySelectorAll(".panel")]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => `${box.localName} ${box.innerText.slice(0, 40)}`))
"""
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _demo(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo, whose credentials stay valid although they are older than the server's port."""
    load_demo()
    BackgroundWriter.flush_all()
    for environment in Environment:
        name = f"{environment.name}_PREVIOUS_BASE_URLS"
        monkeypatch.setattr(settings, name, [f"{ORIGIN}/{environment}"])


@pytest.fixture
def walk(page: Page, console: str) -> Walk:
    return Walk(page, console)


def member(name: str) -> Membership:
    return Membership.objects.select_related("user").get(user__email=name)


def credential_of_luke(label: str) -> JwtCredential:
    return JwtCredential.objects.of(member(LUKE)).filter(label=label).earliest("pk")


def developer_paths() -> Iterator[str]:
    luke = member(LUKE)
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
    yield reverse("reference_operation", args=["rest-api", "put-business-address"])
    yield "/console/nothing-here"
    yield reverse("organization:developers")


def admin_paths() -> Iterator[str]:
    luke = member(LUKE)
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
    yield reverse("operator_api", args=["rest-api"])
    yield reverse("operator:rotate_signing_key", args=["production", "access-token"])


def pictures_of_an_administrator() -> dict[str, str]:
    """The name of the picture of each page that has one, by its path."""
    luke = member(LUKE)
    return {
        reverse("organization:developers"): "organization",
        reverse("accounts:access"): "access",
        reverse("accounts:audit_log"): "audit-log",
        reverse("developer_credentials:list", args=[luke.user_id]): "developer-credentials",
        reverse("operator:signing_keys"): "signing-keys",
    }


def test_pages_of_a_developer(walk: Walk) -> None:
    walk.sign_in(LUKE)
    pictures = {
        reverse("my_credentials:list"): "credentials",
        reverse("accounts:notices"): "notices",
    }
    for path in developer_paths():
        walk.visit(path, pictures.get(path, ""))


def test_pages_of_an_administrator(walk: Walk) -> None:
    for environment in Environment:
        # As after the first exchange.
        current_signing_key(environment, KeyPurpose.ACCESS_TOKEN)
    walk.sign_in(LEIA)
    cast.make_operator(member(LEIA))
    cast.step_up_for_everyone()
    pictures = pictures_of_an_administrator()
    for path in admin_paths():
        walk.visit(path, pictures.get(path, ""))


def test_pages_before_and_without_access(walk: Walk) -> None:
    for name in ("account_login", "account_reset_password", "report_leaked"):
        walk.visit(reverse(name))
    walk.visit("/invitations/unknown")
    walk.sign_in(WEDGE)
    for name in ("dashboard", "accounts:notices"):
        walk.visit(reverse(name))


def test_pages_that_answer_the_forms_of_a_developer(walk: Walk) -> None:
    """In the order of a developer's first hour."""
    page = walk.page
    walk.sign_in(LUKE)
    walk.open(reverse("credentials:create_application"))
    page.get_by_label("App name").fill("First app")
    page.get_by_role("button", name="Create app").click()
    page.get_by_text("cs_").first.wait_for()
    walk.examine("the page with a new client secret")

    walk.open(reverse("my_credentials:create"))
    page.get_by_label("Label").fill("Contractor Key")
    page.get_by_label("All apps created by developers within my organization").check()
    walk.examine("the filled form", picture="create")
    page.get_by_role("button", name="Create JWT").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    walk.examine("the page with a new JWT", picture="created")

    walk.open(reverse("my_credentials:detail", args=[credential_of_luke("Nightly jobs").pk]))
    page.get_by_role("heading", name="Recent use").evaluate("it => it.scrollIntoView()")
    walk.examine("a credential in use", picture="usage")
    expired = credential_of_luke("Trial of the reporting app")
    for credential, picture in ((credential_of_luke("Nightly jobs"), ""), (expired, "dry-run")):
        walk.open(reverse("my_credentials:detail", args=[credential.pk]))
        page.get_by_role("button", name="Test", exact=True).click()
        page.get_by_role("heading", name="Dry run").wait_for()
        walk.examine(f"the dry run of {credential.label}", picture=picture)
    walk.open(reverse("reference_operation", args=["rest-api", "get-account"]))
    page.get_by_role("button", name="Send").click()
    page.get_by_text("200 OK").wait_for()
    walk.examine("the answer to a call of Try it")
    refused = Refusal.objects.filter(code="JWT-105", environment="sandbox").latest("at")
    walk.open(f"{reverse('refusals:why')}?request_id={refused.request_id}")
    page.get_by_role("alert").evaluate("alert => alert.scrollIntoView()")
    walk.examine("the explanation of a refusal", picture="why")

    cast.as_later_for_everyone()
    walk.open(reverse("my_credentials:show", args=[credential_of_luke("Nightly jobs").pk]))
    walk.examine("step-up")
    walk.step_up()
    page.get_by_role("button", name="Show JWT").click()
    page.locator("#jwt").wait_for()
    walk.examine("the JWT shown again")
    application = Application.objects.get(name="First app")
    walk.visit(
        reverse("credentials:replace_client_secret", args=[application.pk, Environment.SANDBOX])
    )


def test_pages_that_answer_the_forms_of_an_administrator(walk: Walk) -> None:
    """What would stop working, before it is decided."""
    page = walk.page
    walk.sign_in(LEIA)
    walk.visit(f"{reverse('organization:credentials')}?status=active", picture="inventory")
    for label in ("Shared with Cloud City", "Nightly jobs"):
        page.get_by_role("checkbox", name=f"Select {label}, owned by Luke").first.check()
    page.get_by_role("button", name="Revoke selected").click()
    page.get_by_role("heading", name="Revoke 2 credentials?").wait_for()
    walk.examine("revoking several credentials", picture="bulk-revoke")

    walk.open(reverse("organization:policy", args=["sandbox"]))
    page.get_by_label("Maximum lifetime").fill("90")
    walk.examine("the form of a policy", picture="policy")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="What will stop working").wait_for()
    walk.examine("credentials that a policy stops", picture="policy-stops")

    walk.open(reverse("organization:change_role", args=[member(LUKE).user_id]))
    page.get_by_role("radio", name="Auditor").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="What will stop working").wait_for()
    walk.examine("credentials that a role stops", picture="change-role")


def test_pages_of_a_rotation(walk: Walk, console: str) -> None:
    """One of two apps has moved to the new JWT."""
    page = walk.page
    old = JwtCredential.objects.of(member(LUKE)).filter(label="Nightly jobs").order_by("pk")
    credential = next(found for found in old if found.environment == "sandbox")
    moved, behind = Application.objects.filter(owner=member(LUKE).user).order_by("-name")[:2]
    walk.sign_in(LUKE)
    walk.open(reverse("my_credentials:rotate", args=[credential.pk]))
    page.get_by_label("Label").fill("Nightly jobs 2027")
    walk.examine("the form of a rotation", picture="rotate")
    page.get_by_role("button", name="Create replacement").click()
    page.get_by_role("heading", name="JWT created").wait_for()
    rotation = Rotation.objects.get()
    for application, jwt in (
        (moved, rotation.replaced),
        (behind, rotation.replaced),
        (moved, rotation.replacement),
    ):
        client = application.clients.get(environment="sandbox")
        secret = client_secret(application.name, Environment.SANDBOX)
        granted = exchange(f"{console}/sandbox", client.client_id, secret, jwt.encode())
        assert "access_token" in granted
    BackgroundWriter.flush_all()
    walk.visit(reverse("my_credentials:rotation", args=[credential.pk]), picture="rotation")


def test_long_names_and_small_windows_make_no_page_wider(walk: Walk) -> None:
    """320 px is a window of 1280 px at four times the size (WCAG 2.2, 1.4.10)."""
    luke = member(LUKE)
    application = cast.application(luke, "M" * 60)
    client, _ = cast.client(application)
    credential = cast.credential(luke, label="W" * 100, clients=[client])
    mark_resource_server(client, marked=True, origin=cast.ORIGIN)
    page = walk.page
    walk.sign_in(LEIA)
    cast.make_operator(member(LEIA))
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
        reverse("reference_operation", args=["rest-api", "list-extensions"]),
        reverse("refusals:error_codes"),
        reverse("operator_api", args=["rest-api"]),
    ):
        walk.open(path)
        for width in (1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(OVERFLOWING) == [], f"{path} at {width}"
