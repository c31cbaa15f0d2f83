"""Usage as pages show it: per day, by app, by credential, from which addresses, and to whom."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.environments import Environment
from accounts.models import Membership
from core.background import BackgroundWriter
from credentials.actions.clients import issue_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Application, CallUsage, Client, ExchangeUsage, JwtCredential
from credentials.models.usage import Called, SeenAddress, note_use
from credentials.reports.client_usage import client_usage
from credentials.reports.credential_usage import credential_usage
from credentials.reports.daily_usage import UsageOfDay
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import text_of, url, words_of

GET_ACCOUNT = Called("rest-api", "get-account")
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
TIME = r"\w{3} \d{1,2}, \d{4}, \d\d:\d\d UTC"


@dataclass(frozen=True)
class World:
    dialer: Client
    crane: Client
    credential: JwtCredential

    @property
    def application(self) -> Application:
        return self.dialer.application


@pytest.fixture
def world(rebels: Rebels) -> World:
    """Luke's app, Leia's app, and Luke's credential for both."""
    dialer = api.app(rebels.luke, name="Dialer").client
    crane = api.app(rebels.leia, name="Crane").client
    return World(dialer, crane, cast.credential(rebels.luke, label="Nightly"))


def used(
    credential: JwtCredential,
    client: Client,
    *,
    at: datetime | None = None,
    exchanges: int = 0,
    calls: int = 0,
    called: Called = GET_ACCOUNT,
    address: str | None = None,
) -> None:
    at = at or timezone.now()
    if exchanges:
        ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=at, times=exchanges)
    if calls:
        CallUsage.objects.add_counts(
            [(credential.pk, client.pk, at.astimezone(UTC).date(), *called, calls, at)]
        )
    note_use(credential.pk, client.pk, at=at, address=address)
    BackgroundWriter.flush_all()


def usage_url(application: Application, environment: str = "") -> str:
    query = f"?environment={environment}" if environment else ""
    return reverse("credentials:application_usage", args=[application.pk]) + query


def rows_of(response: Any, caption: str) -> list[str]:
    """The rows of a table, each as one reads it."""
    table = text_of(response).partition(caption)[2].partition("</tbody>")[0].partition("<tbody>")[2]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


# --- What is counted ------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_thirty_days_end_with_today(world: World) -> None:
    """Midnight (UTC) divides them; the day before the first is over."""
    first = NOON - timedelta(days=29)
    for at, exchanges in ((NOON, 3), (first.replace(hour=0), 5), (first - timedelta(days=1), 7)):
        used(world.credential, world.dialer, at=at, exchanges=exchanges, calls=10 * exchanges)
    days = credential_usage(world.credential, at=NOON).by_day
    assert len(days.days) == 30
    assert days.days[0] == UsageOfDay(first.date(), 5, 50)
    assert days.days[-1] == UsageOfDay(NOON.date(), 3, 30)
    assert {(each.exchanges, each.calls) for each in days.days[1:-1]} == {(0, 0)}
    assert (days.exchanges, days.calls) == (8, 80)
    assert days.latest_first[0].day == NOON.date()


@pytest.mark.both_databases
def test_usage_of_a_credential_by_app(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    yesterday = NOON - timedelta(days=1)
    used(world.credential, world.dialer, at=yesterday, exchanges=4, calls=9, address="192.0.2.1")
    used(world.credential, world.dialer, at=NOON, exchanges=1, address="2001:db8::1")
    used(world.credential, world.crane, at=NOON - timedelta(hours=1), exchanges=2)
    with django_assert_num_queries(1):
        use = credential_usage(world.credential, at=NOON)
    apps = [
        (app.application_name, app.exchanges, app.calls, app.last_exchange_at, app.last_call_at)
        for app in use.apps
    ]
    assert apps == [
        ("Dialer", 5, 9, NOON, yesterday),
        ("Crane", 2, 0, NOON - timedelta(hours=1), None),
    ]
    assert use.addresses == [
        SeenAddress("2001:db8::1", NOON, ("Dialer",)),
        SeenAddress("192.0.2.1", yesterday, ("Dialer",)),
    ]


def test_an_unused_credential_has_thirty_empty_days(world: World, rebels: Rebels) -> None:
    of_credential = credential_usage(world.credential)
    of_client = client_usage(world.dialer, rebels.luke)
    for use in (of_credential, of_client):
        assert (len(use.by_day.days), use.by_day.exchanges, use.by_day.calls) == (30, 0, 0)
        assert use.addresses == []
    assert (of_credential.apps, of_client.credentials) == ([], [])


@pytest.mark.both_databases
def test_usage_of_an_app_leaves_out_other_apps_and_older_use(rebels: Rebels, world: World) -> None:
    old = NOON - timedelta(days=31)
    used(world.credential, world.dialer, at=old, exchanges=50, calls=50, address="192.0.2.9")
    used(world.credential, world.dialer, at=NOON, exchanges=2, calls=6, address="192.0.2.1")
    used(world.credential, world.crane, at=NOON, exchanges=9, calls=9, address="192.0.2.2")
    use = client_usage(world.dialer, rebels.luke, at=NOON)
    [one] = use.credentials
    assert (one.credential, one.exchanges, one.calls) == (world.credential, 2, 6)
    assert (one.last_exchange_at, use.last_exchange_at, use.last_call_at) == (NOON, NOON, NOON)
    assert (use.by_day.exchanges, use.by_day.calls) == (2, 6)
    assert use.addresses == [SeenAddress("192.0.2.1", NOON, ())]


def test_the_usage_of_an_app_shows_at_most_five_addresses(rebels: Rebels, world: World) -> None:
    for number in range(7):
        at = NOON + timedelta(minutes=number)
        used(world.credential, world.dialer, at=at, exchanges=1, address=f"192.0.2.{number}")
    use = client_usage(world.dialer, rebels.luke, at=NOON)
    assert [seen.address for seen in use.addresses] == [f"192.0.2.{n}" for n in (6, 5, 4, 3, 2)]


@pytest.mark.both_databases
def test_the_most_used_credentials_of_an_app_come_first(rebels: Rebels, world: World) -> None:
    for number in range(22):
        credential = cast.credential(rebels.luke, label=f"Key {number}")
        used(credential, world.dialer, at=NOON, exchanges=number + 1)
    use = client_usage(world.dialer, rebels.luke, at=NOON)
    labels = [each.credential.label for each in use.credentials]
    assert labels == [f"Key {number}" for number in range(21, 1, -1)]
    assert (use.more, use.others) == (2, 0)


# --- The page of a credential ---------------------------------------------------------------------


def test_the_page_of_a_credential_shows_its_usage(
    rebels: Rebels, world: World, sign_in: SignIn
) -> None:
    used(world.credential, world.dialer, exchanges=1234, calls=5678, address="192.0.2.1")
    response = sign_in(rebels.luke).get(url("detail", world.credential))
    words = words_of(response)
    assert "Exchanges 1,234 in 30 days" in words
    assert "Calls 5,678 in 30 days" in words
    [app] = rows_of(response, "Apps that used this credential in the last 30 days")
    client_id = world.dialer.client_id
    assert re.fullmatch(rf"Dialer {client_id} 1,234 5,678 {TIME} {TIME}", app)
    [address] = rows_of(response, "Up to five addresses, most recent first")
    assert re.fullmatch(rf"192\.0\.2\.1 Dialer {TIME}", address)
    days = rows_of(response, "Exchanges and calls per day in the last 30 days")
    assert len(days) == 30
    assert re.fullmatch(r"\w{3} \d{1,2}, \d{4} so far 1,234 5,678", days[0])
    assert days[29].endswith(" 0 0")
    assert re.search(rf"Last used {TIME} exchange {TIME} call", words)


def test_charts_have_names_and_descriptions(rebels: Rebels, world: World, sign_in: SignIn) -> None:
    used(world.credential, world.dialer, exchanges=12, calls=0)
    page = text_of(sign_in(rebels.luke).get(url("detail", world.credential)))
    charts = re.findall(r"<svg class=\"chart.*?</svg>", page, re.DOTALL)
    assert len(charts) == 2
    for chart, name, most in zip(charts, ("exchanges", "calls"), (12, 0), strict=True):
        assert 'role="img"' in chart
        labels = f"chart-{name}-title chart-{name}-desc"
        assert f'aria-labelledby="{labels}"' in chart
        assert f'<title id="chart-{name}-title">{name.capitalize()} per day</title>' in chart
        assert re.search(rf"<desc id=\"chart-{name}-desc\">{most} {name} from ", chart)
        assert chart.count('class="chart__bar"') == (1 if most else 0)
        assert chart.count("<title>") == 30


def test_an_unused_credential_has_no_chart(rebels: Rebels, world: World, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    response = browser.get(url("detail", world.credential))
    assert "No app has exchanged it in the last 30 days." in words_of(response)
    assert "Last used Not used yet" in words_of(response)
    assert "chart__bar" not in text_of(response)
    long_ago = timezone.now() - timedelta(days=40)
    used(world.credential, world.dialer, at=long_ago, exchanges=1, address="192.0.2.1")
    words = words_of(browser.get(url("detail", world.credential)))
    assert re.search(
        r"in the last 30 days. The last exchange was on \w{3} \d{1,2}, \d{4} \(UTC\)\.", words
    )
    assert "192.0.2.1" in words


@pytest.mark.parametrize("who", ["han", "c3po"])
def test_admins_and_auditors_see_the_same(
    rebels: Rebels, world: World, sign_in: SignIn, who: str
) -> None:
    used(world.credential, world.dialer, exchanges=7, calls=8, address="192.0.2.1")
    through = url("detail", world.credential, through=rebels.luke)
    words = words_of(sign_in(getattr(rebels, who)).get(through))
    for said in ("Exchanges 7 in 30 days", "Calls 8 in 30 days", "192.0.2.1"):
        assert said in words


# --- The usage page of an app ---------------------------------------------------------------------


def test_the_usage_of_an_app(rebels: Rebels, world: World, sign_in: SignIn) -> None:
    used(world.credential, world.dialer, exchanges=1234, calls=5678, address="192.0.2.1")
    browser = sign_in(rebels.luke)
    response = browser.get(usage_url(world.application))
    words = words_of(response)
    assert "Exchanges 1,234 in 30 days" in words
    assert re.search(rf"Last exchange {TIME} Last call {TIME}", words)
    [row] = rows_of(response, "Credentials that the app exchanged")
    assert re.fullmatch(rf"Nightly Luke Example 1,234 5,678 {TIME}", row)
    assert f'<a href="{url("detail", world.credential)}">Nightly</a>' in text_of(response)
    [address] = rows_of(response, "Up to five addresses, most recent first")
    assert re.fullmatch(rf"192\.0\.2\.1 {TIME}", address)
    assert "you can’t see" not in words
    application_page = browser.get(reverse("credentials:application", args=[world.application.pk]))
    assert f'href="{usage_url(world.application)}"' in text_of(application_page)
    assert f'href="{usage_url(world.application, "sandbox")}"' in text_of(application_page)
    today = rf"{timezone.now():%b} {timezone.now().day}, {timezone.now():%Y}"
    assert f"Last used {today} (UTC) Usage in sandbox N/A" in words_of(application_page)


def everyones(rebels: Rebels, partners: Partners, public: Client) -> None:
    """Credentials of Luke, Han and Lobot, of the other organization, that Luke's app uses."""
    owners = (rebels.luke, rebels.han, partners.lobot)
    for owner, exchanges in zip(owners, (1, 20, 300), strict=True):
        credential = cast.credential(owner, label=f"Of {owner.user.first_name}", clients=[public])
        used(credential, public, exchanges=exchanges, calls=exchanges * 2)


@pytest.mark.parametrize(
    ("who", "labels", "others", "exchanges"),
    [
        ("luke", ["Of Luke"], "2 credentials", 320),
        ("han", ["Of Han", "Of Luke"], "1 credential", 300),
        ("c3po", ["Of Han", "Of Luke"], "1 credential", 300),
    ],
)  # fmt: skip
def test_developers_see_only_their_own_side_of_usage(
    rebels: Rebels,
    partners: Partners,
    sign_in: SignIn,
    who: str,
    labels: list[str],
    others: str,
    exchanges: int,
) -> None:
    """Of credentials that one may not see there is only the number."""
    public = api.app(rebels.luke, name="Public", is_public=True).client
    everyones(rebels, partners, public)
    viewer: Membership = getattr(rebels, who)
    response = sign_in(viewer).get(usage_url(public.application))
    rows = rows_of(response, "Credentials that the app exchanged")
    assert [row.partition(" Example")[0].rpartition(" ")[0] for row in rows] == labels
    words = words_of(response)
    unseen = f"{others} that you can’t view: {exchanges} exchanges."
    assert unseen in words
    assert "Exchanges 321 in 30 days" in words
    for hidden in {"Of Luke", "Of Han", "Of Lobot"} - set(labels):
        assert hidden not in words
    assert "lobot" not in text_of(response).lower()


def test_the_owner_of_a_credential_learns_nothing_of_the_app(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    public = api.app(rebels.luke, name="Public", is_public=True).client
    everyones(rebels, partners, public)
    theirs = JwtCredential.objects.get(label="Of Lobot")
    words = words_of(sign_in(partners.lobot).get(url("detail", theirs)))
    assert "Exchanges 300 in 30 days" in words
    assert "Of Luke" not in words
    assert sign_in(partners.lobot).get(usage_url(public.application)).status_code == 404
    assert sign_in(rebels.lando).get(usage_url(public.application)).status_code == 404


def test_usage_links_lead_to_pages_that_the_viewer_can_open(
    rebels: Rebels, world: World, sign_in: SignIn
) -> None:
    used(world.credential, world.dialer, exchanges=1)
    for viewer in (rebels.han, rebels.c3po):
        browser = sign_in(viewer)
        page = text_of(browser.get(usage_url(world.application)))
        through = url("detail", world.credential, through=rebels.luke)
        assert f'<a href="{through}">Nightly</a>' in page
        assert browser.get(through).status_code == 200


def test_the_usage_page_shows_one_environment(
    rebels: Rebels, world: World, sign_in: SignIn
) -> None:
    production, _ = issue_client(
        world.application, Environment.PRODUCTION, actor=rebels.luke.user, origin=cast.ORIGIN
    )
    there = cast.credential(rebels.luke, label="There", environment=Environment.PRODUCTION)
    used(world.credential, world.dialer, exchanges=3)
    used(there, production, exchanges=4)
    browser = sign_in(rebels.luke)

    def shown(environment: str) -> list[str]:
        response = browser.get(usage_url(world.application, environment))
        assert response.status_code == 200
        rows = rows_of(response, "Credentials that the app exchanged")
        return [row.partition(" ")[0] for row in rows]

    assert shown("sandbox") == ["Nightly"]
    assert shown("production") == shown("") == shown("moon\x00") == ["There"]


def test_the_usage_page_of_an_unused_app(rebels: Rebels, world: World, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    page = browser.get(usage_url(world.application))
    assert "No activity in the last 30 days The app didn’t exchange a credential" in words_of(page)
    assert reverse("credentials:application", args=[world.application.pk]) in text_of(page)
    bare = cast.application(rebels.luke, "Bare")
    assert "No client ID yet" in words_of(browser.get(usage_url(bare)))


def test_the_usage_page_shows_the_status_of_ended_credentials(
    rebels: Rebels, world: World, sign_in: SignIn
) -> None:
    used(world.credential, world.dialer, exchanges=1)
    revoke_jwt_credential(world.credential, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    response = sign_in(rebels.luke).get(usage_url(world.application))
    [row] = rows_of(response, "Credentials that the app exchanged")
    assert row.startswith("Nightly Revoked Luke Example 1 0")


def test_the_usage_page_escapes_names(rebels: Rebels, sign_in: SignIn) -> None:
    app = api.app(rebels.luke, name="<b>{{ 7 }}</b>").client
    credential = cast.credential(rebels.luke, label="<i>Key</i>")
    used(credential, app, exchanges=1, address="192.0.2.1")
    browser = sign_in(rebels.luke)
    for address in (usage_url(app.application), url("detail", credential)):
        response = browser.get(address)
        assert "<b>{{ 7 }}</b>" in words_of(response).replace("&lt;", "<")
        assert "<i>Key" not in text_of(response)
        assert "<b>{{" not in text_of(response)
