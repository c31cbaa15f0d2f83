"""Statements that a connection prepares once and then runs in one call of libpq.

A cursor of psycopg costs more than the server needs for a small statement: it chooses formats,
waits in Python, and converts rows that were converted before. Here a row comes back as the server
sent it, and psycopg's own loaders convert it when code asks for its values.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

Row = Sequence[Any]
# libpq's text format of each parameter; psycopg's types leave out that None is NULL.
_Values = list[Any]
_SUCCESSES = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}
# SQLSTATE feature_not_supported, of a plan whose columns got other types in a migration, and
# invalid_sql_statement_name, of one that is gone.
_OUTDATED = {b"0A000", b"26000"}


class PreparedAnswer:
    """The first row of a result."""

    __slots__ = ("_connection", "_result", "raw")

    def __init__(self, connection: "psycopg.Connection[Any]", result: PGresult) -> None:
        self._connection = connection
        self._result = result
        self.raw = tuple([result.get_value(0, column) for column in range(result.nfields)])
        """Its columns in the text format, None for NULL."""

    def values(self) -> Row:
        transformer = Transformer(self._connection)
        transformer.set_pgresult(self._result)
        row: tuple[Any, ...] = transformer.load_rows(0, 1, tuple)[0]
        return row


class Statements:
    """Those of one connection, each prepared when it is first run, unless none may be kept."""

    def __init__(self, connection: "psycopg.Connection[Any]", *, are_kept: bool) -> None:
        self.connection = connection
        self._run = self._run_prepared if are_kept else self._run_once
        self._names: dict[str, bytes] = {}
        self._prepared = 0

    def first(self, sql: str, parameters: Row) -> PreparedAnswer | None:
        """The first row, None if there is none; `sql` has `%s` for each parameter.

        Raises what psycopg's cursor would raise.
        """
        connection = self.connection
        if not connection.autocommit and _is_idle(connection):
            # psycopg begins a transaction with the first statement that goes through it.
            connection.execute("")
        values = [_encoded(value) for value in parameters]
        result = self._run(sql, values)
        if result.status not in _SUCCESSES:
            result = self._run_anew(sql, values, result)
        return PreparedAnswer(connection, result) if result.ntuples else None

    def _run_anew(self, sql: str, values: _Values, result: PGresult) -> PGresult:
        # A statement whose plan was outdated did nothing, so it can run again, except in the
        # transaction that its error ended.
        if result.error_field(DiagnosticField.SQLSTATE) in _OUTDATED:
            self._names.pop(sql, None)
            if _is_idle(self.connection):
                result = self._run(sql, values)
        if result.status not in _SUCCESSES:
            raise _error(self.connection, result)
        return result

    def _run_prepared(self, sql: str, values: _Values) -> PGresult:
        name = self._names.get(sql) or self._prepare(sql)
        return self.connection.pgconn.exec_prepared(name, values)

    def _run_once(self, sql: str, values: _Values) -> PGresult:
        return self.connection.pgconn.exec_params(_numbered(sql), values)

    def _prepare(self, sql: str) -> bytes:
        self._prepared += 1
        name = f"statement {self._prepared}".encode()
        result = self.connection.pgconn.prepare(name, _numbered(sql))
        if result.status not in _SUCCESSES:
            raise _error(self.connection, result)
        self._names[sql] = name
        return name


def _is_idle(connection: "psycopg.Connection[Any]") -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


@cache
def _numbered(sql: str) -> bytes:
    first, *others = sql.split("%s")
    return (first + "".join(f"${n}{text}" for n, text in enumerate(others, 1))).encode()


def _encoded(value: object) -> bytes | None:
    # In the text format. Texts, UUIDs, integers, dates and times print in it. A tuple is an array.
    if value is None:
        return None
    text = "{" + ",".join(map(_element, value)) + "}" if isinstance(value, tuple) else str(value)
    if "\0" in text:
        raise psycopg.DataError("A text for PostgreSQL can't hold NUL.")
    return text.encode()


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _error(connection: "psycopg.Connection[Any]", result: PGresult) -> psycopg.Error:
    if connection.pgconn.status == ConnStatus.BAD:
        return psycopg.OperationalError(connection.pgconn.get_error_message())
    return error_from_result(result)
