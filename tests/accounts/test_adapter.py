"""The emails of django-allauth, and what happens without an email server."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from post_office.models import Email
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import cast
from tests.accounts import email_servers
from tests.conftest import Rebels, SignIn, UseEmailServer

DOWN = "the email server didn’t respond"


def test_reset_link_is_sent_at_once_and_kept_nowhere(rebels: Rebels, client: Client) -> None:
    response = client.post(reverse("account_reset_password"), {"email": "luke@rebels.example"})
    assert response["Location"] == reverse("account_reset_password_done")
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]
    assert "/password/reset/key/" in message.body
    assert not Email.objects.exists()


@pytest.mark.parametrize("email", ["luke@rebels.example", "stranger@rebels.example"])
def test_reset_with_a_dead_server_says_so(
    email: str, rebels: Rebels, client: Client, use_email_server: UseEmailServer
) -> None:
    use_email_server(email_servers.DOWN)
    url = reverse("account_reset_password")
    response = client.post(url, {"email": email}, follow=True)
    assert response.redirect_chain == [(url, 302)]
    assert DOWN in response.content.decode()
    assert not Email.objects.exists()


def test_an_email_change_with_a_dead_server_says_so(
    rebels: Rebels, sign_in: SignIn, use_email_server: UseEmailServer
) -> None:
    use_email_server(email_servers.DOWN)
    browser = cast.step_up(sign_in(rebels.luke))
    url = reverse("account_email")
    data = {"email": "red5@rebels.example", "action_add": ""}
    page = browser.post(url, data, follow=True).content.decode()
    assert DOWN in page
    assert "Confirmation email sent" not in page


def test_notice_waits_in_the_queue(
    rebels: Rebels,
    sign_in: SignIn,
    use_email_server: UseEmailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_email_server(email_servers.DOWN)
    password = "Tosche-Station-77"
    with django_capture_on_commit_callbacks(execute=True):
        response = sign_in(rebels.luke).post(
            reverse("account_change_password"),
            {"oldpassword": cast.PASSWORD, "password1": password, "password2": password},
        )
    assert response.status_code == 302
    [email] = Email.objects.all()
    assert email.to == ["luke@rebels.example"]
    assert "password" in email.message
    assert password not in email.message


def test_sign_up_is_closed(client: Client, db: None) -> None:
    data = {"email": "a@b.example", "password1": cast.PASSWORD, "password2": cast.PASSWORD}
    response = client.post(reverse("account_signup"), data)
    assert response.status_code == 200
    assert "_auth_user_id" not in client.session
