"""An administrator or the operator starts a password reset. No one but the person learns it."""

from io import StringIO

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.actions.memberships import deactivate
from accounts.actions.password_resets import send_password_reset
from accounts.models import AuditEvent, AuditKind
from tests import cast
from tests.conftest import Partners, Rebels

pytestmark = pytest.mark.django_db
PASSWORD = "Tosche-Station-77"


def link_in(body: object) -> str:
    [link] = [word for word in str(body).split() if "/password/reset/key/" in word]
    return link.removeprefix("http://localhost:8000")


def test_an_administrator_sends_a_link_and_only_the_person_chooses_the_password(
    rebels: Rebels, partners: Partners, leia: Client
) -> None:
    address = reverse("organization:send_password_reset", args=[rebels.luke.user_id])
    asked = leia.get(address).content.decode()
    assert "Luke chooses the new password, and no one else can see it" in asked
    page = leia.post(address, follow=True).content.decode()
    assert "We sent a link to luke@rebels.example." in page
    [message] = mail.outbox
    link = link_in(message.body)
    assert message.to == ["luke@rebels.example"]
    assert message.body.startswith(
        "Hello Luke,\n\nLeia Example (leia@rebels.example) sent you this link to choose a new "
        "password for the Developer Console:\n"
    )
    assert link not in page
    event = AuditEvent.objects.get(kind=AuditKind.PASSWORD_RESET_SENT)
    assert (event.actor, event.target_id) == (rebels.leia.user, str(rebels.luke.user_id))
    assert event.details == {}
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.check_password(cast.PASSWORD)

    luke = Client()
    form = luke.get(link, follow=True).redirect_chain[-1][0]
    luke.post(form, {"password1": PASSWORD, "password2": PASSWORD})
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.check_password(PASSWORD)

    for person in (rebels.han, partners.lobot):
        with pytest.raises(PermissionDenied):
            send_password_reset(rebels.luke, actor=person.user, origin=cast.ORIGIN)


def test_an_operator_sends_a_link(rebels: Rebels) -> None:
    output = StringIO()
    call_command("send_password_reset", "LUKE@rebels.example", stdout=output)
    assert output.getvalue() == "Sent a password reset link to luke@rebels.example.\n"
    [message] = mail.outbox
    assert "An operator sent you this link" in message.body
    assert Client().get(link_in(message.body)).status_code == 302
    assert AuditEvent.objects.get(kind=AuditKind.PASSWORD_RESET_SENT).actor is None
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    with pytest.raises(CommandError, match=r"Luke Example is deactivated, and can.t sign in\."):
        call_command("send_password_reset", "luke@rebels.example")
    assert len(mail.outbox) == 1
