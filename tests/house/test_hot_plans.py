"""The statements of the hot paths find every row by an index.

With few rows, PostgreSQL prefers to read whole tables. These tests forbid that, so that a missing
index shows.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.background import BackgroundWriter
from credentials.actions.refresh_tokens import forget_dead_sessions
from credentials.actions.refusals import forget_old_refusals
from credentials.actions.usage import forget_old_usage
from credentials.models import RefreshToken, usage
from credentials.oauth import lookup
from tests import api, cast, ticks
from tests.conftest import Rebels

pytestmark = [
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite explains its plans in other words"
    ),
    pytest.mark.usefixtures("unknown_sizes"),
]

# The right number of parameters for each statement. They don't have to match a row.
PARAMETERS: dict[str, list[Any]] = {
    "exchange": [uuid4(), "client"],
    "refresh": ["0" * 64, "client"],
    "call": ["client", uuid4(), uuid4(), "k" * 43],
    "question": ["k" * 43, "client", uuid4(), uuid4(), "asking"],
}


# Statements that find rows. An INSERT only adds them.
_READS = re.compile(r"SELECT .* FROM|UPDATE|DELETE", re.DOTALL)
# A scan of a table or an index, not of the result of another part of the plan.
_SCAN = re.compile(r"(?<!Function )(?<!Subquery )Scan (?:Backward )?(?:using|on) ")


def plan_of(sql: str, parameters: list[Any] | None = None, *, options: str = "") -> list[str]:
    with connection.cursor() as cursor:
        for method in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{method} = off")
        cursor.execute(f"EXPLAIN {options} {sql}", parameters)
        return [line for (line,) in cursor.fetchall()]


def plan_of_sent(sql: str) -> list[str]:
    """The plan of a statement with its values in it, or of a prepared one."""
    number = count(1)
    prepared = re.sub("%s", lambda _: f"${next(number)}", sql)
    return plan_of(prepared, options="(GENERIC_PLAN)" if prepared != sql else "")


@contextmanager
def every_row_is_found_by_an_index() -> Iterator[None]:
    """Fail if a statement in this block reads a table or an index from end to end."""
    with CaptureQueriesContext(connection) as captured:
        yield
    found = [query["sql"] for query in captured if _READS.match(query["sql"])]
    assert found
    for sql in found:
        plan = plan_of_sent(sql)
        for number, line in enumerate(plan):
            if _SCAN.search(line):
                assert "Index" in line, (sql, plan)
                assert "Index Cond:" in plan[number + 1], (sql, plan)


@pytest.fixture
def many_refresh_tokens(rebels: Rebels, unknown_sizes: None) -> None:
    """Many refresh tokens of one client, so that the index by client would find too many."""
    client, _ = cast.client(cast.application(rebels.luke))
    credential = cast.credential(rebels.luke)
    RefreshToken.objects.bulk_create(
        RefreshToken(
            token_digest=f"{number:064}",
            session_id=uuid4(),
            credential=credential,
            client=client,
            lifetime_seconds=60,
            expires_at=timezone.now(),
        )
        for number in range(300)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {RefreshToken._meta.db_table}")


@pytest.mark.usefixtures("many_refresh_tokens")
@pytest.mark.parametrize("name", lookup.STATEMENTS)
def test_a_lookup_enters_every_table_by_an_index(name: str) -> None:
    joined = lookup.STATEMENTS[name]
    plan = plan_of(joined.sql, PARAMETERS[name])
    scans = [number for number, line in enumerate(plan) if " Scan" in line]
    assert len(scans) == len(re.findall(r"JOIN|FROM", joined.sql))
    for number in scans:
        assert re.search(r"Index (?:Only )?Scan using", plan[number]), plan
        assert "Index Cond:" in plan[number + 1], plan


def test_counting_an_exchange_finds_the_usage_by_its_key(db: None) -> None:
    row = [uuid4(), 1, date(2026, 1, 1), 1, datetime(2026, 1, 1, tzinfo=UTC)]
    plan = plan_of(usage.count_sql("postgresql", in_transaction=False), row)
    assert any("Conflict Arbiter Indexes: exchange_usage_once_a_day" in line for line in plan), plan


def test_whole_requests_find_every_row_by_an_index(rebels: Rebels) -> None:
    """Includes token requests, questions about tokens, and the writes in the background."""
    app = api.app(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    jwt = cast.credential(rebels.luke, clients=[app.client]).encode()
    api.exchange(app, jwt)
    with every_row_is_found_by_an_index():
        granted = api.exchange(app, jwt).json()
        refreshed = api.post(
            {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]},
            app.authorization,
        ).json()
        token = refreshed["access_token"]
        assert api.call("GET", "/account/~", token).status_code == 200
        assert api.exchange(app, "garbage").status_code == 400
        for endpoint in ("introspect", "revoke"):
            path = f"/{api.SANDBOX}/restapi/oauth/{endpoint}"
            asked = api.program().post(
                path,
                f"token={token}",
                content_type=api.FORM,
                HTTP_AUTHORIZATION=app.authorization,
            )
            assert asked.status_code == 200
        BackgroundWriter.flush_all()


@pytest.mark.parametrize("forget", [forget_old_usage, forget_old_refusals, forget_dead_sessions])
def test_removing_old_rows_finds_them_by_an_index(db: None, forget: Callable[..., int]) -> None:
    with every_row_is_found_by_an_index():
        forget(at=timezone.now() - timedelta(days=1))


# These stay short: the people who are signed in, and half a year of notices.
_SHORT = {"usersessions_usersession", "accounts_notice"}


def test_a_tick_reads_no_growing_table_from_end_to_end(rebels: Rebels) -> None:
    """It runs every minute, and a table without due work can have a million rows."""
    cast.credential(rebels.luke)
    with CaptureQueriesContext(connection) as captured:
        ticks.lines()
    read: set[str] = set()
    for query in captured:
        if _READS.match(query["sql"]):
            plan = "\n".join(plan_of_sent(query["sql"]))
            read.update(re.findall(r"Seq Scan on (\w+)", plan))
    assert read <= _SHORT
