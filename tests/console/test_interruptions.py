"""A form or button that is sent after the session ended, or before step-up.

Nothing is done. The person returns to its page, which says so and has their entries again.
"""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.environments import Environment
from accounts.models import Invitation, Membership
from credentials.models import JwtCredential, Policy
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.urls import Url, every_url

LOGIN = reverse("account_login")
STEP_UP = reverse("account_reauthenticate")
NOTHING_DONE = "so nothing was done. Try again."
KEPT = "Your entries are back in the form"
LOST = "If you filled in a form, fill it in again."
BUTTONS = [url for url in every_url() if getattr(url.callback, "answers_only_post", False)]


def signed_in(member: Membership) -> Client:
    browser = Client()
    sign_in_again(browser, member)
    browser.get(reverse("accounts:my_profile"))
    return browser


def sign_in_again(browser: Client, member: Membership, response: Any = None) -> str:
    """Follow a redirect to the sign-in page, sign in, and read the page that comes after it."""
    data = {"login": member.user.email, "password": cast.PASSWORD}
    if response is None:
        return browser.post(LOGIN, data, follow=True).content.decode()
    assert response["Location"].startswith(LOGIN)
    page = browser.get(response["Location"])
    assert "Your session had ended" in page.content.decode()
    return browser.post(
        LOGIN, data | {"next": page.context["redirect_field_value"]}, follow=True
    ).content.decode()


def confirm(browser: Client, response: Any) -> str:
    """The same with step-up."""
    assert response["Location"].startswith(STEP_UP)
    page = browser.get(response["Location"])
    assert "We asked you to confirm it’s you first" in page.content.decode()
    data = {"password": cast.PASSWORD, "next": page.context["redirect_field_value"]}
    return browser.post(STEP_UP, data, follow=True).content.decode()


def leave_idle(browser: Client) -> None:
    """Long enough that the next request ends the session."""
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    cache.clear()


@pytest.mark.parametrize("url", BUTTONS, ids=str)
def test_above_every_button_is_a_page(url: Url, db: None) -> None:
    location = Client().post(url.path())["Location"]
    page = location.partition("next=")[2]
    assert url.path().startswith(page.rstrip("/"))
    assert not getattr(resolve(page).func, "answers_only_post", False)


def test_a_button_does_nothing_after_the_session_ended(rebels: Rebels) -> None:
    browser = signed_in(rebels.lando)
    Session.objects.all().delete()
    response = browser.post(reverse("accounts:create_sandbox_account"))
    page = sign_in_again(browser, rebels.lando, response)
    assert "Create sandbox account" in page
    assert NOTHING_DONE in page
    assert not rebels.lando.user.extensions.in_environment(Environment.SANDBOX).exists()
    # It's said once.
    assert NOTHING_DONE not in browser.get(reverse("accounts:sandbox_account")).content.decode()


def test_a_button_does_nothing_before_step_up(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    rotate(browser, credential, label="Second")
    cast.as_later(browser)
    response = browser.post(
        reverse("my_credentials:extend_rotation", args=[credential.pk]), {"until": "2030-01-01"}
    )
    page = confirm(browser, response)
    assert NOTHING_DONE in page
    assert "Extend the deadline" in page


def rotate(browser: Client, credential: JwtCredential, **entries: str) -> Any:
    address = reverse("my_credentials:rotate", args=[credential.pk])
    form = browser.get(address, follow=True).context.get("form")
    key = form["submission_key"].value() if form and "label" in form.fields else ""
    data = {"grace_period": "86400", "deadline": "30", "submission_key": str(key)}
    return browser.post(address, data | entries)


def values_in(page: str, *values: str) -> list[str]:
    return [value for value in values if f'value="{value}"' in page or f">{value}</" in page]


def test_a_form_keeps_its_entries_until_after_step_up(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = cast.step_up(sign_in(rebels.leia))
    cast.as_later(browser)
    response = browser.post(
        reverse("accounts:invite"),
        {"email": "mon@rebels.example", "role": "auditor", "is_account_admin": "on"},
    )
    page = confirm(browser, response)
    assert KEPT in page
    assert values_in(page, "mon@rebels.example") == ["mon@rebels.example"]
    assert page.count("checked") == 2
    assert not Invitation.objects.exists()
    # Only once, and only on this page.
    assert "mon@rebels.example" not in browser.get(reverse("accounts:invite")).content.decode()


def test_a_policy_keeps_its_entries_until_after_step_up(leia: Client) -> None:
    cast.as_later(leia)
    address = reverse("organization:policy", args=["sandbox"])
    response = leia.post(
        address,
        {"max_lifetime_days": "77", "allowed_networks": "192.0.2.0/24", "confirmed": "x"},
    )
    page = confirm(leia, response)
    assert KEPT in page
    assert 'value="77"' in page
    assert "192.0.2.0/24" in page
    # Someone unchecked it, although it's on by default.
    assert 'name="all_apps_allowed" checked' not in page
    assert 'name="confirmed" value="x"' not in page
    assert not Policy.objects.exists()


def test_a_rotation_keeps_its_entries_until_after_step_up(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    cast.as_later(browser)
    response = rotate(browser, credential, label="Nightly job", deadline="90")
    page = confirm(browser, response)
    assert KEPT in page
    assert 'value="Nightly job"' in page
    assert JwtCredential.objects.count() == 1


def test_a_form_keeps_its_entries_until_after_signing_in_again(rebels: Rebels) -> None:
    client, _ = cast.client(cast.application(rebels.luke))
    browser = signed_in(rebels.luke)
    leave_idle(browser)
    response = browser.post(
        reverse("my_credentials:create"),
        {
            "label": "Nightly job",
            "environment": "production",
            "app_access": "specific",
            "client_ids": [client.client_id],
            "expires_on": "2030-01-01",
        },
    )
    page = sign_in_again(browser, rebels.luke, response)
    assert KEPT in page
    assert 'value="Nightly job"' in page
    assert f'name="client_ids" value="{client.client_id}"' in page
    assert 'value="2030-01-01"' in page
    assert not JwtCredential.objects.exists()


def test_nobody_else_sees_the_entries(rebels: Rebels) -> None:
    browser = signed_in(rebels.luke)
    leave_idle(browser)
    address = reverse("my_credentials:create")
    response = browser.post(address, {"label": "Only Luke knows this"})
    page = sign_in_again(browser, rebels.leia, response)
    assert "Create JWT" in page
    assert "Only Luke knows this" not in page
    assert "interrupted_form" not in browser.session


def test_without_knowing_who_it_was_the_entries_are_gone(rebels: Rebels) -> None:
    browser = signed_in(rebels.luke)
    Session.objects.all().delete()
    response = browser.post(reverse("my_credentials:create"), {"label": "Nightly job"})
    assert not Session.objects.exists()
    page = sign_in_again(browser, rebels.luke, response)
    assert LOST in page
    assert "Nightly job" not in page


def test_a_session_never_holds_a_secret_that_was_entered(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    cast.as_later(browser)
    jwt = credential.encode()
    rotate(browser, credential, label=f"mine: {jwt}")
    kept = str(dict(browser.session))
    assert "mine" in kept
    assert jwt not in kept
    browser.post(reverse("account_set_password"), {"password1": "Tosche-Station-77"})
    assert "Tosche" not in str(dict(browser.session))


def test_too_long_entries_are_not_kept(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    cast.as_later(browser)
    response = rotate(browser, credential, label="x" * 30_000)
    assert LOST in " ".join(map(str, get_messages(response.wsgi_request)))
    assert "interrupted_form" not in browser.session


def test_a_part_of_a_page_is_answered_with_a_sentence(rebels: Rebels, settings: Settings) -> None:
    """htmx would follow a redirect, and find no list of apps in the sign-in page."""
    response = Client().post(
        reverse("my_credentials:new_apps"), {"client_id": "x"}, headers={"HX-Request": "true"}
    )
    assert (response.status_code, response["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert response.content.decode() == (
        "Your session has ended, so nothing changed. To sign in again, reload this page."
    )
