from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actions.access_requests import (
    approve_access_request,
    decline_access_request,
    request_access,
)
from accounts.models import AccessRequest, AuditEvent, AuditKind
from accounts.models.access_requests import Decision
from accounts.roles import ConsoleRole
from accounts.views import access as access_page
from console.context import console
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

URL = "/console/request-access"
BODY = """Hello,

Wedge Example (wedge@rebels.example) requested access to Rebel Alliance in the Developer Console.

  Reason:  A targeting app {{ 7|add:1 }} & <more>

You’re receiving this email because you’re an account administrator. Approve or decline the request:

http://localhost:8000/console/organization/access
"""


def test_a_person_requests_access(
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
    assert message.subject == "Wedge Example requested access to the Developer Console"
    assert message.body == BODY


def test_pending_request_is_shown_instead_of_the_form(rebels: Rebels, sign_in: SignIn) -> None:
    request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    page = sign_in(rebels.wedge).get(reverse("accounts:sandbox_account")).content.decode()
    assert "You sent this request to your account administrators on" in page
    assert "To fly." in page
    assert URL not in page


@pytest.mark.both_databases
def test_one_request_at_a_time(rebels: Rebels, sign_in: SignIn) -> None:
    request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    response = sign_in(rebels.wedge).post(URL, {"reason": "Again."})
    assert response.status_code == 403
    assert "You already sent a request to your account administrators" in response.content.decode()
    assert AccessRequest.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_error_beside_the_field(reason: str, rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.wedge).post(URL, {"reason": reason})
    assert response.status_code == 403
    assert response.context["form"].errors.keys() == {"reason"}
    assert reason in response.content.decode()
    assert not AccessRequest.objects.exists()


def test_requesting_access_with_access_leads_to_the_console(
    rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).post(URL, {"reason": "More!"})
    assert response["Location"] == reverse("dashboard")
    assert not AccessRequest.objects.exists()


@pytest.mark.django_db
def test_a_person_without_organization_can_not_request_access(client: Client) -> None:
    operator = get_user_model().objects.create(email="op@example.com", first_name="Op")
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    for response in (
        client.get(reverse("accounts:sandbox_account")),
        client.post(URL, {"reason": "Please."}),
    ):
        page = response.content.decode()
        assert response.status_code == 403
        assert "but you aren’t a member of an organization" in " ".join(page.split())
        assert URL not in page
        assert reverse("operator:signing_keys") not in page
    operator.is_staff = True
    operator.save()
    cast.add_second_factor(operator)
    page = client.get(reverse("accounts:sandbox_account")).content.decode()
    assert "You’re an operator of this installation." in page


# --- The decision of an account administrator -----------------------------------------------------


@pytest.fixture
def asked(rebels: Rebels) -> AccessRequest:
    return request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)


def url_of(name: str, asked: AccessRequest) -> str:
    return reverse(f"accounts:{name}_access_request", args=[asked.pk])


DECISIONS = [("approve", {"role": "developer"}), ("decline", {"reason": "Not yet."})]


def test_an_administrator_approves_a_request(
    rebels: Rebels,
    asked: AccessRequest,
    leia: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    page = leia.get(url_of("approve", asked)).content.decode()
    assert "To fly." in page
    assert 'value="no_access"' not in page
    with django_capture_on_commit_callbacks(execute=True):
        response = leia.post(url_of("approve", asked), {"role": "developer"})
    assert response["Location"] == reverse("accounts:access")
    rebels.wedge.refresh_from_db()
    asked.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.DEVELOPER
    assert not rebels.wedge.is_account_admin
    assert (asked.decision, asked.decided_by) == (Decision.APPROVED, rebels.leia.user)
    event = AuditEvent.objects.get(kind=AuditKind.ACCESS_GRANTED)
    assert (event.actor, event.target_label) == (rebels.leia.user, "wedge@rebels.example")
    assert event.details == {"role": "developer"}
    [message] = mail.outbox
    assert message.to == ["wedge@rebels.example"]
    assert "Console role:  Developer" in message.body
    assert (
        "Wedge Example now has the Developer role."
        in leia.get(response["Location"]).content.decode()
    )


def test_the_person_can_work_at_once(
    rebels: Rebels, asked: AccessRequest, leia: Client, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.wedge)
    assert browser.get(reverse("my_credentials:list")).status_code == 403
    leia.post(url_of("approve", asked), {"role": "developer"})
    assert browser.get(reverse("my_credentials:list")).status_code == 200


@pytest.mark.parametrize("role", ["", "no_access", "emperor"])
def test_approving_needs_a_role(role: str, asked: AccessRequest, leia: Client) -> None:
    response = leia.post(url_of("approve", asked), {"role": role})
    assert response.context["form"].errors.keys() == {"role"}
    asked.refresh_from_db()
    assert asked.decision == ""


def test_the_action_gives_no_access_neither(rebels: Rebels, asked: AccessRequest) -> None:
    with pytest.raises(ValidationError, match="decline the request"):
        approve_access_request(
            asked, role=ConsoleRole.NO_ACCESS, actor=rebels.leia.user, origin=cast.ORIGIN
        )


def test_an_administrator_declines_a_request(
    rebels: Rebels,
    asked: AccessRequest,
    leia: Client,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    assert leia.get(url_of("decline", asked)).status_code == 200
    assert leia.post(url_of("decline", asked), {"reason": " "}).context["form"].errors.keys() == {
        "reason"
    }
    with django_capture_on_commit_callbacks(execute=True):
        response = leia.post(url_of("decline", asked), {"reason": "Not {{ yet }}."})
    assert response["Location"] == reverse("accounts:access")
    rebels.wedge.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.NO_ACCESS
    event = AuditEvent.objects.get(kind=AuditKind.ACCESS_DECLINED)
    assert (event.actor, event.details) == (rebels.leia.user, {"reason": "Not {{ yet }}."})
    [message] = mail.outbox
    assert message.to == ["wedge@rebels.example"]
    assert "Reason:        Not {{ yet }}." in message.body
    page = sign_in(rebels.wedge).get(reverse("accounts:sandbox_account")).content.decode()
    assert "Your request was declined" in page
    assert "Not {{ yet }}." in page
    assert URL in page


def test_a_declined_person_can_request_access_again(
    rebels: Rebels, asked: AccessRequest, sign_in: SignIn
) -> None:
    decline_access_request(asked, reason="No.", actor=rebels.leia.user, origin=cast.ORIGIN)
    browser = sign_in(rebels.wedge)
    assert browser.post(URL, {"reason": "Please."}).status_code == 302
    page = browser.get(reverse("accounts:sandbox_account")).content.decode()
    assert "Please." in page
    assert "was declined" not in page


@pytest.mark.parametrize(("name", "data"), DECISIONS)
@pytest.mark.parametrize(("first", "said"), [("approve", "approved"), ("decline", "declined")])
def test_the_second_decision_reads_what_the_first_was(
    name: str, data: dict[str, str], first: str, said: str, asked: AccessRequest, leia: Client
) -> None:
    leia.post(url_of(first, asked), dict(DECISIONS)[first])
    leia.get(reverse("accounts:access"))
    for send in (leia.get, leia.post):
        response = send(url_of(name, asked), data)
        page = leia.get(response["Location"]).content.decode()
        assert f"already {said} Wedge Example’s request" in page
    assert AuditEvent.objects.filter(kind__startswith="access.").count() == 2


@pytest.mark.parametrize(
    ("decide", "decision"),
    [
        (approve_access_request, {"role": ConsoleRole.DEVELOPER}),
        (decline_access_request, {"reason": "No."}),
    ],
)
@pytest.mark.parametrize("who", ["han", "luke", "c3po", "wedge", "lobot"])
def test_the_actions_ask_for_the_right_themselves(
    decide: Any,
    decision: dict[str, Any],
    who: str,
    rebels: Rebels,
    partners: Partners,
    asked: AccessRequest,
) -> None:
    actor = partners.lobot if who == "lobot" else getattr(rebels, who)
    with pytest.raises(PermissionDenied):
        decide(asked, **decision, actor=actor.user, origin=cast.ORIGIN)


def test_approving_needs_step_up(rebels: Rebels, asked: AccessRequest, sign_in: SignIn) -> None:
    browser = cast.as_later(sign_in(rebels.leia))
    response = browser.post(url_of("approve", asked), {"role": "developer"})
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    asked.refresh_from_db()
    assert asked.decided_at is None


def test_the_number_of_requests_is_a_badge(
    rebels: Rebels, asked: AccessRequest, sign_in: SignIn
) -> None:
    access = reverse("accounts:access")
    badge = '1<span class="visually-hidden"> pending request</span>'
    assert badge in sign_in(rebels.leia).get(access).content.decode()
    assert badge not in sign_in(rebels.c3po).get(access).content.decode()
    decline_access_request(asked, reason="No.", actor=rebels.leia.user, origin=cast.ORIGIN)
    assert "pending request" not in sign_in(rebels.leia).get(access).content.decode()


@pytest.mark.both_databases
def test_the_badge_costs_one_query_where_it_is_shown(
    rebels: Rebels, asked: AccessRequest, rf: RequestFactory
) -> None:
    request = rf.get("/")
    request.user = rebels.leia.user
    pending = console(request)["pending_access_requests"]
    with CaptureQueriesContext(connection) as queries:
        assert (pending(), pending()) == (1, 1)
    assert len(queries) == 1


def test_the_queue_says_when_there_is_more(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_page, "REQUESTS_AT_ONCE", 1)
    biggs = cast.join(
        rebels.organization, "biggs@rebels.example", ConsoleRole.NO_ACCESS, sandbox=False
    )
    request_access(rebels.wedge, reason="The first.", origin=cast.ORIGIN)
    request_access(biggs, reason="The second.", origin=cast.ORIGIN)
    page = sign_in(rebels.leia).get(reverse("accounts:access")).content.decode()
    assert "The first." in page
    assert "The second." not in page
    assert "Approve or decline these requests to see more." in page
