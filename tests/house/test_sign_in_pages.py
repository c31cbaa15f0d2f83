"""Every page of django-allauth uses one of our templates, never its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import allauth
import pytest
from django.template.base import Template
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode
from django.test import Client
from django.urls import reverse

from tests.house.sources import ROOT
from tests.house.urls import Url, every_url

OURS = ROOT / "templates"
THEIRS = Path(allauth.__file__).parent / "templates"
# Pages that can't be reached here, and why. The tests below check two of them.
UNREACHABLE = {
    "account/confirm_login_code.html": "no sign-in code is sent by email",
    "account/confirm_reauthentication_code.html": "step-up takes no code from an email",
    "account/request_reauthentication_code.html": "step-up takes no code from an email",
    "account/signup.html": "people join by invitation, so sign-up is closed",
    "account/email.html": "a person has one address, and changes it",
}


def views_of_allauth() -> list[Url]:
    urls = [url for url in every_url() if url.callback.__module__.startswith("allauth.")]
    assert len(urls) >= 25
    return urls


def templates_of(url: Url) -> Iterator[str]:
    name = getattr(getattr(url.callback, "view_class", None), "template_name", None)
    if name:
        yield name
    closed = getattr(getattr(url.callback, "view_class", None), "template_name_signup_closed", None)
    if closed:
        yield closed


RENDERED = sorted(
    {name for url in views_of_allauth() for name in templates_of(url) if name.endswith(".html")}
    - set(UNREACHABLE)
    # Answered by functions.
    | {"429.html", "account/verification_sent.html", "mfa/webauthn/reauthenticate.html"}
)
# The texts of emails and messages.
TEXTS = sorted(
    path.relative_to(THEIRS).as_posix()
    for folder in ("account/email", "account/messages", "mfa", "usersessions")
    for path in (THEIRS / folder).rglob("*.txt")
)
UNREACHABLE_TEXTS = re.compile(
    r"account_already_exists|login_code|sessions_logged_out|password_reset_code|phone|email_confirm_|signup|recovery_codes/download"
)


def test_the_pages_of_allauth_are_found() -> None:
    assert {
        "account/login.html",
        "account/password_reset_from_key.html",
        "account/signup_closed.html",
        "mfa/authenticate.html",
        "mfa/index.html",
        "mfa/webauthn/reauthenticate.html",
        "usersessions/usersession_list.html",
    } <= set(RENDERED)


@pytest.mark.parametrize("name", RENDERED)
def test_a_page_of_allauth_uses_our_template(name: str) -> None:
    assert (OURS / name).is_file()


@pytest.mark.parametrize("name", [*RENDERED, "mfa/base_manage.html", "account/base_entrance.html"])
def test_a_page_of_allauth_uses_our_layout(name: str) -> None:
    """It extends `base.html` through one of our two layouts."""
    chain = list(ancestors(name))
    assert chain[-1] == "base.html"
    assert {"allauth/layouts/entrance.html", "allauth/layouts/manage.html"} & set(chain)


def ancestors(name: str) -> Iterator[str]:
    yield name
    template: Template = get_template(name).template  # type: ignore[attr-defined]
    parents = [node for node in template.nodelist if isinstance(node, ExtendsNode)]
    for node in parents:
        yield from ancestors(str(node.parent_name.token).strip("\"'"))


@pytest.mark.parametrize("name", RENDERED)
def test_a_page_of_allauth_has_a_title_and_a_heading(name: str) -> None:
    text = (OURS / name).read_text()
    if "{% block reauthenticate_content %}" in text:
        text += (OURS / "account/base_reauthenticate.html").read_text()
    assert "{% block head_title %}" in text
    assert "<h1>" in text


@pytest.mark.parametrize("name", [name for name in TEXTS if not UNREACHABLE_TEXTS.search(name)])
def test_an_email_or_message_of_allauth_uses_our_text(name: str) -> None:
    assert (OURS / name).is_file()


def test_every_template_for_allauth_is_used() -> None:
    pages = {
        path.relative_to(OURS).as_posix()
        for folder in ("account", "mfa", "usersessions")
        for path in (OURS / folder).rglob("*.html")
    }
    shown = set(RENDERED) | {name for page in RENDERED for name in ancestors(page)}
    included = {
        name
        for path in OURS.rglob("*.html")
        for name in re.findall(r'{% include "([^"]+)"', path.read_text())
    }
    assert pages - shown - included == set()


def test_sign_up_and_sign_in_codes_are_closed(db: None, client: Client) -> None:
    page = client.get(reverse("account_signup"))
    assert "account/signup_closed.html" in {template.name for template in page.templates}
    assert client.get(reverse("account_confirm_login_code")).status_code == 302


def test_too_many_sign_in_attempts_get_our_page(db: None, client: Client) -> None:
    data = {"login": "nobody@rebels.example", "password": "x"}
    answers = [client.post(reverse("account_login"), data) for _attempt in range(31)]
    assert answers[-1].status_code == 429
    page = answers[-1].content.decode()
    assert "Too many attempts" in page
    assert 'href="/static/css/tokens.css"' in page
    assert "no-store" in answers[-1]["Cache-Control"]
