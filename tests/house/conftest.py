import pytest
from django.db import connection


@pytest.fixture
def unknown_sizes(db: None) -> None:
    """Reset the table statistics, so that PostgreSQL assumes a few pages per table.

    ANALYZE writes them outside of the transaction of its test. After a test that seeds and
    analyzes many rows, PostgreSQL would consider any index as good as another.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relkind IN ('r', 'i')"
            " AND relnamespace = 'public'::regnamespace"
        )
