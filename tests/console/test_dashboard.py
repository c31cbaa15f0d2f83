"""The dashboard: first steps for newcomers, what needs attention for everyone else."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.actions.extensions import create_sandbox_account
from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsoleRole
from credentials.actions.jwt_credentials import revoke_jwt_credential
from credentials.models import ExchangeUsage
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import text_of, words_of

DASHBOARD = reverse("dashboard")


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


def test_signed_out_it_asks_for_sign_in() -> None:
    response = Browser().get(DASHBOARD)
    assert response["Location"] == f"{reverse('account_login')}?next={DASHBOARD}"


def test_it_only_reads(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert browser.post(DASHBOARD).status_code == 405
    assert browser.get(DASHBOARD)["Cache-Control"] == "no-store"


def test_without_console_access(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.wedge).get(DASHBOARD)
    assert response.status_code == 403
    assert "Request access" in words_of(response)


def test_the_user_menu_leads_to_credentials_only_who_may_have_some(
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


def test_only_steps_not_done_are_links(rebels: Rebels, sign_in: SignIn) -> None:
    page = text_of(sign_in(rebels.luke).get(DASHBOARD))
    steps = page.partition('<ol class="steps">')[2].partition("</ol>")[0]
    assert re.findall(r'href="([^"]*)"', steps) == [
        reverse("credentials:create_application"),
        reverse("my_credentials:create"),
        reverse("my_credentials:list"),
    ]


def test_a_step_done_out_of_order(rebels: Rebels, sign_in: SignIn) -> None:
    cast.application(rebels.lando)
    assert steps_of(sign_in(rebels.lando).get(DASHBOARD)) == ["current", "done", "todo", "todo"]


@pytest.mark.parametrize(
    ("who", "apps"),
    [
        ("leia", ("Apps of the organization", "2")),
        ("luke", ("Your apps", "1")),
        ("lando", ("Your apps", "0")),
    ],
)
def test_figures(
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


def test_what_needs_attention(rebels: Rebels, sign_in: SignIn) -> None:
    now = timezone.now()
    client, _ = cast.client(cast.application(rebels.luke))
    for label, days_left in (
        ("Gone", -5),
        ("Soon", 6),
        ("Sooner", 0),
        ("Late", 60),
        ("Never", None),
    ):
        credential = cast.credential(
            rebels.luke,
            label=label,
            at=now - timedelta(days=40),
            expires_on=None
            if days_left is None
            else now.astimezone(UTC).date() + timedelta(days=days_left),
        )
        ExchangeUsage.objects.count_exchange(credential.pk, client.pk)
    cast.credential(rebels.luke, label="Unused <b>{{ 7 }}")
    cast.credential(rebels.han, label="Not mine")
    rows = attention_of(sign_in(rebels.luke).get(DASHBOARD))
    assert [row.partition(" on ")[0].partition(" since ")[0] for row in rows] == [
        "Sooner Sandbox Expires today",
        "Soon Sandbox Expires in 6 days",
        "Unused &lt;b&gt;{{ 7 }} Sandbox Not used yet",
    ]
    assert all(row.endswith(" UTC") for row in rows)


def test_nothing_needs_attention(rebels: Rebels, sign_in: SignIn) -> None:
    assert "Needs attention" not in words_of(sign_in(rebels.luke).get(DASHBOARD))


def test_an_auditor_gets_no_steps_and_nothing_to_create(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.c3po).get(DASHBOARD)
    words = words_of(response)
    assert "Welcome, C3po" in words
    assert "Rebel Alliance · Auditor" in words
    assert "Create JWT" not in words
    assert (steps_of(response), figures_of(response)) == ([], [])


def test_an_account_administrator_without_developer_role(rebels: Rebels, sign_in: SignIn) -> None:
    admin = cast.join(
        rebels.organization, "mon@rebels.example", ConsoleRole.NO_ACCESS, is_account_admin=True,
        sandbox=False,
    )  # fmt: skip
    response = sign_in(admin).get(DASHBOARD)
    assert response.status_code == 200
    assert "No access and account administrator" in words_of(response)
    assert steps_of(response) == []


def test_base_urls_to_copy(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.c3po).get(DASHBOARD))
    assert "Sandbox http://localhost:8000/sandbox" in words
    assert "Production http://localhost:8000/production" in words
