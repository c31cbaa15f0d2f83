"""The dashboard: first steps for newcomers, what needs attention for everyone else."""

import html
import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.actions.access_requests import request_access
from accounts.actions.extensions import create_sandbox_account
from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsoleRole
from core.background import BackgroundWriter
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Client, ExchangeUsage, JwtCredential
from credentials.models.refusals import OFTEN
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import text_of, words_of
from tests.credentials.refusing import refused

DASHBOARD = reverse("dashboard")
LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')


def steps_of(response: Any) -> list[str]:
    """The state of each first step."""
    steps = text_of(response).partition('<ol class="steps">')[2].partition("</ol>")[0]
    return re.findall(r'<li class="step[^"]*?(done|current|todo)', steps)


def figures_of(response: Any) -> list[tuple[str, str]]:
    found = re.findall(r"<div><dt>(.*?)</dt><dd><a[^>]*>(\d+)</a></dd></div>", text_of(response))
    return [(str(name), str(count)) for name, count in found]


def attention_of(response: Any) -> list[str]:
    table = (
        text_of(response).partition("Credentials that need attention")[2].partition("</table>")[0]
    )
    rows = re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def test_the_dashboard_asks_signed_out_people_to_sign_in() -> None:
    response = Browser().get(DASHBOARD)
    assert response["Location"] == f"{reverse('account_login')}?next={DASHBOARD}"


def test_the_dashboard_refuses_post(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert browser.post(DASHBOARD).status_code == 405
    assert browser.get(DASHBOARD)["Cache-Control"] == "no-store"


def test_the_dashboard_without_console_access_offers_to_request_it(
    rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.wedge).get(DASHBOARD)
    assert response.status_code == 403
    assert "Request access" in words_of(response)


def test_the_user_menu_links_to_credentials_only_for_developers(
    rebels: Rebels, sign_in: SignIn
) -> None:
    own = f'href="{reverse("my_credentials:list")}"'
    for person, may in ((rebels.luke, True), (rebels.c3po, False), (rebels.wedge, False)):
        assert (own in text_of(sign_in(person).get(DASHBOARD))) is may


def test_the_first_steps_one_after_the_other(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.lando)
    assert steps_of(browser.get(DASHBOARD)) == ["current", "todo", "todo", "todo"]
    create_sandbox_account(rebels.lando, actor=rebels.lando.user, origin=cast.ORIGIN)
    assert steps_of(browser.get(DASHBOARD)) == ["done", "current", "todo", "todo"]
    client, _ = cast.client(cast.application(rebels.lando))
    assert steps_of(browser.get(DASHBOARD)) == ["done", "done", "current", "todo"]
    credential = cast.credential(rebels.lando)
    assert steps_of(browser.get(DASHBOARD)) == ["done", "done", "done", "current"]
    ExchangeUsage.objects.count_exchange(credential.pk, client.pk)
    done = browser.get(DASHBOARD)
    assert steps_of(done) == []
    assert "First steps" not in words_of(done)


def test_only_first_steps_that_are_not_done_are_links(rebels: Rebels, sign_in: SignIn) -> None:
    page = text_of(sign_in(rebels.luke).get(DASHBOARD))
    steps = page.partition('<ol class="steps">')[2].partition("</ol>")[0]
    assert re.findall(r'href="([^"]*)"', steps) == [
        reverse("credentials:create_application"),
        reverse("my_credentials:create"),
        reverse("my_credentials:list"),
    ]


def test_a_first_step_done_out_of_order(rebels: Rebels, sign_in: SignIn) -> None:
    cast.application(rebels.lando)
    assert steps_of(sign_in(rebels.lando).get(DASHBOARD)) == ["current", "done", "todo", "todo"]


@pytest.mark.parametrize(
    ("who", "apps"),
    [
        ("leia", ("Apps in your organization", "2")),
        ("luke", ("Your apps", "1")),
        ("lando", ("Your apps", "0")),
    ],
)
def test_the_figures_count_active_credentials_and_visible_apps(
    rebels: Rebels, partners: Partners, sign_in: SignIn, who: str, apps: tuple[str, str]
) -> None:
    cast.application(rebels.luke, "X-wing")
    cast.application(rebels.leia, "Base")
    cast.application(partners.lobot, "Concierge", is_public=True)
    viewer: Membership = getattr(rebels, who)
    cast.credential(viewer, environment=Environment.PRODUCTION)
    ended = cast.credential(viewer, environment=Environment.PRODUCTION)
    revoke_jwt_credential(ended, reason="x", actor=viewer.user, origin=cast.ORIGIN)
    cast.credential(rebels.han)
    figures = figures_of(sign_in(viewer).get(DASHBOARD))
    assert figures == [("Your active credentials", "1"), apps]


def used(credential: JwtCredential, client: Client, *, days_ago: int = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=at)
    BackgroundWriter.flush_all()


@pytest.mark.both_databases
def test_the_dashboard_lists_credentials_that_need_attention(
    rebels: Rebels, sign_in: SignIn
) -> None:
    """The most urgent first; in use and neither ending nor endless is nothing to look at."""
    now = timezone.now()
    client, _ = cast.client(cast.application(rebels.luke))
    for label, days_left in (
        ("Gone", -5),
        ("Soon", 6),
        ("Sooner", 0),
        ("Late", 60),
        ("Never, but in the sandbox", None),
    ):
        credential = cast.credential(
            rebels.luke,
            label=label,
            at=now - timedelta(days=40),
            expires_on=None
            if days_left is None
            else now.astimezone(UTC).date() + timedelta(days=days_left),
        )
        used(credential, client)
    production = Environment.PRODUCTION
    used(cast.credential(rebels.luke, label="Endless", environment=production), client)
    cast.credential(rebels.luke, label="Just made")
    old = now - timedelta(days=31)
    cast.credential(rebels.luke, label="Unused <b>{{ 7 }}", at=old)
    idle = cast.credential(rebels.luke, label="Idle", at=now - timedelta(days=90))
    used(idle, client, days_ago=32)
    noisy = cast.credential(rebels.luke, label="Noisy")
    refused(noisy, times=OFTEN)
    quiet = cast.credential(rebels.luke, label="Refused before")
    refused(quiet, times=5, days_ago=8)
    refused(quiet, times=OFTEN - 1)
    cast.credential(rebels.han, label="Not mine", at=old)
    response = sign_in(rebels.luke).get(DASHBOARD)
    rows = attention_of(response)
    day = r"\w{3} \d{1,2}, \d{4}"
    expected = [
        "Noisy Sandbox Refused often 10 or more times in the last 7 days "
        "See why Noisy in sandbox was refused",
        rf"Sooner Sandbox Expires today on {day}, 23:59 UTC Rotate Sooner in sandbox",
        rf"Soon Sandbox Expires in 6 days on {day}, 23:59 UTC Rotate Soon in sandbox",
        "Endless Production Never expires Rotate Endless in production",
        rf"Idle Sandbox No longer used last used on {day} \(UTC\) Revoke Idle in sandbox",
        r"Unused &lt;b&gt;{{ 7 }} Sandbox Not used yet "
        rf"created on {day}, \d\d:\d\d UTC Revoke Unused &lt;b&gt;{{{{ 7 }}}} in sandbox",
    ]
    assert len(rows) == len(expected)
    for row, pattern in zip(rows, expected, strict=True):
        assert re.fullmatch(pattern.replace("{{ 7 }}", r"\{\{ 7 \}\}"), row), row
    assert f'href="{reverse("my_credentials:detail", args=[noisy.pk])}#refusals"' in text_of(
        response
    )


def test_a_credential_with_several_reasons_is_one_row(rebels: Rebels, sign_in: SignIn) -> None:
    soon = timezone.now().astimezone(UTC).date() + timedelta(days=9)
    at = timezone.now() - timedelta(days=40)
    credential = cast.credential(rebels.luke, label="Key", at=at, expires_on=soon)
    refused(credential, times=OFTEN)
    [row] = attention_of(sign_in(rebels.luke).get(DASHBOARD))
    for words in ("Refused often", "Expires in 9 days", "Not used yet", "See why"):
        assert words in row


def test_an_ended_credential_needs_attention_only_while_apps_present_it(
    rebels: Rebels, sign_in: SignIn
) -> None:
    at = timezone.now() - timedelta(days=60)
    lost, gone = (cast.credential(rebels.luke, label=label, at=at) for label in ("Lost", "Gone"))
    for credential in (lost, gone):
        revoke_jwt_credential(credential, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    refused(lost, times=OFTEN)
    [row] = attention_of(sign_in(rebels.luke).get(DASHBOARD))
    assert row.startswith("Lost Sandbox Refused often")
    assert "Not used" not in row


def test_a_credential_that_is_being_replaced_needs_no_attention(
    rebels: Rebels, sign_in: SignIn
) -> None:
    at = timezone.now() - timedelta(days=60)
    production = Environment.PRODUCTION
    credential = cast.credential(rebels.luke, label="Old", at=at, environment=production)
    credential.superseded_at = timezone.now() + timedelta(days=3)
    credential.save()
    assert attention_of(sign_in(rebels.luke).get(DASHBOARD)) == []


def test_only_the_most_urgent_of_many_credentials_are_listed(
    rebels: Rebels, sign_in: SignIn
) -> None:
    old = timezone.now() - timedelta(days=31)
    for number in range(12):
        cast.credential(rebels.luke, label=f"Key {number}", at=old)
    response = sign_in(rebels.luke).get(DASHBOARD)
    assert len(attention_of(response)) == 10
    assert "These are the most urgent. All your credentials" in words_of(response)


def test_the_dashboard_says_that_nothing_needs_attention(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert "Needs attention" not in words_of(browser.get(DASHBOARD))
    cast.credential(rebels.luke)
    assert (
        "Needs attention Nothing needs attention. Credentials appear here if they’re often "
        "refused, expire soon, haven’t been used, or never expire in production."
    ) in words_of(browser.get(DASHBOARD))


def matters_of(response: Any) -> list[tuple[str, str]]:
    """The organization's items that need attention, as `(words, link)`."""
    page = text_of(response).partition("matters-title")[2].partition("</section>")[0]
    return [(words, html.unescape(url)) for url, words in LINK.findall(page)]


def of_the_organization(rebels: Rebels) -> None:
    """Two credentials for each reason, of several people."""
    now = timezone.now()
    client, _ = cast.client(cast.application(rebels.luke))
    for owner in (rebels.luke, rebels.leia):
        soon = now.astimezone(UTC).date() + timedelta(days=9)
        for one in (
            cast.credential(owner, label="Soon", expires_on=soon),
            cast.credential(owner, label="Endless", environment=Environment.PRODUCTION),
            cast.credential(owner, label="Fine"),
        ):
            used(one, client)
        cast.credential(owner, label="Idle", at=now - timedelta(days=50))
        refused(cast.credential(owner, label="Noisy"), times=OFTEN)


MATTERS = [
    ("2 credentials were refused 10 or more times in the last 7 days", ["Noisy", "Noisy"]),
    ("2 credentials expire within 30 days", ["Soon", "Soon"]),
    ("2 production credentials never expire", ["Endless", "Endless"]),
    ("2 credentials haven’t been used in the last 30 days", ["Idle", "Idle"]),
]


@pytest.mark.parametrize("who", ["han", "c3po"])
def test_the_dashboard_counts_what_needs_attention_in_the_organization(
    rebels: Rebels, partners: Partners, sign_in: SignIn, who: str
) -> None:
    """Each item links to the list, filtered for these credentials."""
    of_the_organization(rebels)
    cast.credential(partners.lobot, label="Theirs", environment=Environment.PRODUCTION)
    browser = sign_in(getattr(rebels, who))
    matters = matters_of(browser.get(DASHBOARD))
    assert [text for text, _ in matters] == [text for text, _ in MATTERS]
    for (_, url), (_, labels) in zip(matters, MATTERS, strict=True):
        listed = browser.get(url)
        assert [credential.label for credential in listed.context["page"].rows] == labels


def test_pending_access_requests_need_attention(rebels: Rebels, sign_in: SignIn) -> None:
    """Account administrators see access requests, but credentials only with the permission."""
    request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    admin = cast.join(
        rebels.organization, "mon@rebels.example", ConsoleRole.NO_ACCESS, is_account_admin=True,
        sandbox=False,
    )  # fmt: skip
    cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    waits = ("1 person is waiting for access", reverse("accounts:access"))
    assert matters_of(sign_in(admin).get(DASHBOARD)) == [waits]
    assert matters_of(sign_in(rebels.leia).get(DASHBOARD))[0] == waits
    assert waits not in matters_of(sign_in(rebels.han).get(DASHBOARD))
    assert "Needs attention in" not in words_of(sign_in(rebels.luke).get(DASHBOARD))


def test_the_dashboard_says_that_nothing_needs_attention_in_the_organization(
    rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.c3po).get(DASHBOARD)
    assert "Needs attention in Rebel Alliance Nothing needs attention." in words_of(response)


@pytest.mark.both_databases
def test_more_than_a_hundred_items_are_not_counted(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credentials.reports.attention.MANY", 1)
    monkeypatch.setattr("console.dashboard.MANY", 1)
    of_the_organization(rebels)
    matters = matters_of(sign_in(rebels.han).get(DASHBOARD))
    assert matters[1][0] == "More than 1 credentials expire within 30 days"


def test_an_auditor_gets_no_steps_and_nothing_to_create(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.c3po).get(DASHBOARD)
    words = words_of(response)
    assert "Welcome, C3po" in words
    assert "Rebel Alliance · Auditor" in words
    assert "Create JWT" not in words
    assert (steps_of(response), figures_of(response)) == ([], [])


def test_an_account_administrator_without_a_developer_role_gets_no_steps(
    rebels: Rebels, sign_in: SignIn
) -> None:
    admin = cast.join(
        rebels.organization, "mon@rebels.example", ConsoleRole.NO_ACCESS, is_account_admin=True,
        sandbox=False,
    )  # fmt: skip
    response = sign_in(admin).get(DASHBOARD)
    assert response.status_code == 200
    assert "No access and account administrator" in words_of(response)
    assert steps_of(response) == []


def test_the_dashboard_shows_the_base_urls(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.c3po).get(DASHBOARD))
    assert "Sandbox http://localhost:8000/sandbox" in words
    assert "Production http://localhost:8000/production" in words
