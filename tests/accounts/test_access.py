"""Who gets through which door, for every page and mutation of `accounts`."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Extension, Membership
from tests import cast
from tests.conftest import Rebels, SignIn

PAGES = ["my_profile", "sandbox_account", "extensions", "change_extension"]
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


def test_absurd_id_does_not_exist(rebels: Rebels, sign_in: SignIn) -> None:
    url = reverse("accounts:change_extension", args=[10**30])
    assert confirmed(sign_in(rebels.leia)).get(url).status_code == 404


def test_sandbox_page_is_closed_without_console_access(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.wedge).get(reverse("accounts:sandbox_account"))
    assert response.status_code == 403
    assert "You don’t have access to the console" in response.content.decode()
