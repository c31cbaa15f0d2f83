"""A PostgreSQL connection prepares each statement once and runs it through libpq."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection as of_the_test

from core.postgresql.prepared import Row, Statements

pytestmark = [
    pytest.mark.skipif(
        of_the_test.vendor != "postgresql", reason="SQLite is not asked through libpq"
    ),
    pytest.mark.django_db,
]
INSERTED = "INSERT INTO note VALUES (%s) RETURNING text"
FOUND = "SELECT text FROM note WHERE text = %s"
NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator["psycopg.Connection[Any]"]:
    """A connection that Django makes, outside of the test's transaction."""
    wrapper = of_the_test.copy()
    wrapper.connect()
    connection = wrapper.connection
    connection.execute("CREATE TEMPORARY TABLE note (text varchar(100))")
    yield connection
    connection.close()


@pytest.fixture
def statements(connection: "psycopg.Connection[Any]") -> Statements:
    return Statements(connection, are_kept=True)


def kept(connection: "psycopg.Connection[Any]") -> int:
    """How many prepared statements the server has for this connection."""
    [[count]] = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchall()
    return int(count)


def notes(connection: "psycopg.Connection[Any]") -> list[str]:
    return [text for [text] in connection.execute("SELECT text FROM note").fetchall()]


def values(statements: Statements, sql: str, parameters: Row) -> list[Any]:
    answer = statements.first(sql, parameters)
    assert answer is not None
    return list(answer.values())


def test_each_statement_is_prepared_once(
    statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    for text in ("one", "two", "three"):
        assert values(statements, "SELECT %s || '!'", [text]) == [f"{text}!"]
    statements.first("SELECT 1", [])
    assert kept(connection) == 2


def test_behind_pgbouncer_no_statement_is_prepared(connection: "psycopg.Connection[Any]") -> None:
    statements = Statements(connection, are_kept=False)
    for _ in range(2):
        assert values(statements, "SELECT %s::int + %s::int", [1, 2]) == [3]
    assert kept(connection) == 0


def test_a_statement_without_rows_returns_nothing(statements: Statements) -> None:
    assert statements.first(FOUND, ["nothing"]) is None
    assert statements.first("UPDATE note SET text = %s", ["nothing"]) is None


def test_values_come_back_as_they_were_sent(statements: Statements) -> None:
    given = [UUID(int=7), date(2026, 11, 26), NOW, 12, "Zoë", True, None]
    sql = "SELECT %s::uuid, %s::date, %s::timestamptz, %s::bigint, %s::text, %s::boolean, %s::text"
    assert values(statements, sql, given) == given
    answer = statements.first(sql, given)
    assert answer is not None
    assert answer.raw[4:] == ("Zoë".encode(), b"t", None)


def test_a_tuple_becomes_an_array_with_any_elements(statements: Statements) -> None:
    texts = ("plain", "", "a,b", "{}", 'a "quotation"', "back\\slash", "NULL", None)
    given = [texts, (UUID(int=7),), ()]
    found = values(statements, "SELECT %s::text[], %s::uuid[], %s::bigint[]", given)
    assert found == [list(texts), [UUID(int=7)], []]


@pytest.mark.parametrize("value", ["\x00", "a\x00b", ("a", "\x00")])
def test_text_with_nul_is_refused_and_not_cut_off(statements: Statements, value: object) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        statements.first(FOUND, [value])


def test_without_autocommit_the_first_statement_begins_the_transaction(
    statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    """The first statement of a cursor does the same."""
    connection.autocommit = False
    statements.first(INSERTED, ["undone"])
    connection.rollback()
    statements.first(INSERTED, ["done"])
    connection.commit()
    assert notes(connection) == ["done"]


def test_with_autocommit_a_statement_is_committed_at_once(
    statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    statements.first(INSERTED, ["done"])
    connection.rollback()
    assert notes(connection) == ["done"]


def test_after_an_error_the_statement_is_still_prepared(
    statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            statements.first("SELECT 1 / %s::int", [0])
    assert values(statements, "SELECT 1 / %s::int", [1]) == [1]
    assert kept(connection) == 1


@pytest.mark.parametrize("change", ["ALTER TABLE note ALTER text TYPE text", "DEALLOCATE ALL"])
def test_a_statement_whose_plan_became_impossible_is_prepared_again(
    change: str, statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    """A migration causes this. Outside of a transaction the statement can be repeated at once."""
    statements.first(INSERTED, ["one"])
    connection.execute(change)
    assert values(statements, INSERTED, ["two"]) == ["two"]
    assert notes(connection) == ["one", "two"]


def test_after_an_impossible_plan_breaks_a_transaction_the_next_one_prepares_again(
    statements: Statements, connection: "psycopg.Connection[Any]"
) -> None:
    statements.first(INSERTED, ["one"])
    connection.execute("DEALLOCATE ALL")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName), connection.transaction():
        statements.first(INSERTED, ["two"])
    assert values(statements, INSERTED, ["three"]) == ["three"]
    assert notes(connection) == ["one", "three"]


@pytest.mark.parametrize("are_kept", [True, False])
def test_a_connection_that_the_server_ended_is_an_operational_error(
    are_kept: bool, connection: "psycopg.Connection[Any]"
) -> None:
    statements = Statements(connection, are_kept=are_kept)
    statements.first(FOUND, ["nothing"])
    with of_the_test.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            statements.first(FOUND, ["nothing"])
