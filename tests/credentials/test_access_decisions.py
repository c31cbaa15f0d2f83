"""What account administrators decide about people, and what it does to their credentials."""

from collections.abc import Callable

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from accounts.actions import memberships
from accounts.actions.access_requests import (
    decline_access_request,
    request_access,
)
from accounts.actions.invitations import (
    accept_invitation_as,
    invite,
    renew_invitation,
    withdraw_invitation,
)
from accounts.models import AuditKind, Invitation, Membership
from accounts.roles import ConsoleRole
from credentials.actions.applications import retire_application, transfer_application
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import the_event

OWN = "/account/~/extension/~"


def refused(app: api.App, jwt: str) -> str:
    body = api.exchange(app, jwt).json()
    return str(body["errors"][0]["errorCode"]) if "errors" in body else ""


def test_approving_gives_the_role(rebels: Rebels, sign_in: SignIn) -> None:
    request = request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    browser = cast.as_later(sign_in(rebels.leia))
    path = reverse("accounts:approve_access_request", args=[request.pk])
    assert browser.get(path).headers["Location"].startswith(reverse("account_reauthenticate"))
    cast.step_up(browser)
    assert "Wedge Example" in browser.get(path).content.decode()
    response = browser.post(path, {"role": "developer"})
    assert response.status_code == 302
    assert Membership.objects.get(pk=rebels.wedge.pk).role == ConsoleRole.DEVELOPER
    granted = the_event(AuditKind.ACCESS_GRANTED)
    assert (granted.actor, granted.details) == (rebels.leia.user, {"role": "developer"})
    with pytest.raises(ValidationError, match="already approved"):
        decline_access_request(request, reason="Late", actor=rebels.leia.user, origin=cast.ORIGIN)


def test_declining_tells_why(
    rebels: Rebels, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    request = request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        decline_access_request(
            request, reason="Ask your lead first", actor=rebels.leia.user, origin=cast.ORIGIN
        )
    assert the_event(AuditKind.ACCESS_DECLINED).details == {"reason": "Ask your lead first"}
    assert mail.outbox[-1].to == ["wedge@rebels.example"]
    assert "Ask your lead first" in mail.outbox[-1].body
    request_access(rebels.wedge, reason="Lead said yes", origin=cast.ORIGIN)


@pytest.mark.parametrize("decide", [memberships.remove_access, memberships.deactivate])
def test_a_person_shut_out_and_let_in_again(
    rebels: Rebels, decide: Callable[..., Membership]
) -> None:
    app = api.app(rebels.han)
    credential = cast.credential(rebels.luke)
    jwt = credential.encode()
    token = api.access_token(app, credential)
    decide(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert refused(app, jwt) == "JWT-106"
    assert api.call("GET", OWN, token).json()["errorCode"] == "OAU-213"
    memberships.reactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    memberships.change_role(
        rebels.luke,
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    assert refused(app, jwt) == ""
    assert api.call("GET", OWN, token).status_code == 200


def test_each_decision_about_access_is_recorded(rebels: Rebels) -> None:
    leia = rebels.leia.user
    memberships.deactivate(rebels.luke, actor=leia, origin=cast.ORIGIN)
    memberships.reactivate(rebels.luke, actor=leia, origin=cast.ORIGIN)
    memberships.remove_access(rebels.luke, actor=leia, origin=cast.ORIGIN)
    assert the_event(AuditKind.MEMBERSHIP_DEACTIVATED).actor == leia
    assert the_event(AuditKind.MEMBERSHIP_REACTIVATED).target_label == "luke@rebels.example"
    assert the_event(AuditKind.MEMBERSHIP_ROLE_CHANGED).details == {
        "changes": {"role": ["developer", "no_access"]}
    }


def test_a_deactivated_person_is_signed_out(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert browser.get(reverse("dashboard")).status_code == 200
    memberships.deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert browser.get(reverse("dashboard")).status_code == 302


@pytest.mark.parametrize("decide", [memberships.remove_access, memberships.deactivate])
def test_the_last_account_administrator_stays(
    rebels: Rebels, decide: Callable[..., Membership]
) -> None:
    with pytest.raises(ValidationError, match="last active account administrator"):
        decide(rebels.leia, actor=rebels.leia.user, origin=cast.ORIGIN)


@pytest.mark.parametrize("name", ["han", "c3po", "luke"])
def test_only_account_administrators_decide(rebels: Rebels, name: str) -> None:
    actor = getattr(rebels, name).user
    with pytest.raises(PermissionDenied):
        memberships.deactivate(rebels.lando, actor=actor, origin=cast.ORIGIN)


def test_an_administrator_decides_nothing_in_another_organization(
    rebels: Rebels, partners: Partners
) -> None:
    with pytest.raises(PermissionDenied):
        memberships.deactivate(rebels.luke, actor=partners.lobot.user, origin=cast.ORIGIN)


def invitation(rebels: Rebels, email: str) -> tuple[Invitation, str]:
    return invite(
        rebels.organization,
        email,
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )


def test_a_renewed_invitation_ends_its_former_link(rebels: Rebels) -> None:
    made, former = invitation(rebels, "rey@rebels.example")
    _, raw_token = renew_invitation(made, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert not Invitation.objects.open().with_token(former).exists()
    assert Invitation.objects.open().with_token(raw_token).exists()
    assert the_event(AuditKind.INVITATION_RESENT).actor == rebels.leia.user


def test_a_withdrawn_invitation_is_useless(rebels: Rebels) -> None:
    made, raw_token = invitation(rebels, "rey@rebels.example")
    withdraw_invitation(made, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert not Invitation.objects.open().with_token(raw_token).exists()
    assert the_event(AuditKind.INVITATION_WITHDRAWN).actor == rebels.leia.user
    with pytest.raises(ValidationError, match="already withdrawn"):
        renew_invitation(made, actor=rebels.leia.user, origin=cast.ORIGIN)


def test_an_invitation_for_somebody_of_the_organization(rebels: Rebels) -> None:
    made, _ = invitation(rebels, "wedge@rebels.example")
    with pytest.raises(ValidationError, match="This invitation is for wedge"):
        accept_invitation_as(rebels.lando.user, made, origin=cast.ORIGIN)
    accept_invitation_as(rebels.wedge.user, made, origin=cast.ORIGIN)
    assert Membership.objects.get(pk=rebels.wedge.pk).role == ConsoleRole.DEVELOPER
    with pytest.raises(ValidationError):
        accept_invitation_as(rebels.wedge.user, made, origin=cast.ORIGIN)


def test_a_leavers_app_goes_to_another_developer(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    transfer_application(app.application, rebels.lando, actor=rebels.han.user, origin=cast.ORIGIN)
    app.application.refresh_from_db()
    assert app.application.owner == rebels.lando.user
    assert the_event(AuditKind.APPLICATION_TRANSFERRED).actor == rebels.han.user
    assert refused(app, cast.credential(rebels.luke).encode()) == ""


def test_a_retired_app_is_over(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    retire_application(app.application, actor=rebels.luke.user, origin=cast.ORIGIN)
    assert refused(app, cast.credential(rebels.luke).encode()) == "OAU-146"
    assert the_event(AuditKind.APPLICATION_RETIRED).actor == rebels.luke.user
