"""How often one person can send emails and create things."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Invitation
from credentials.models import Application
from tests.conftest import Rebels, SignIn
from tests.credentials import fleets, pages

pytestmark = pytest.mark.django_db
REFUSED = "Each person can do this 2 times in 60 seconds and 40 times in a day. Try again later."


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.PERSON_LIMITS = {"emails": (2, 60), "creations": (2, 60)}


def test_a_person_sends_only_so_many_invitations(leia: Client) -> None:
    typed = {"role": "developer", "email": "wicket@ewoks.example"}
    leia.post(reverse("accounts:invite"), typed)
    invitation = Invitation.objects.get()
    resend = reverse("accounts:resend_invitation", args=[invitation.pk])
    assert "We sent an invitation" in leia.post(resend, follow=True).content.decode()
    page = leia.post(reverse("accounts:invite"), typed | {"email": "teebo@ewoks.example"})
    [error] = page.context["form"].non_field_errors()
    assert error == f"That’s too many emails. {REFUSED}"
    # What was typed stays.
    assert "teebo@ewoks.example" in page.content.decode()
    assert REFUSED in leia.post(resend, follow=True).content.decode()
    assert len(mail.outbox) == 2
    assert Invitation.objects.count() == 1


def test_a_person_creates_only_so_many_things(rebels: Rebels, sign_in: SignIn) -> None:
    def create(browser: Client) -> str:
        answer = browser.post(reverse("credentials:create_application"), fleets.submission())
        return str(answer.content.decode())

    luke, han = sign_in(rebels.luke), sign_in(rebels.han)
    for _ in range(2):
        assert "too many" not in create(luke)
    assert f"That’s too many new apps, secrets, and credentials. {REFUSED}" in create(luke)
    assert Application.objects.count() == 2
    assert "too many" not in create(han)
    [app] = Application.objects.filter(owner=rebels.luke.user)[:1]
    issue = reverse("credentials:issue_client", args=[app.pk, "production"])
    assert REFUSED in luke.post(issue, follow=True).content.decode()
    assert REFUSED in luke.post(pages.url("create"), pages.submission()).content.decode()
