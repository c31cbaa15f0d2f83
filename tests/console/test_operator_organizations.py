"""What operators see and decide about organizations, apps, and credentials of others."""

import json
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent, Invitation, Membership, Organization
from console.version import CONSOLE_VERSION
from credentials.actions.clients import resume_client
from credentials.models import Application, JwtCredential
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import asked

ORGANIZATIONS = "/console/operator/organizations"


@pytest.fixture
def operator(partners: Partners, sign_in: SignIn) -> Browser:
    """Lobot, of another organization."""
    return cast.step_up(sign_in(cast.make_operator(partners.lobot)))


def run(name: str, *arguments: str) -> str:
    output = StringIO()
    call_command(name, *arguments, stdout=output)
    return output.getvalue()


def words(response: Any) -> str:
    html = BeautifulSoup(response.content, "html.parser")
    return " ".join(html.get_text(" ").split())


def code_of(response: Any) -> str:
    body = response.json()
    return str(body["errors"][0]["errorCode"]) if "errors" in body else ""


def kinds(**filters: Any) -> list[str]:
    return list(AuditEvent.objects.filter(**filters).order_by("pk").values_list("kind", flat=True))


def test_a_suspended_organization_is_refused_everywhere_until_it_is_resumed(
    rebels: Rebels,
    partners: Partners,
    operator: Browser,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    theirs = api.app(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    public = api.app(partners.lobot, scopes=["ReadAccounts"], is_public=True)
    credential = cast.credential(rebels.luke)
    listed = cast.credential(rebels.luke, clients=[public.client])
    token = api.access_token(theirs, credential)
    of_partner = api.access_token(public, listed)
    refresh = api.exchange(theirs, credential.encode()).json()["refresh_token"]
    page = f"{ORGANIZATIONS}/{rebels.organization.pk}"
    assert "account administrators" in words(operator.get(f"{page}/suspend"))
    mail.outbox.clear()

    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(f"{page}/suspend", {"reason": "Unpaid invoices"}, follow=True)
    assert "You suspended Rebel Alliance." in words(response)
    assert "Suspended on" in words(response)

    def refresh_again() -> Any:
        return api.post(
            {"grant_type": "refresh_token", "refresh_token": refresh}, theirs.authorization
        )

    def introspected() -> Any:
        return (
            api.program()
            .generic(
                "POST",
                "/sandbox/restapi/oauth/introspect",
                urlencode({"token": of_partner}).encode(),
                CONTENT_TYPE=api.FORM,
                HTTP_AUTHORIZATION=public.authorization,
            )
            .json()
        )

    assert code_of(api.call("GET", "/account/~", token)) == "OAU-213"
    assert code_of(api.call("GET", "/account/~", of_partner)) == "OAU-213"
    refused = api.exchange(theirs, credential.encode())
    assert code_of(refused) == "OAU-146"
    assert code_of(refresh_again()) == "OAU-146"
    assert code_of(api.exchange(public, listed.encode())) == "JWT-106"
    assert introspected() == {"active": False}
    luke = sign_in(rebels.luke)
    closed = luke.get("/console/my-credentials")
    assert closed.status_code == 403
    assert "Rebel Alliance is suspended" in words(closed)
    [message] = [each for each in mail.outbox if each.to == ["leia@rebels.example"]]
    assert "Reason: Unpaid invoices" in message.body
    # The same again changes nothing.
    assert run("suspend_organization", "Rebel Alliance", "--reason", "Again")

    assert "works again" in words(operator.post(f"{page}/resume", follow=True))
    assert api.call("GET", "/account/~", token).status_code == 200
    assert api.call("GET", "/account/~", of_partner).status_code == 200
    assert code_of(refresh_again()) == ""
    assert introspected()["active"]
    assert luke.get("/console/my-credentials").status_code == 200
    events = kinds(organization=rebels.organization, kind__startswith="organization.")
    assert events == ["organization.created", "organization.suspended", "organization.resumed"]
    explained = words(asked(sign_in(rebels.han), refused))
    assert "The operator of this platform suspended the app or its organization." in explained


def test_an_app_that_an_operator_suspended_cannot_be_resumed_by_its_owner(
    rebels: Rebels,
    operator: Browser,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    app = api.app(rebels.luke, scopes=["ReadAccounts"])
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    mail.outbox.clear()
    page = f"/console/operator/apps/{app.application.pk}"
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(f"{page}/suspend", {"reason": "Floods the API"})
    assert code_of(api.call("GET", "/account/~", token)) == "OAU-213"
    resume_client(app.client, actor=rebels.luke.user, origin=cast.ORIGIN)
    assert code_of(api.exchange(app, credential.encode())) == "OAU-146"
    [message] = mail.outbox
    assert message.to == [rebels.luke.user.email]
    assert "Reason: Floods the API" in message.body
    assert "works again" in run("suspend_application", app.client_id, "--undo")
    assert api.call("GET", "/account/~", token).status_code == 200
    assert kinds(target_type="application", target_id=str(app.application.pk))[-2:] == [
        "application.suspended",
        "application.resumed",
    ]
    assert Application.objects.get(pk=app.application.pk).suspended_reason == ""


def test_an_operator_finds_a_credential_by_its_id_and_revokes_it(
    rebels: Rebels,
    operator: Browser,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    credential = cast.credential(rebels.luke)
    found = words(operator.get(ORGANIZATIONS, {"q": str(credential.pk)}))
    assert f"A JWT credential of {rebels.luke.user.name}, Rebel Alliance." in found
    mail.outbox.clear()
    page = f"/console/operator/credentials/{credential.pk}/revoke"
    assert "This field is required" in words(operator.post(page, {"reason": " "}))
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(page, {"reason": "Used by a scraper"})
    assert JwtCredential.objects.get(pk=credential.pk).revoked_reason == "Used by a scraper"
    assert [message.to for message in mail.outbox] == [[rebels.luke.user.email]]
    other = cast.credential(rebels.luke)
    with django_capture_on_commit_callbacks(execute=True):
        run("revoke_credential", str(other.pk), "--reason", "Leaked")
    assert "The operator revoked your JWT credential" in mail.outbox[-1].body
    with pytest.raises(CommandError, match="No credential has this ID"):
        run("revoke_credential", "nothing", "--reason", "Leaked")


def test_the_list_of_organizations_is_searched_by_name_state_and_client_id(
    rebels: Rebels, operator: Browser
) -> None:
    run("create_organization", "Hoth", "--admin", "rieekan@hoth.example", "--no-email")
    app = api.app(rebels.luke)

    def names(**query: str) -> list[str]:
        html = BeautifulSoup(operator.get(ORGANIZATIONS, query).content, "html.parser")
        return [link.get_text() for link in html.select("tbody td.table__main a")]

    assert names() == ["Cloud City Partners", "Hoth", "Rebel Alliance"]
    assert names(q="hot") == names(state="waiting") == ["Hoth"]
    assert names(q=app.client_id) == ["Rebel Alliance"]
    assert names(q="nothing") == names(state="suspended") == []
    detail = words(operator.get(f"{ORGANIZATIONS}/{rebels.organization.pk}"))
    assert "leia@rebels.example" in detail
    assert app.client_id in detail
    assert f"Version {CONSOLE_VERSION}" in detail
    rows = [json.loads(line) for line in run("list_organizations", "--json").splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [
        ("Cloud City Partners", "active"),
        ("Hoth", "waiting"),
        ("Rebel Alliance", "active"),
    ]
    assert run("list_organizations", "--suspended") == ""
    assert run("list_operators").split("\t")[::3] == ["lobot@cloudcity.example", "active"]


def test_a_second_organization_of_the_same_name_is_a_mistake_that_can_be_undone(
    rebels: Rebels,
) -> None:
    mail.outbox.clear()
    with pytest.raises(CommandError, match="already has this name"):
        run("create_organization", "rebel alliance", "--admin", "mon@rebels.example")
    assert mail.outbox == []
    run("create_organization", "Rebel Aliance", "--admin", "mon@rebels.example")
    assert [message.to for message in mail.outbox] == [["mon@rebels.example"]]
    assert "is now Rebels 2" in run("rename_organization", "Rebel Aliance", "Rebels 2")
    with pytest.raises(CommandError, match="already has this name"):
        run("rename_organization", "Rebels 2", "Rebel Alliance")
    run("delete_organization", "Rebels 2")
    assert Organization.objects.get() == rebels.organization
    assert kinds(kind__in=["organization.renamed", "organization.deleted"]) == [
        "organization.renamed",
        "organization.deleted",
    ]
    with pytest.raises(CommandError, match="Suspend it instead"):
        run("delete_organization", "Rebel Alliance")


def test_an_operator_replaces_a_lost_account_administrator(
    rebels: Rebels, operator: Browser
) -> None:
    page = f"{ORGANIZATIONS}/{rebels.organization.pk}/administrator"
    operator.post(page, {"email": "han@rebels.example"})
    first = Invitation.objects.get(email="han@rebels.example")
    assert first.is_account_admin
    # The link was lost, so Han gets another one.
    link = run("invite_administrator", "Rebel Alliance", "Han@rebels.example").splitlines()[-1]
    assert Invitation.objects.get(email="han@rebels.example").token_digest != first.token_digest
    assert link.startswith("http://localhost:8000/invitations/inv_")
    shown = words(operator.get(f"{ORGANIZATIONS}/{rebels.organization.pk}"))
    assert "han@rebels.example" in shown
    assert not Membership.objects.get(pk=rebels.han.pk).is_account_admin
    operator.post(f"/console/operator/invitations/{first.pk}/withdraw")
    assert Invitation.objects.get(pk=first.pk).state == "withdrawn"
    with pytest.raises(CommandError, match="no open invitation"):
        run("invite_administrator", "Rebel Alliance", "han@rebels.example", "--withdraw")
