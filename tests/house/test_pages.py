"""Every page has no inline code, unique IDs and strict headers, and is not cached.

Opening it records no audit event, because only a POST changes something.
"""

import re
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.actions.invitations import invite
from accounts.models import AuditEvent
from accounts.roles import ConsoleRole
from credentials.models import AppAccess
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.html import ids_at_fault, inline_code
from tests.house.urls import Url, every_url

# The response of the test client, with the context that rendered it.
Response = Any

URLS = [url for url in every_url() if not url.name.startswith(("api_", "oauth_", "unknown_uri_"))]
# No unsafe-…, no wildcard, and no scheme except data: for images.
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
    "report-uri /csp-reports",
}
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": settings.PERMISSIONS_POLICY,
}


@pytest.fixture
def addresses(rebels: Rebels) -> dict[str, str]:
    """The path of every URL by name, with real objects where a path names one."""
    application = cast.application(rebels.leia)
    client, _raw_secret = cast.client(application)
    own = cast.credential(rebels.leia, clients=[client])
    _invitation, raw_token = invite(
        rebels.organization,
        "rey@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    extension = own.extension
    values: dict[str, object] = {
        "organization_id": rebels.organization.pk,
        "application_id": application.pk,
        "credential_id": own.pk,
        "extension_id": extension.pk,
        "token": raw_token,
        "user_id": rebels.leia.user_id,
    }
    assert own.app_access == AppAccess.SPECIFIC
    return {url.name: url.path(values) for url in URLS}


def confirmed(browser: Client) -> Client:
    """The browser, after the person has confirmed who they are."""
    response = browser.post(reverse("account_reauthenticate"), {"password": cast.PASSWORD})
    assert response.status_code == 302
    return browser


def get_all(browser: Client, addresses: dict[str, str], urls: list[Url]) -> dict[str, Response]:
    return {url.name: browser.get(addresses[url.name]) for url in urls}


def assert_strict(name: str, response: Response) -> None:
    assert inline_code(response.content.decode()) == [], name
    assert ids_at_fault(response.content.decode()) == [], name
    assert set(re.split(r"\s*;\s*", response["Content-Security-Policy"])) == POLICY, name
    assert {header: response.get(header) for header in HEADERS} == HEADERS, name
    assert response["Referrer-Policy"] in {"same-origin", "strict-origin"}, name


def assert_all_strict(responses: dict[str, Response], *, at_least: int) -> None:
    pages = {
        name: response
        for name, response in responses.items()
        if response.status_code == 200 and response["Content-Type"].startswith("text/html")
    }
    assert len(pages) >= at_least
    for name, response in pages.items():
        assert_strict(name, response)


def test_public_pages_are_strict_and_record_nothing(addresses: dict[str, str]) -> None:
    before = AuditEvent.objects.count()
    urls = [url for url in URLS if url.is_public]
    assert_all_strict(get_all(Client(), addresses, urls), at_least=8)
    assert AuditEvent.objects.count() == before


def test_signed_in_pages_are_strict_and_private_and_record_nothing(
    rebels: Rebels, sign_in: SignIn, addresses: dict[str, str]
) -> None:
    browser = confirmed(sign_in(rebels.leia))
    before = AuditEvent.objects.count()
    responses = get_all(browser, addresses, [url for url in URLS if not url.is_public])
    assert AuditEvent.objects.count() == before
    assert_all_strict(responses, at_least=30)
    cached = [
        name
        for name, response in responses.items()
        if "no-store" not in response.get("Cache-Control", "")
    ]
    assert cached == []


def test_pages_of_two_factor_sign_in_pass_a_strict_policy(
    rebels: Rebels, sign_in: SignIn, addresses: dict[str, str]
) -> None:
    browser = confirmed(sign_in(rebels.leia))
    TOTP.activate(rebels.leia.user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(rebels.leia.user)
    urls = [url for url in URLS if url.name.startswith(("mfa_", "account_"))]
    # Sign out last, because the other pages need a session.
    urls.sort(key=lambda url: url.name == "account_logout")
    assert_all_strict(get_all(browser, addresses, urls), at_least=10)


def test_pages_that_show_a_secret_are_strict_and_private(
    rebels: Rebels, sign_in: SignIn, addresses: dict[str, str]
) -> None:
    """These pages answer a POST, or the redirect after one."""
    browser = confirmed(sign_in(rebels.leia))
    jwt_form = browser.get(addresses["my_credentials:create"]).context["form"]
    created = browser.post(
        addresses["my_credentials:create"],
        {
            "label": "Contractor Key",
            "environment": "sandbox",
            "app_access": AppAccess.ORGANIZATION,
            "submission_key": jwt_form["submission_key"].value(),
        },
        follow=True,
    )
    responses = {
        "jwt": [created, browser.post(addresses["my_credentials:show"])],
        "raw_secret": [
            browser.post(addresses["credentials:issue_client"].replace("/sandbox/", "/production/"))
        ],
    }
    for name, pages in responses.items():
        for response in pages:
            assert response.context[name] in response.content.decode()
            assert_strict(name, response)
            assert "no-store" in response["Cache-Control"]


def test_every_response_has_a_request_id_of_ours(
    rebels: Rebels, sign_in: SignIn, addresses: dict[str, str]
) -> None:
    browser = sign_in(rebels.leia)
    ids = set()
    for url in URLS:
        response = browser.get(addresses[url.name], headers={"X-Request-Id": "theirs"})
        ids.add(response["X-Request-Id"])
    assert "theirs" not in ids
    assert len(ids) == len(URLS)


def test_error_pages_pass_a_strict_policy(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.c3po)
    for path, status in {
        "/console/nowhere": 404,
        reverse("credentials:create_application"): 403,
    }.items():
        response = browser.get(path)
        assert response.status_code == status
        assert_strict(path, response)
