"""Long lists are read from indexes: PostgreSQL begins where the page begins, and ends with it.

With few rows it would rather read the table and sort, so both are forbidden here; what has no index
of its order shows as a sort all the same.
"""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from tests import cast
from tests.conftest import Rebels, SignIn

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite explains its plans in other words"
)

INVENTORY = "organization:credentials"
CREDENTIALS = "credentials_jwtcredential"


@pytest.fixture(autouse=True)
def _only_indexes(db: None) -> None:
    with connection.cursor() as cursor:
        for method in ("seqscan", "sort", "incremental_sort", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{method} = off")


def plan_of(browser: Client, address: str, table: str) -> str:
    """The plan of the query that fills the page: ordered and limited rows of the table."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    fills = re.compile(rf'^SELECT "{table}"\..* FROM "{table}" .*ORDER BY .* LIMIT (?!1$)\d+$')  # noqa: S608 - reads SQL
    [sql] = [query["sql"] for query in captured if fills.match(query["sql"])]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


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
def test_credentials_of_the_organization(
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


def test_platform_logins(rebels: Rebels, sign_in: SignIn) -> None:
    address = f"{reverse('accounts:extensions')}?environment={Environment.PRODUCTION}&after=101"
    plan = plan_of(sign_in(rebels.leia), address, "accounts_extension")
    assert_read_in_order(plan, "extension_number_unique")


def history(browser: Client, address: str) -> str:
    return plan_of(browser, address, "accounts_auditevent")


def test_histories(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    address = reverse("my_credentials:detail", args=[credential.pk])
    assert_read_in_order(history(sign_in(rebels.luke), address), "audit_by_target")


def test_people_in_the_order_of_their_addresses(rebels: Rebels, sign_in: SignIn) -> None:
    owner: Membership = rebels.leia
    plan = plan_of(sign_in(owner), reverse("accounts:access"), "accounts_membership")
    assert "accounts_user_email" in plan, plan
