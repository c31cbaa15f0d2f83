"""SECRET_KEY has a successor: its former values in SECRET_KEY_FALLBACKS still verify."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from credentials.models import JwtCredential
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels

pytestmark = pytest.mark.django_db
NEW = "another-secret-key-of-the-tests-0123456789-abcdefghijklmnop"


def replace_secret_key(settings: Settings, *, keep: bool = True) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if keep else []
    settings.SECRET_KEY = NEW


def signed_in(rebels: Rebels) -> Client:
    browser = Client()
    email = rebels.luke.user.email
    browser.post(reverse("account_login"), {"login": email, "password": cast.PASSWORD})
    return browser


def reset_link(rebels: Rebels) -> str:
    Client().post(reverse("account_reset_password"), {"email": rebels.luke.user.email})
    [link] = [word for word in mail.outbox[-1].body.split() if "/password/reset/key/" in word]
    return str(link.removeprefix("http://localhost:8000"))


def test_sessions_and_links_outlive_a_new_secret_key(rebels: Rebels, settings: Settings) -> None:
    browser, link = signed_in(rebels), reset_link(rebels)
    replace_secret_key(settings)
    assert browser.get(reverse("dashboard")).status_code == 200
    sessions = browser.get(reverse("usersessions_list")).content.decode()
    assert sessions.count("This browser") == 1
    assert Client().get(link).status_code == 302
    # The session has the new key from now on.
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get(reverse("dashboard")).status_code == 200


def test_without_its_former_value_a_new_secret_key_ends_sessions_and_links(
    rebels: Rebels, settings: Settings
) -> None:
    browser, link = signed_in(rebels), reset_link(rebels)
    replace_secret_key(settings, keep=False)
    assert browser.get(reverse("dashboard")).status_code == 302
    assert "token_fail" in str(Client().get(link).context)


def test_a_lost_refresh_response_can_be_repeated_after_a_new_secret_key(
    app: App, credential: JwtCredential, settings: Settings
) -> None:
    first = api.exchange(app, credential.encode()).json()
    grant = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = api.post(grant, app.authorization).json()
    replace_secret_key(settings)
    again = api.post(grant, app.authorization).json()
    assert again["refresh_token"] == second["refresh_token"]
