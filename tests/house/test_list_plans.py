"""Long lists are read from an index that begins where the page begins.

With few rows, PostgreSQL prefers to read the table and sort it. These tests forbid both, so that a
list without an index in its order still shows as a sort.
"""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from credentials.models import ExchangeUsage
from credentials.models.refusals import OFTEN
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import refused

pytestmark = [
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite explains its plans in other words"
    ),
    pytest.mark.usefixtures("unknown_sizes"),
]

INVENTORY = "organization:credentials"
CREDENTIALS = "credentials_jwtcredential"


@pytest.fixture(autouse=True)
def _only_indexes(db: None) -> None:
    with connection.cursor() as cursor:
        for method in ("seqscan", "sort", "incremental_sort", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{method} = off")


def plan_of(browser: Client, address: str, table: str) -> str:
    """The plan of the query that reads the rows of the page: ordered and limited."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    fills = re.compile(rf'^SELECT "{table}"\..* FROM "{table}" .*ORDER BY .* LIMIT (?!1$)\d+$')  # noqa: S608 - reads SQL
    [sql] = [query["sql"] for query in captured if fills.match(query["sql"])]
    return explained(sql)


def explained(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def plans_of(browser: Client, address: str, pattern: str) -> list[str]:
    """The plans of the page's queries that match the pattern."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    found = [query["sql"] for query in captured if re.search(pattern, query["sql"])]
    assert found
    return [explained(sql) for sql in found]


def assert_read_in_order(plan: str, index: str) -> None:
    assert re.search(rf"Index (?:Only )?Scan (?:Backward )?using {index}\b", plan), plan
    assert "Sort Key" not in plan, plan


@pytest.mark.parametrize("place", ["", "after", "before"])
@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("created", "jwt_credential_by_org"),
        ("expires", "jwt_credential_org_expiry"),
        ("used", "jwt_credential_org_use"),
    ],
)
def test_credentials_of_the_organization_are_read_in_the_order_of_an_index(
    rebels: Rebels, sign_in: SignIn, order: str, direction: str, place: str, index: str
) -> None:
    credential = cast.credential(rebels.luke)
    address = f"{reverse(INVENTORY)}?sort={direction}{order}"
    if place:
        address += f"&{place}={credential.pk}"
    assert_read_in_order(plan_of(sign_in(rebels.leia), address, CREDENTIALS), index)


@pytest.mark.parametrize(
    "filters", ["status=active", "app_access=specific", "never_expires=on", "environment=sandbox"]
)
def test_filters_keep_the_order_of_the_index(rebels: Rebels, sign_in: SignIn, filters: str) -> None:
    plan = plan_of(sign_in(rebels.leia), f"{reverse(INVENTORY)}?{filters}", CREDENTIALS)
    assert_read_in_order(plan, "jwt_credential_by_org")


def test_credentials_of_few_owners_are_read_by_owner(rebels: Rebels, sign_in: SignIn) -> None:
    cast.credential(rebels.luke)
    plan = plan_of(sign_in(rebels.leia), f"{reverse(INVENTORY)}?owner=luke", CREDENTIALS)
    assert re.search(r"extension_id = ANY", plan), plan


def test_platform_logins_are_read_in_the_order_of_an_index(rebels: Rebels, sign_in: SignIn) -> None:
    first = rebels.leia.user.extensions.in_environment(Environment.PRODUCTION).get()
    address = f"{reverse('accounts:extensions')}?environment=production&after={first.pk}"
    plan = plan_of(sign_in(rebels.leia), address, "accounts_extension")
    assert_read_in_order(plan, "extension_number_unique")


def history(browser: Client, address: str) -> str:
    return plan_of(browser, address, "accounts_auditevent")


def test_the_history_of_a_credential_is_read_in_the_order_of_an_index(
    rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    address = reverse("my_credentials:detail", args=[credential.pk])
    assert_read_in_order(history(sign_in(rebels.luke), address), "audit_by_target")


def test_people_are_read_in_the_order_of_their_email_addresses(
    rebels: Rebels, sign_in: SignIn
) -> None:
    owner: Membership = rebels.leia
    plan = plan_of(sign_in(owner), reverse("accounts:access"), "accounts_membership")
    assert "accounts_user_email" in plan, plan


def test_credentials_that_are_refused_often_are_counted_in_their_index(
    rebels: Rebels, sign_in: SignIn
) -> None:
    """The dashboard reads no refusal, no matter how many there are."""
    refused(cast.credential(rebels.luke), times=OFTEN)
    [plan] = plans_of(sign_in(rebels.leia), reverse("dashboard"), "refused_often_found")
    assert "jwt_credential_org_refused" in plan, plan
    assert "refusal" not in plan.replace("refused", ""), plan


def test_the_dashboard_of_a_developer_reads_no_refusal(rebels: Rebels, sign_in: SignIn) -> None:
    refused(cast.credential(rebels.luke), times=OFTEN)
    browser = sign_in(rebels.luke)
    with CaptureQueriesContext(connection) as captured:
        assert "Refused often" in browser.get(reverse("dashboard")).content.decode()
    assert not [query["sql"] for query in captured if "credentials_refusal" in query["sql"]]


def test_the_credentials_of_an_app_are_read_by_its_days_and_then_looked_up(
    rebels: Rebels, sign_in: SignIn
) -> None:
    """PostgreSQL must not read every credential that exists."""
    app = cast.application(rebels.luke)
    client, _ = cast.client(app)
    ExchangeUsage.objects.count_exchange(cast.credential(rebels.luke).pk, client.pk)
    usage = reverse("credentials:application_usage", args=[app.pk])
    suspend = reverse("credentials:suspend_client", args=[app.pk, client.environment])
    for who in (rebels.leia, rebels.luke):
        browser = cast.step_up(sign_in(who))
        for address in (usage, suspend):
            [plan] = plans_of(browser, address, r"AS \"seen\".* GROUP BY ")
            assert "exchange_usage_by_client" in plan, plan
            # One lookup per group, instead of a join with all credentials.
            assert plan.index("Aggregate") < plan.index("SubPlan"), plan
            assert "Join" not in plan, plan


def test_live_credentials_of_a_key_are_counted_in_an_index(rebels: Rebels, sign_in: SignIn) -> None:
    cast.credential(rebels.luke)
    cast.make_operator(rebels.leia)
    plans = plans_of(sign_in(rebels.leia), reverse("operator:signing_keys"), "live_credentials")
    assert len(plans) == 4
    for plan in plans:
        assert re.search(r"Index (Only )?Scan (using|on) jwt_credential_by_key", plan), plan


def test_calls_of_an_api_are_counted_from_their_first_day_on(
    rebels: Rebels, sign_in: SignIn
) -> None:
    cast.make_operator(rebels.leia)
    page = reverse("operator_api", args=["rest-api"])
    for table in ("credentials_callusage", "credentials_refusal"):
        [plan] = plans_of(sign_in(rebels.leia), page, rf'FROM "{table}"')
        assert re.search(r"Index Cond: \(+(day|at) >= ", plan), plan


def test_the_last_use_of_a_credential_is_read_from_its_last_day_on(
    rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    address = reverse("my_credentials:detail", args=[credential.pk])
    [plan, *_] = plans_of(sign_in(rebels.luke), address, "last_call_at")
    for index in ("exchange_usage_once_a_day", "call_usage_once_a_day"):
        condition = plan.partition(index)[2]
        assert re.search(r"Index Cond: .*day >= ", condition.partition("SubPlan")[0]), plan


def test_token_sessions_are_read_in_the_order_of_an_index(rebels: Rebels, sign_in: SignIn) -> None:
    app = cast.application(rebels.luke)
    cast.client(app)
    browser = sign_in(rebels.leia)
    by_credential = reverse(
        "developer_credentials:sessions",
        args=[rebels.luke.user_id, cast.credential(rebels.luke).pk],
    )
    by_client = reverse("credentials:application_sessions", args=[app.pk])
    for address, index in (
        (by_credential, "refresh_token_by_credential"),
        (by_client, "refresh_token_by_client"),
    ):
        assert_read_in_order(plan_of(browser, address, "credentials_refreshtoken"), index)


def test_the_audit_log_is_read_in_the_order_of_time(rebels: Rebels, sign_in: SignIn) -> None:
    plan = history(sign_in(rebels.leia), reverse("accounts:audit_log"))
    assert "Sort Key" not in plan, plan
