"""The switch in the header narrows pages, is part of the address, and links keep it."""

import re

import pytest
from django.urls import reverse

from accounts.environments import Environment
from console.environment_switch import kept
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import refused

SANDBOX = "environment=sandbox"


@pytest.mark.parametrize(
    ("html", "changed"),
    [
        ('<a href="/console/apps">', '<a href="/console/apps?environment=sandbox">'),
        ('<a class="x" href="?sort=a">', '<a class="x" href="?sort=a&amp;environment=sandbox">'),
        (
            '<a href="/console/apps?a=1#history">',
            '<a href="/console/apps?a=1&amp;environment=sandbox#history">',
        ),
        (
            '<form method="post" action="/console/x">a</form>',
            '<form method="post" action="/console/x?environment=sandbox">a</form>',
        ),
        (
            '<form class="filters">a</form>',
            '<form class="filters">'
            '<input type="hidden" name="environment" value="sandbox">a</form>',
        ),
    ],
)  # fmt: skip
def test_links_and_forms_of_the_console_keep_the_environment(html: str, changed: str) -> None:
    assert kept(Environment.SANDBOX, html) == changed


@pytest.mark.parametrize(
    "html",
    [
        '<a href="?environment=">All</a>',
        '<a href="/console/apps?a=1&amp;environment=production">',
        '<a href="#main">',
        '<a href="/account/login/">',
        '<a href="https://elsewhere.example/console/">',
        '<link href="/static/css/base.css">',
        "<code>href=&quot;/console/apps&quot;</code>",
        '<form><select name="environment"></select></form>',
        '<form method="post"></form>',
    ],
)
def test_nothing_else_is_changed(html: str) -> None:
    assert kept(Environment.SANDBOX, html) == html


def test_the_environment_narrows_lists_usage_errors_and_the_dashboard(
    rebels: Rebels, sign_in: SignIn
) -> None:
    app = cast.application(rebels.leia, "Both Worlds")
    clients = {each: cast.client(app, each)[0] for each in Environment}
    labels = {each: f"Key of the {each}" for each in Environment}
    for each, client in clients.items():
        credential = cast.credential(
            rebels.leia, environment=each, label=labels[each], clients=[client]
        )
        refused(credential, times=10)
    cast.client(cast.application(rebels.leia, "Only Production"), Environment.PRODUCTION)
    browser = sign_in(rebels.leia)

    def page(address: str, environment: str) -> str:
        return browser.get(address, {"environment": environment}).content.decode()

    for address in (
        reverse("dashboard"),
        reverse("my_credentials:list"),
        reverse("organization:credentials"),
    ):
        everything, sandbox = page(address, ""), page(address, "sandbox")
        assert [label in everything for label in labels.values()] == [True, True]
        assert [label in sandbox for label in labels.values()] == [True, False]
    apps = reverse("credentials:applications")
    assert "Only Production" in page(apps, "production")
    assert "Only Production" not in page(apps, "sandbox")
    detail = reverse("credentials:application", args=[app.pk])
    usage = reverse("credentials:application_usage", args=[app.pk])
    for address in (detail, usage):
        assert clients[Environment.SANDBOX].client_id in page(address, "sandbox")
        assert clients[Environment.PRODUCTION].client_id not in page(address, "sandbox")
    # What makes no sense is ignored.
    assert page(reverse("my_credentials:list"), "mars").count("Key of the") >= 2


def test_every_link_of_a_page_keeps_the_environment(rebels: Rebels, sign_in: SignIn) -> None:
    cast.credential(rebels.leia)
    browser = sign_in(rebels.leia)
    for address in (reverse("dashboard"), reverse("organization:credentials"), "/docs"):
        html = browser.get(f"{address}?{SANDBOX}").content.decode()
        links = re.findall(r'href="((?:/console|/docs|\?)[^"]*)"', html)
        assert len(links) > 15
        assert [link for link in links if "environment=" not in link] == []
        switch = html.partition('aria-label="Environment to show"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([^"]*)"( aria-current="true")?', switch) == [
            ("?environment=", ""),
            ("?environment=sandbox", ' aria-current="true"'),
            ("?environment=production", ""),
        ]


def test_a_form_leads_back_to_the_same_environment(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    response = browser.post(f"{reverse('accounts:read_all_notices')}?{SANDBOX}")
    assert response["Location"] == f"{reverse('accounts:notices')}?{SANDBOX}"
