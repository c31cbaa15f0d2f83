import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actions.access_requests import request_access
from accounts.models import AccessRequest, AuditEvent, AuditKind
from tests import cast
from tests.conftest import Rebels, SignIn

URL = "/console/request-access"
BODY = """Hello,

Wedge Example (wedge@rebels.example) of Rebel Alliance asks for access to the Developer Console.

  What for:  A targeting app {{ 7|add:1 }} & <more>

You get this mail because you are an account administrator. Open the console here:

http://localhost:8000/console/organization/access
"""


def test_request(
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    browser = sign_in(rebels.wedge)
    page = browser.get(reverse("accounts:sandbox_account")).content.decode()
    assert "Request access" in page
    assert reverse("account_logout") in page
    reason = "A targeting app {{ 7|add:1 }} & <more>"
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(URL, {"reason": reason})
    assert (response.status_code, response["Location"]) == (302, reverse("dashboard"))
    request = AccessRequest.objects.get()
    assert (request.user, request.reason) == (rebels.wedge.user, reason)
    event = AuditEvent.objects.get(kind=AuditKind.ACCESS_REQUESTED)
    assert (event.actor, event.details) == (rebels.wedge.user, {"reason": reason})
    [message] = mail.outbox
    assert message.to == ["leia@rebels.example"]
    assert message.subject == "Wedge Example asks for access to the Developer Console"
    assert message.body == BODY


def test_pending_request_is_shown_instead_of_the_form(rebels: Rebels, sign_in: SignIn) -> None:
    request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    page = sign_in(rebels.wedge).get(reverse("accounts:sandbox_account")).content.decode()
    assert "Your request is with your account administrators since" in page
    assert "To fly." in page
    assert URL not in page


def test_one_request_at_a_time(rebels: Rebels, sign_in: SignIn) -> None:
    request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    response = sign_in(rebels.wedge).post(URL, {"reason": "Again."})
    assert response.status_code == 403
    assert "already with your account administrators" in response.content.decode()
    assert AccessRequest.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_error_beside_the_field(reason: str, rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.wedge).post(URL, {"reason": reason})
    assert response.status_code == 403
    assert response.context["form"].errors.keys() == {"reason"}
    assert reason in response.content.decode()
    assert not AccessRequest.objects.exists()


def test_whoever_has_access_is_sent_to_the_console(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).post(URL, {"reason": "More!"})
    assert response["Location"] == reverse("dashboard")
    assert not AccessRequest.objects.exists()


@pytest.mark.django_db
def test_without_organization_there_is_nobody_to_ask(client: Client) -> None:
    operator = get_user_model().objects.create_user("op@example.com", first_name="Op")
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    for response in (
        client.get(reverse("accounts:sandbox_account")),
        client.post(URL, {"reason": "Please."}),
    ):
        page = response.content.decode()
        assert response.status_code == 403
        assert "who belongs to no organization" in " ".join(page.split())
        assert URL not in page
