"""The statements of the hot paths find every row by an index, however many there are.

With few rows PostgreSQL would rather read whole tables; that is forbidden here, so that what has no
index shows all the same.
"""

import re
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from credentials.models import RefreshToken, standing, usage
from tests import cast
from tests.conftest import Rebels

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite explains its plans in other words"
)

# As many as each statement has; they need not find anything.
PARAMETERS: dict[str, list[Any]] = {
    "exchange": [uuid4(), "client"],
    "refresh": ["0" * 64, "client"],
    "call": ["client", uuid4(), uuid4(), "k" * 43],
    "question": ["k" * 43, "client", uuid4(), uuid4(), "asking"],
}


def plan_of(sql: str, parameters: list[Any]) -> list[str]:
    with connection.cursor() as cursor:
        for method in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{method} = off")
        cursor.execute(f"EXPLAIN {sql}", parameters)
        return [line for (line,) in cursor.fetchall()]


@pytest.fixture
def many_refresh_tokens(rebels: Rebels) -> None:
    """Of one client, so that its own index would find too many."""
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
@pytest.mark.parametrize("name", standing.STATEMENTS)
def test_every_table_is_entered_by_an_index(name: str) -> None:
    joined = standing.STATEMENTS[name]
    plan = plan_of(joined.sql, PARAMETERS[name])
    scans = [number for number, line in enumerate(plan) if " Scan" in line]
    assert len(scans) == len(re.findall(r"JOIN|FROM", joined.sql))
    for number in scans:
        assert re.search(r"Index (?:Only )?Scan using", plan[number]), plan
        assert "Index Cond:" in plan[number + 1], plan


def test_the_usage_is_found_by_its_key(db: None) -> None:
    row = [uuid4(), 1, date(2026, 1, 1), 1, datetime(2026, 1, 1, tzinfo=UTC)]
    plan = plan_of(usage.count_sql("postgresql", in_transaction=False), row)
    assert any("Conflict Arbiter Indexes: exchange_usage_once_a_day" in line for line in plan), plan
