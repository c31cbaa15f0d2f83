"""Every kind of response (pages, APIs, files, errors) has the headers that keep it harmless."""

import json
import re
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.conftest import Rebels, SignIn
from tests.platforms import BRANDED, UsePlatform

HSTS = "max-age=31536000; includeSubDomains; preload"
API = "/sandbox/restapi"
PRODUCTION_HOST = "platform.example.com"
# Those of bodies. A text always says its charset, and JSON needs none.
CONTENT_TYPES = re.compile(
    r"text/(?:html|plain|csv|css|javascript); charset=\"?utf-8\"?"
    r"|application/json(?:; charset=utf-8)?|image/svg\+xml"
)
# Browsers ignore a cookie whose name and value are longer together.
LONGEST_COOKIE = 4096

# A response of the test client.
Response = Any


@pytest.fixture(autouse=True)
def _as_in_production(rebels: Rebels, settings: Settings, use_platform: UsePlatform) -> None:
    # After the people, who are made once and whose roles are those of the usual platform.
    use_platform(BRANDED)
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECURITY_CONTACTS = ["mailto:security@example.com"]
    settings.PRODUCTION_BASE_URL = f"https://{PRODUCTION_HOST}"
    settings.ALLOWED_HOSTS = ["testserver", PRODUCTION_HOST]


def responses(browser: Client) -> dict[str, Response]:
    """One for each way in which a response comes about."""
    strict = Client(enforce_csrf_checks=True)
    page = browser.get(reverse("dashboard"), secure=True)
    files = re.findall(r'(?:href|src)="(/(?:static|brand)/[^"]+)"', page.content.decode())
    logo = next(path for path in files if path.startswith("/brand/logo"))
    style = next(path for path in files if path.startswith("/static/css/"))
    return {
        "page": page,
        "redirect": browser.get("/", secure=True),
        "no page": browser.get("/nowhere", secure=True),
        "refused method": browser.delete(reverse("dashboard"), secure=True),
        "refused form": strict.post(reverse("account_login"), secure=True),
        "refused host": strict.get("/", secure=True, headers={"host": "evil.example"}),
        "export": browser.post(reverse("organization:export_credentials"), secure=True),
        "health": strict.get(reverse("live"), secure=True),
        "security.txt": strict.get(reverse("security_txt"), secure=True),
        "style": strict.get(style, secure=True),
        "logo": strict.get(logo, secure=True),
        "keys": strict.get(f"{API}/oauth/jwks", secure=True),
        "metadata": strict.get("/sandbox/.well-known/oauth-authorization-server", secure=True),
        "refused client": strict.post(f"{API}/oauth/token", secure=True),
        "refused token": strict.get(f"{API}/oauth/verify", secure=True),
        "no call": strict.get(f"{API}/v1.0/nothing", secure=True),
        "no call at a host": strict.get("/restapi", secure=True, headers={"host": PRODUCTION_HOST}),
    }


def body_of(response: Response) -> bytes:
    body: bytes = response.getvalue()
    return body


def faults_of(response: Response) -> list[str]:
    headers, body = response.headers, body_of(response)
    wanted = {"Strict-Transport-Security": HSTS, "X-Content-Type-Options": "nosniff"}
    faults = [name for name, value in wanted.items() if headers.get(name) != value]
    if "frame-ancestors 'none'" not in headers.get("Content-Security-Policy", ""):
        faults.append("Content-Security-Policy")
    faults += [name for name in headers if name.lower().startswith("access-control-")]
    content_type = headers.get("Content-Type", "")
    if body and not CONTENT_TYPES.fullmatch(content_type):
        faults.append(f"Content-Type: {content_type}")
    if content_type.startswith("application/json"):
        json.loads(body)
    return faults


def test_every_response_has_strict_headers(rebels: Rebels, sign_in: SignIn) -> None:
    found = responses(sign_in(rebels.leia))
    faults = {name: faults_of(response) for name, response in found.items()}
    assert {name: fault for name, fault in faults.items() if fault} == {}
    # Each of them is the response that it is meant to be.
    assert {name: response.status_code for name, response in found.items()} == STATUSES


STATUSES = {
    "page": 200,
    "redirect": 302,
    "no page": 404,
    "refused method": 405,
    "refused form": 403,
    "refused host": 400,
    "export": 200,
    "health": 200,
    "security.txt": 200,
    "style": 200,
    "logo": 200,
    "keys": 200,
    "metadata": 200,
    "refused client": 400,
    "refused token": 401,
    "no call": 404,
    "no call at a host": 404,
}


def test_every_cookie_is_short(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    browser.get(reverse("dashboard"))
    this_one = reverse("accounts:end_session", args=[UserSession.objects.get().pk])
    for _ in range(40):
        # Each leaves a message for the next page, and no page is viewed in between.
        assert browser.post(this_one).status_code == 302
        lengths = {name: len(f"{name}{each.value}") for name, each in browser.cookies.items()}
        assert max(lengths.values()) <= LONGEST_COOKIE, lengths
