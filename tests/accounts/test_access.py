"""Who gets through which door, for every page and mutation of `accounts`."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Extension, Membership
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

PAGES = ["my_profile", "sandbox_account", "extensions", "change_extension"]
MUTATIONS = ["my_profile", "create_sandbox_account", "request_access", "change_extension"]
POST_ONLY = ["create_sandbox_account", "request_access"]


def production_login(membership: Membership) -> Extension:
    return Extension.objects.in_environment("production").get(user=membership.user)


def confirmed(browser: Client) -> Client:
    cast.step_up(browser)
    return browser


def url_of(name: str, rebels: Rebels) -> str:
    arguments = [production_login(rebels.luke).pk] if name == "change_extension" else []
    return reverse(f"accounts:{name}", args=arguments)


@pytest.mark.parametrize("name", PAGES)
def test_page_works(name: str, rebels: Rebels, sign_in: SignIn) -> None:
    response = confirmed(sign_in(rebels.leia)).get(url_of(name, rebels))
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", PAGES)
def test_page_asks_for_sign_in(name: str, rebels: Rebels, client: Client) -> None:
    url = url_of(name, rebels)
    response = client.get(url)
    assert (response.status_code, response["Location"]) == (
        302,
        f"{reverse('account_login')}?next={url}",
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_asks_for_sign_in(name: str, rebels: Rebels, client: Client) -> None:
    response = client.post(url_of(name, rebels))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", POST_ONLY)
def test_mutation_refuses_get(name: str, rebels: Rebels, sign_in: SignIn) -> None:
    assert sign_in(rebels.lando).get(url_of(name, rebels)).status_code == 405


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_enforces_csrf(name: str, rebels: Rebels) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(rebels.leia.user, "allauth.account.auth_backends.AuthenticationBackend")
    assert browser.post(url_of(name, rebels)).status_code == 403


@pytest.mark.parametrize("name", ["extensions", "change_extension"])
@pytest.mark.parametrize("who", ["han", "luke", "c3po", "wedge"])
def test_logins_are_for_account_administrators(
    name: str, who: str, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = confirmed(sign_in(getattr(rebels, who)))
    assert browser.get(url_of(name, rebels)).status_code == 403
    assert browser.post(url_of(name, rebels)).status_code in (403, 405)


def test_login_of_another_organization_does_not_exist(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    browser = confirmed(sign_in(partners.lobot))
    url = url_of("change_extension", rebels)
    data = {"user_role": "read_only", "status": "Disabled"}
    assert browser.get(url).status_code == 404
    assert browser.post(url, data).status_code == 404
    assert production_login(rebels.luke).is_enabled


def test_absurd_id_does_not_exist(rebels: Rebels, sign_in: SignIn) -> None:
    url = reverse("accounts:change_extension", args=[10**30])
    assert confirmed(sign_in(rebels.leia)).get(url).status_code == 404


def test_sandbox_page_is_closed_without_console_access(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.wedge).get(reverse("accounts:sandbox_account"))
    assert response.status_code == 403
    assert "You have no access to the console" in response.content.decode()
