import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from post_office.models import Email

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import (
    accept_invitation,
    accept_invitation_as,
    invite,
    renew_invitation,
    tell_of_expired_invitations,
    withdraw_invitation,
)
from accounts.actions.memberships import change_role, deactivate
from accounts.forms.invitations import InvitationListForm
from accounts.models import AuditEvent, AuditKind, Invitation, Membership, User
from accounts.roles import ConsoleRole
from core.moments import in_words
from tests import cast
from tests.accounts import email_servers
from tests.conftest import Partners, Rebels, SignIn, UseEmailServer

DATA = {
    "first_name": "Mon",
    "last_name": "Mothma",
    "password": "Chandrila-Senator-42",
    "password_again": "Chandrila-Senator-42",
}


ACCEPT = reverse("accounts:accept_invitation")


def accept(browser: Client, link: str, data: dict[str, str] | None = None) -> Any:
    """Open the link of the email, and send the form of the page that it leads to."""
    browser.get(link)
    return browser.post(ACCEPT, data)


@pytest.fixture
def invitation(rebels: Rebels) -> tuple[Invitation, str]:
    made, raw_token = invite(
        rebels.organization,
        "Mon@Rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    return made, reverse("accounts:open_invitation", args=[raw_token])


def test_the_link_leaves_the_address_and_its_page_is_public(
    invitation: tuple[Invitation, str], client: Client
) -> None:
    opened = client.get(invitation[1])
    # The address bar, the history and the session never have the token.
    assert (opened.status_code, opened["Location"]) == (302, ACCEPT)
    assert (opened["Cache-Control"], opened["Referrer-Policy"]) == ("no-store", "strict-origin")
    token = invitation[1].rpartition("/")[2]
    assert token not in str(dict(client.session))
    response = client.get(ACCEPT)
    page = response.content.decode()
    assert response.status_code == 200
    assert token not in page
    for text in ("Rebel Alliance", "mon@rebels.example", "Developer", "at least 12 characters"):
        assert text in page
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "strict-origin"


def test_accepting_signs_in(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    response = accept(client, url, DATA)
    assert (response.status_code, response["Location"]) == (302, reverse("dashboard"))
    user = User.objects.get(email="mon@rebels.example")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.name == "Mon Mothma"
    assert user.check_password(DATA["password"])
    assert user.membership.role == ConsoleRole.DEVELOPER
    assert [login.environment for login in user.extensions.all()] == ["production"]
    events = AuditEvent.objects.filter(actor=user).order_by("id")
    assert [event.kind for event in events] == [
        AuditKind.MEMBERSHIP_CREATED,
        AuditKind.EXTENSION_CREATED,
        AuditKind.INVITATION_ACCEPTED,
        AuditKind.SIGNED_IN,
        AuditKind.SIGNED_IN_FROM_NEW_DEVICE,
    ]
    assert {event.organization for event in events} == {made.organization}
    assert client.get(reverse("accounts:my_profile")).status_code == 200


@pytest.mark.both_databases
def test_accepting_works_once(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    late = Client()
    late.get(url)
    accept(client, url, DATA)
    assert client.get(ACCEPT).status_code == 410
    assert late.get(url).status_code == 410
    again = late.post(ACCEPT, DATA)
    assert again.status_code == 410
    assert "This invitation isn’t valid" in again.content.decode()
    with pytest.raises(ValidationError, match="was already used"):
        accept_invitation(
            made, first_name="M", last_name="", password=DATA["password"], origin=cast.ORIGIN
        )
    assert User.objects.filter(email="mon@rebels.example").count() == 1


def test_expired_and_unknown(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    assert client.get(reverse("accounts:open_invitation", args=["inv_x"])).status_code == 410
    assert client.get(ACCEPT).status_code == 410
    client.get(url)
    made.expires_at -= timedelta(days=8)
    made.save()
    response = client.get(url)
    assert response.status_code == 410
    assert response["Cache-Control"] == "no-store"
    assert client.post(ACCEPT, DATA).status_code == 410


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"first_name": ""}, "first_name"),
        ({"password": "short", "password_again": "short"}, "password"),
        ({"password": "1" * 14, "password_again": "1" * 14}, "password"),
        ({"password": "mon@rebels.example", "password_again": "mon@rebels.example"}, "password"),
        ({"password": ""}, "password"),
        ({"password_again": "Chandrila-Senator-43"}, "password_again"),
    ],
)
def test_error_beside_the_field(
    change: dict[str, str], wrong: str, invitation: tuple[Invitation, str], client: Client
) -> None:
    response = accept(client, invitation[1], DATA | change)
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {wrong}
    page = response.content.decode()
    assert 'value="Mothma"' in page
    assert "Chandrila" not in page
    assert not User.objects.filter(email="mon@rebels.example").exists()


def test_address_taken_meanwhile(
    rebels: Rebels, invitation: tuple[Invitation, str], client: Client
) -> None:
    cast.join(rebels.organization, "mon@rebels.example", ConsoleRole.AUDITOR, sandbox=False)
    response = accept(client, invitation[1], DATA)
    assert response.status_code == 200
    assert "already in use" in response.content.decode()


def test_signed_in_visitors_log_out_first(
    partners: Partners, invitation: tuple[Invitation, str], sign_in: SignIn
) -> None:
    browser = sign_in(partners.lobot)
    for response in (browser.get(invitation[1], follow=True), browser.post(ACCEPT, DATA)):
        assert "Log out to accept this invitation" in response.content.decode()
    assert not User.objects.filter(email="mon@rebels.example").exists()


def test_csrf_is_enforced(invitation: tuple[Invitation, str]) -> None:
    assert accept(Client(enforce_csrf_checks=True), invitation[1], DATA).status_code == 403


def test_other_methods_are_refused(invitation: tuple[Invitation, str], client: Client) -> None:
    assert client.post(invitation[1], DATA).status_code == 405
    assert client.delete(ACCEPT).status_code == 405


# --- Inviting from the console -------------------------------------------------------------------

INVITE = "/console/organization/access/invite"
ASKED = {"email": "Ackbar@Rebels.example ", "role": "auditor", "is_account_admin": "on"}


def link_in(message: Any) -> str:
    [link] = re.findall(r"http://localhost:8000(/invitations/\S+)", message.body)
    return str(link)


def url_of(name: str, made: Invitation) -> str:
    return reverse(f"accounts:{name}_invitation", args=[made.pk])


def test_an_administrator_invites_by_email(rebels: Rebels, leia: Client, client: Client) -> None:
    assert leia.get(INVITE).status_code == 200
    response = leia.post(INVITE, ASKED)
    assert response["Location"] == reverse("accounts:access")
    made = Invitation.objects.get(email="ackbar@rebels.example")
    assert (made.invited_by, made.role) == (rebels.leia.user, ConsoleRole.AUDITOR)
    assert made.is_account_admin
    assert made.expires_at - made.created_at == timedelta(days=7)
    event = AuditEvent.objects.get(kind=AuditKind.INVITATION_CREATED)
    assert (event.actor, event.target_label) == (rebels.leia.user, "ackbar@rebels.example")
    [message] = mail.outbox
    assert message.to == ["ackbar@rebels.example"]
    assert message.subject == (
        "Leia Example invited you to join Rebel Alliance in the Developer Console"
    )
    page = leia.get(response["Location"]).content.decode()
    assert "We sent an invitation to ackbar@rebels.example." in page
    assert "invited by Leia Example" in page
    assert accept(client, link_in(message), DATA).status_code == 302
    ackbar = Membership.objects.get(user__email="ackbar@rebels.example")
    assert (ackbar.role, ackbar.is_account_admin) == (ConsoleRole.AUDITOR, True)


def test_the_link_is_kept_nowhere(leia: Client) -> None:
    leia.post(INVITE, ASKED)
    token = link_in(mail.outbox[0]).rpartition("/")[2]
    rows = [model._default_manager.values() for model in apps.get_models()]
    assert token not in str([list(row) for row in rows])
    assert not Email.objects.exists()


def test_an_invitation_without_an_email_server_says_so(
    leia: Client, use_email_server: UseEmailServer
) -> None:
    use_email_server(email_servers.DOWN)
    page = leia.post(INVITE, ASKED, follow=True).content.decode()
    assert "couldn’t send the email" in page
    made = Invitation.objects.get()
    use_email_server(email_servers.WORKING)
    page = leia.post(url_of("resend", made), follow=True).content.decode()
    assert "We sent an invitation to ackbar@rebels.example" in page
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"email": ""}, "email"),
        ({"email": "ackbar"}, "email"),
        ({"role": ""}, "role"),
        ({"role": "no_access"}, "role"),
        ({"email": "lobot@cloudcity.example"}, "email"),
        ({"email": "LEIA@rebels.example"}, "email"),
        ({"email": "luke@rebels.example", "role": "developer", "is_account_admin": ""}, "email"),
        ({"email": "luke@rebels.example", "role": "auditor", "is_account_admin": ""}, "email"),
    ],
)
def test_an_invitation_that_no_one_could_accept_is_refused(
    change: dict[str, str], wrong: str, leia: Client, partners: Partners
) -> None:
    response = leia.post(INVITE, ASKED | change)
    assert response.context["form"].errors.keys() == {wrong}
    assert not Invitation.objects.exists()
    assert mail.outbox == []


def test_the_deactivated_are_reactivated_instead(rebels: Rebels, leia: Client) -> None:
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    response = leia.post(INVITE, ASKED | {"email": "luke@rebels.example"})
    assert "Reactivate them instead" in response.content.decode()


@pytest.mark.both_databases
def test_one_open_invitation_of_an_address(leia: Client) -> None:
    leia.post(INVITE, ASKED)
    response = leia.post(INVITE, ASKED)
    assert "Resend it or withdraw it" in response.content.decode()
    leia.post(url_of("withdraw", Invitation.objects.get()))
    assert leia.post(INVITE, ASKED).status_code == 302


def test_resend_ends_the_former_link(
    rebels: Rebels, invitation: tuple[Invitation, str], leia: Client, client: Client
) -> None:
    made, old = invitation
    made.expires_at -= timedelta(days=8)
    made.save()
    assert "Expired" in leia.get(reverse("accounts:access")).content.decode()
    assert leia.post(url_of("resend", made)).status_code == 302
    new = link_in(mail.outbox[0])
    assert client.get(old).status_code == 410
    assert client.get(new, follow=True).status_code == 200
    made.refresh_from_db()
    assert made.state == "pending"
    event = AuditEvent.objects.get(kind=AuditKind.INVITATION_RESENT)
    assert (event.actor, event.target_label) == (rebels.leia.user, "mon@rebels.example")


@pytest.mark.both_databases
def test_a_link_that_is_replaced_while_it_is_used_is_dead(
    rebels: Rebels, invitation: tuple[Invitation, str]
) -> None:
    """Found by the former link, and accepted a moment after the new one was made."""
    found, _link = invitation
    renew_invitation(
        Invitation.objects.get(pk=found.pk), actor=rebels.leia.user, origin=cast.ORIGIN
    )
    with pytest.raises(ValidationError, match="was already used or has expired"):
        accept_invitation(
            found,
            first_name="Mon",
            last_name="Mothma",
            password=DATA["password"],
            origin=cast.ORIGIN,
        )
    assert not User.objects.filter(email="mon@rebels.example").exists()


def test_a_withdrawn_invitation_no_longer_works(
    rebels: Rebels, invitation: tuple[Invitation, str], leia: Client, client: Client
) -> None:
    made, url = invitation
    assert "Withdraw the invitation" in leia.get(url_of("withdraw", made)).content.decode()
    assert leia.head(url_of("withdraw", made)).status_code == 200
    assert Invitation.objects.open().exists()
    client.get(url)
    assert leia.post(url_of("withdraw", made)).status_code == 302
    assert client.get(url).status_code == 410
    assert client.post(ACCEPT, DATA).status_code == 410
    event = AuditEvent.objects.get(kind=AuditKind.INVITATION_WITHDRAWN)
    assert event.actor == rebels.leia.user
    assert "Withdrawn" in leia.get(reverse("accounts:access")).content.decode()
    page = leia.get(url_of("withdraw", made)).content.decode()
    assert "already withdrawn" in page
    assert "Withdraw invitation" not in page


@pytest.mark.parametrize("name", ["resend", "withdraw"])
def test_a_settled_invitation_stays_as_it_is(
    name: str, invitation: tuple[Invitation, str], leia: Client, client: Client
) -> None:
    made, url = invitation
    accept(client, url, DATA)
    page = leia.post(url_of(name, made), follow=True).content.decode()
    assert "The invitation to mon@rebels.example is already accepted." in page
    made.refresh_from_db()
    assert made.state == "accepted"
    assert mail.outbox == []


@pytest.mark.both_databases
def test_older_invitations_are_on_further_pages(
    rebels: Rebels, leia: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InvitationListForm, "page_size", 2)
    for name in ("a", "b", "c"):
        leia.post(INVITE, ASKED | {"email": f"{name}@rebels.example"})
    access = reverse("accounts:access")
    first = leia.get(access).context["invitations"]
    assert [made.email[0] for made in first.rows] == ["c", "b"]
    assert first.next_url.endswith("#invitations")
    second = leia.get(access + first.next_url).context["invitations"]
    assert [made.email[0] for made in second.rows] == ["a"]
    assert leia.get(access + second.previous_url).context["invitations"].rows == first.rows
    assert not second.next_url


@pytest.mark.parametrize("who", ["han", "lobot"])
def test_the_actions_ask_for_the_right_themselves(
    who: str, rebels: Rebels, partners: Partners, invitation: tuple[Invitation, str]
) -> None:
    actor = (partners.lobot if who == "lobot" else rebels.han).user
    with pytest.raises(PermissionDenied):
        invite(
            rebels.organization,
            "ackbar@rebels.example",
            role=ConsoleRole.AUDITOR,
            is_account_admin=False,
            actor=actor,
            origin=cast.ORIGIN,
        )
    for act in (renew_invitation, withdraw_invitation):
        with pytest.raises(PermissionDenied):
            act(invitation[0], actor=actor, origin=cast.ORIGIN)


def test_inviting_asks_for_sign_in_step_up_and_a_token(
    rebels: Rebels, invitation: tuple[Invitation, str], sign_in: SignIn, client: Client
) -> None:
    made, _ = invitation
    assert client.post(INVITE, ASKED)["Location"].startswith(reverse("account_login"))
    response = cast.as_later(sign_in(rebels.leia)).post(INVITE, ASKED)
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert sign_in(rebels.leia).get(url_of("resend", made)).status_code == 405
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(rebels.leia.user, "allauth.account.auth_backends.AuthenticationBackend")
    for url in (INVITE, url_of("resend", made), url_of("withdraw", made)):
        assert browser.post(url, ASKED).status_code == 403


# --- Accepting as a person of the organization ---------------------------------------------------


def test_an_existing_person_takes_the_role_once(
    rebels: Rebels, leia: Client, sign_in: SignIn
) -> None:
    asked = request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    leia.post(INVITE, {"email": "wedge@rebels.example", "role": "developer"})
    url = link_in(mail.outbox[-1])
    browser = sign_in(rebels.wedge)
    page = browser.get(url, follow=True).content.decode()
    assert "Accept the invitation" in page
    assert "Developer" in page
    assert browser.post(ACCEPT)["Location"] == reverse("dashboard")
    rebels.wedge.refresh_from_db()
    asked.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.DEVELOPER
    assert asked.decided_at is not None
    kinds = AuditEvent.objects.filter(actor=rebels.wedge.user).order_by("-id")
    assert list(kinds.values_list("kind", flat=True)[:2]) == [
        AuditKind.INVITATION_ACCEPTED,
        AuditKind.MEMBERSHIP_ROLE_CHANGED,
    ]
    assert browser.post(ACCEPT).status_code == 410


def test_accepting_takes_nothing_away(rebels: Rebels, leia: Client, sign_in: SignIn) -> None:
    """What an administrator gave meanwhile stays."""
    leia.post(INVITE, {"email": "wedge@rebels.example", "role": "auditor"})
    change_role(
        rebels.wedge,
        role=ConsoleRole.DEVELOPER_ADMIN,
        is_account_admin=True,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    accept(sign_in(rebels.wedge), link_in(mail.outbox[0]))
    rebels.wedge.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.DEVELOPER_ADMIN
    assert rebels.wedge.is_account_admin


def test_an_invitation_works_only_for_its_own_address(
    rebels: Rebels, partners: Partners, leia: Client, sign_in: SignIn
) -> None:
    leia.post(INVITE, {"email": "wedge@rebels.example", "role": "developer_admin"})
    url = link_in(mail.outbox[0])
    made = Invitation.objects.get()
    for person, title in (
        (rebels.luke, "This invitation is for another address"),
        (partners.lobot, "Log out to accept"),
    ):
        assert title in accept(sign_in(person), url).content.decode()
        with pytest.raises(ValidationError, match="is for wedge"):
            accept_invitation_as(person.user, made, origin=cast.ORIGIN)
    rebels.wedge.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.NO_ACCESS
    assert made.state == "pending"


def test_an_existing_person_signs_in_first(rebels: Rebels, leia: Client, client: Client) -> None:
    leia.post(INVITE, {"email": "wedge@rebels.example", "role": "developer"})
    for response in (
        client.get(link_in(mail.outbox[0]), follow=True),
        client.post(ACCEPT, DATA),
    ):
        page = response.content.decode()
        assert "Sign in to accept this invitation" in page
        assert f'href="{reverse("account_login")}?next={ACCEPT}"' in page
    # Signing in keeps what the browser opened.
    credentials = {"login": "wedge@rebels.example", "password": cast.PASSWORD, "next": ACCEPT}
    signed_in = client.post(reverse("account_login"), credentials, follow=True)
    assert "Accept the invitation" in signed_in.content.decode()


def test_an_invitation_follows_a_person_to_their_new_address(
    rebels: Rebels, leia: Client, sign_in: SignIn, client: Client
) -> None:
    """No one with a new address is asked to make a second account."""
    leia.post(INVITE, {"email": "wedge@rebels.example", "role": "developer"})
    url = link_in(mail.outbox[-1])
    browser = cast.step_up(sign_in(rebels.wedge))
    browser.post(reverse("account_email"), {"email": "red2@rebels.example", "action_add": ""})
    [confirmation] = [word for word in mail.outbox[-1].body.split() if "/confirm-email/" in word]
    browser.post(confirmation.removeprefix("http://localhost:8000"))
    assert Invitation.objects.get().email == "red2@rebels.example"
    assert AuditEvent.objects.filter(kind=AuditKind.INVITATION_READDRESSED).count() == 1
    assert "Sign in to accept this invitation" in client.get(url, follow=True).content.decode()
    again = Client()
    again.force_login(
        User.objects.get(pk=rebels.wedge.user_id),
        "allauth.account.auth_backends.AuthenticationBackend",
    )
    assert accept(again, url)["Location"] == reverse("dashboard")
    rebels.wedge.refresh_from_db()
    assert rebels.wedge.role == ConsoleRole.DEVELOPER


def test_a_person_of_another_organization_keeps_their_account(
    rebels: Rebels, partners: Partners, invitation: tuple[Invitation, str], sign_in: SignIn
) -> None:
    mon = cast.join(partners.organization, "mon@rebels.example", ConsoleRole.AUDITOR, sandbox=False)
    page = sign_in(mon).get(invitation[1], follow=True).content.decode()
    assert "You belong to another organization" in page


# --- Expired invitations -------------------------------------------------------------------------

EXPIRED = """Hello Leia,

Your invitation to the Developer Console expired before it was accepted:

  - mon@rebels.example, expired on {expired}

Its link no longer works. Send the invitation again with a new link:

http://localhost:8000/console/organization/access#invitations
"""


def test_the_inviter_is_told_once(
    invitation: tuple[Invitation, str], rebels: Rebels, sign_in: SignIn
) -> None:
    made, _ = invitation
    assert tell_of_expired_invitations(at=made.expires_at - timedelta(seconds=1)) == 0
    assert tell_of_expired_invitations(at=made.expires_at) == 1
    assert tell_of_expired_invitations(at=made.expires_at + timedelta(days=9)) == 0
    [email] = Email.objects.all()
    assert email.to == ["leia@rebels.example"]
    assert email.subject == "Your invitation to mon@rebels.example expired"
    assert email.message == EXPIRED.format(expired=in_words(made.expires_at))
    told = rebels.leia.user.notices.get()
    assert told.text == (
        "Your invitation to mon@rebels.example expired before it was accepted. "
        "You can send it again."
    )
    assert (told.path, told.at) == ("/console/organization/access#invitations", made.expires_at)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    page = sign_in(rebels.leia).get(reverse("accounts:access")).content.decode()
    assert "mon@rebels.example" in page
    assert "Expired" in page


def test_a_renewed_invitation_may_expire_again(
    invitation: tuple[Invitation, str], rebels: Rebels
) -> None:
    made, _ = invitation
    tell_of_expired_invitations(at=made.expires_at)
    renewed, _ = renew_invitation(made, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert tell_of_expired_invitations() == 0
    assert tell_of_expired_invitations(at=renewed.expires_at) == 1


@pytest.mark.both_databases
def test_several_expired_invitations_are_one_email_and_settled_ones_none(
    invitation: tuple[Invitation, str], rebels: Rebels, client: Client
) -> None:
    _, url = invitation
    accept(client, url, DATA)
    for name in ("rey", "finn", "poe"):
        invited, _ = invite(
            rebels.organization,
            f"{name}@rebels.example",
            role=ConsoleRole.DEVELOPER,
            is_account_admin=False,
            actor=rebels.leia.user,
            origin=cast.ORIGIN,
        )
    withdraw_invitation(invited, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert tell_of_expired_invitations(at=timezone.now() + timedelta(days=30)) == 2
    assert [email.subject for email in Email.objects.all()] == ["2 of your invitations expired"]


def test_expired_invitations_of_commands_and_deactivated_people_send_no_notice(
    rebels: Rebels,
) -> None:
    later = timezone.now() + timedelta(days=30)
    for email, actor in (("rey@rebels.example", None), ("poe@rebels.example", rebels.leia.user)):
        invite(
            rebels.organization,
            email,
            role=ConsoleRole.DEVELOPER,
            is_account_admin=False,
            actor=actor,
            origin=cast.ORIGIN,
        )
    User.objects.filter(pk=rebels.leia.user_id).update(is_active=False)
    assert tell_of_expired_invitations(at=later) == 0
    assert not Email.objects.exists()
