"""Which errors mean that the database is away, and how they are logged."""

import sys
from typing import Any

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from core.database import in_one_line, is_away

pytestmark = pytest.mark.both_databases


def caused(error: DatabaseError, cause: Exception) -> DatabaseError:
    error.__cause__ = cause
    return error


READ_ONLY = caused(InternalError(), psycopg.errors.ReadOnlySqlTransaction())


@pytest.mark.parametrize("error", [OperationalError(), InterfaceError(), READ_ONLY])
def test_a_lost_connection_or_a_standby_counts_as_away(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError(),
        IntegrityError(),
        ProgrammingError(),
        caused(IntegrityError(), psycopg.errors.UniqueViolation()),
    ],
)
def test_an_error_in_a_statement_does_not_count_as_away(error: Exception | None) -> None:
    assert not is_away(error)


def logged(error: Exception, *, code: int = 500) -> dict[str, Any]:
    return in_one_line(None, "error", {"event": "x", "code": code, "exc_info": error})


def test_an_absent_database_is_logged_in_one_line() -> None:
    assert logged(OperationalError("refused\nIs it running?\n")) == {
        "event": "x",
        "code": 503,
        "error": "refused",
    }


def test_any_other_error_keeps_its_traceback() -> None:
    error = ProgrammingError("no such column")
    assert logged(error) == {"event": "x", "code": 500, "exc_info": error}


def test_the_error_being_handled_is_found() -> None:
    try:
        raise OperationalError("refused")
    except OperationalError:
        assert in_one_line(None, "error", {"exc_info": True}) == {"error": "refused"}
        assert in_one_line(None, "error", {"exc_info": sys.exc_info()}) == {"error": "refused"}
    assert in_one_line(None, "info", {"event": "x"}) == {"event": "x"}
