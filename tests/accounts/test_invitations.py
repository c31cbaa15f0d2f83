from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.actions.invitations import accept_invitation, invite
from accounts.models import AuditEvent, AuditKind, Invitation, User
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Rebels, SignIn

DATA = {
    "first_name": "Mon",
    "last_name": "Mothma",
    "password": "Chandrila-Senator-42",
    "password_again": "Chandrila-Senator-42",
}


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
    return made, reverse("accounts:accept_invitation", args=[raw_token])


def test_page_is_public_and_keeps_its_link(
    invitation: tuple[Invitation, str], client: Client
) -> None:
    response = client.get(invitation[1])
    page = response.content.decode()
    assert response.status_code == 200
    for text in ("Rebel Alliance", "mon@rebels.example", "Developer", "at least 12 characters"):
        assert text in page
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "strict-origin"


def test_accepting_signs_in(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    response = client.post(url, DATA)
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
    ]
    assert {event.organization for event in events} == {made.organization}
    assert client.get(reverse("accounts:my_profile")).status_code == 200


def test_accepting_works_once(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    client.post(url, DATA)
    again = Client().post(url, DATA)
    assert again.status_code == 410
    assert "This invitation is not valid" in again.content.decode()
    with pytest.raises(ValidationError, match="has been used"):
        accept_invitation(
            made, first_name="M", last_name="", password=DATA["password"], origin=cast.ORIGIN
        )
    assert User.objects.filter(email="mon@rebels.example").count() == 1


def test_expired_and_unknown(invitation: tuple[Invitation, str], client: Client) -> None:
    made, url = invitation
    assert client.get(reverse("accounts:accept_invitation", args=["inv_x"])).status_code == 410
    made.expires_at -= timedelta(days=8)
    made.save()
    response = client.get(url)
    assert response.status_code == 410
    assert response["Cache-Control"] == "no-store"
    assert client.post(url, DATA).status_code == 410


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
    response = client.post(invitation[1], DATA | change)
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
    response = client.post(invitation[1], DATA)
    assert response.status_code == 200
    assert "already a person with this e-mail address" in response.content.decode()


def test_signed_in_visitors_log_out_first(
    rebels: Rebels, invitation: tuple[Invitation, str], sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
    for response in (browser.get(invitation[1]), browser.post(invitation[1], DATA)):
        assert "Log out to accept this invitation" in response.content.decode()
    assert not User.objects.filter(email="mon@rebels.example").exists()


def test_csrf_is_enforced(invitation: tuple[Invitation, str]) -> None:
    assert Client(enforce_csrf_checks=True).post(invitation[1], DATA).status_code == 403


def test_other_methods_are_refused(invitation: tuple[Invitation, str], client: Client) -> None:
    assert client.delete(invitation[1]).status_code == 405
