"""The complete list of URLs that answer without a sign-in. All others are closed."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.environments import Environment
from tests.house.urls import Url, every_url

# Sign-in and account recovery. The sign-up page only says that sign-up is closed.
SIGN_IN = {
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_signup",
    "mfa_authenticate",
    "mfa_login_webauthn",
}
# People with an invitation link can join, load balancers check health, `/` only redirects, anyone
# can report a leaked JWT or find out where to report a vulnerability, browsers report violations of
# the Content Security Policy, error bodies link to the error codes, and nothing in the
# documentation is secret.
PAGES = {
    "accounts:accept_invitation",
    "accounts:open_invitation",
    "csp_reports",
    "docs",
    "docs_as_markdown",
    "docs_file",
    "docs_image",
    "docs_markdown",
    "docs_page",
    "docs_search",
    "home",
    "live",
    "ready",
    "refusals:error_codes",
    "report_leaked",
    "security_txt",
}
# Programs authenticate in other ways: as a client at the Auth API, with a token at the REST API.
APIS = {
    name
    for environment in Environment
    for name in (
        f"api_{environment}:api-root",
        f"api_{environment}:check_authz_profile",
        f"api_{environment}:get_account",
        f"api_{environment}:get_authz_profile",
        f"api_{environment}:get_business_address",
        f"api_{environment}:get_extension",
        f"api_{environment}:list_extensions",
        f"api_{environment}:openapi-json",
        f"api_{environment}:put_business_address",
        f"api_{environment}:put_extension",
        f"api_{environment}:status",
        f"api_{environment}:version",
        f"metadata_{environment}",
        f"metadata_inserted_{environment}",
        f"oauth_{environment}:introspect",
        f"oauth_{environment}:jwks",
        f"oauth_{environment}:report_refusal",
        f"oauth_{environment}:revoke",
        f"oauth_{environment}:revoke_leaked",
        f"oauth_{environment}:token",
        f"oauth_{environment}:verify",
        f"unknown_uri_{environment}",
    )
}
# These give everyone the same answer, so they need no token either.
OPEN_APIS = {"api-root", "openapi-json", "status", "version"}

URLS = every_url()
CLOSED = [url for url in URLS if not url.is_public]


def test_the_list_of_public_urls_is_complete() -> None:
    assert {url.name for url in URLS if url.is_public} == SIGN_IN | PAGES | APIS


def test_the_middleware_that_requires_sign_in_is_on() -> None:
    assert "console.middleware.SignInMiddleware" in settings.MIDDLEWARE


@pytest.mark.parametrize("url", CLOSED, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.django_db
def test_every_other_page_asks_for_sign_in(url: Url, method: str, client: Client) -> None:
    response = client.generic(method, url.path())
    assert response.status_code == 302
    assert response["Location"].startswith(f"{reverse('account_login')}?")


@pytest.mark.parametrize("url", [url for url in URLS if url.name.startswith("api_")], ids=str)
@pytest.mark.django_db
def test_api_calls_ask_for_a_token(url: Url, client: Client) -> None:
    method = "PUT" if ":put_" in url.name else "GET"
    response = client.generic(method, url.path(), "{}", "application/json")
    if url.name.partition(":")[2] in OPEN_APIS:
        assert response.status_code in {200, 404}
    else:
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer ")
