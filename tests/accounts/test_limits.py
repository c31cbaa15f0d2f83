"""How often one person can send emails and create things."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import limits
from accounts.models import Invitation
from credentials.models import Application
from tests.conftest import Rebels, SignIn
from tests.credentials import fleets, pages

pytestmark = pytest.mark.django_db
REFUSED = "Each person can do this 10 times in a minute and 200 times in a day. Try again later."


def test_a_person_sends_ten_invitations_in_a_minute(leia: Client) -> None:
    typed = {"role": "developer", "email": "wicket@ewoks.example"}
    leia.post(reverse("accounts:invite"), typed)
    invitation = Invitation.objects.get()
    resend = reverse("accounts:resend_invitation", args=[invitation.pk])
    for _ in range(limits.EMAILS.in_a_minute - 1):
        assert "We sent an invitation" in leia.post(resend, follow=True).content.decode()
    page = leia.post(reverse("accounts:invite"), typed | {"email": "teebo@ewoks.example"})
    [error] = page.context["form"].non_field_errors()
    assert error == f"That’s too many emails. {REFUSED}"
    # What was typed stays.
    assert "teebo@ewoks.example" in page.content.decode()
    assert REFUSED in leia.post(resend, follow=True).content.decode()
    assert len(mail.outbox) == limits.EMAILS.in_a_minute
    assert Invitation.objects.count() == 1


def test_a_person_creates_ten_things_in_a_minute(rebels: Rebels, sign_in: SignIn) -> None:
    def create(browser: Client) -> str:
        answer = browser.post(reverse("credentials:create_application"), fleets.submission())
        return str(answer.content.decode())

    luke, han = sign_in(rebels.luke), sign_in(rebels.han)
    for _ in range(limits.CREATIONS.in_a_minute):
        assert "too many" not in create(luke)
    assert f"That’s too many new apps, secrets, and credentials. {REFUSED}" in create(luke)
    assert Application.objects.count() == limits.CREATIONS.in_a_minute
    assert "too many" not in create(han)
    [app] = Application.objects.filter(owner=rebels.luke.user)[:1]
    issue = reverse("credentials:issue_client", args=[app.pk, "production"])
    assert REFUSED in luke.post(issue, follow=True).content.decode()
    assert REFUSED in luke.post(pages.url("create"), pages.submission()).content.decode()
