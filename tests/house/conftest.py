import pytest
from django.db import connection


@pytest.fixture
def unknown_sizes(db: None) -> None:
    """As if nobody had analyzed the tables: PostgreSQL takes each for one of some pages.

    ANALYZE writes their size outside of its transaction, so a test that seeds and analyzes much
    would leave the next ones with tables of which any index is as good as another.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relkind IN ('r', 'i')"
            " AND relnamespace = 'public'::regnamespace"
        )
