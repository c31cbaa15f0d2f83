"""Statements of the hot paths, which read rows of several models without the layers of the ORM.

Columns, converters and tables come from the models, so only the joins are written out. The results
are instances with some deferred fields, so every property and every check works on them. On
PostgreSQL, a connection prepares each statement once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model
from django.db.models.base import ModelState

from core.immutable import frozen
from core.postgresql.prepared import Row, Statements

M = TypeVar("M", bound=Model)
# Rows that a process has read before, of each statement, at about two kilobytes each.
KEPT_ROWS = 5_000


class Answer(Protocol):
    @property
    def raw(self) -> tuple[Any, ...]:
        """As the database sent it: equal rows have equal values."""

    def values(self) -> Row: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    raw: tuple[Any, ...]

    def values(self) -> Row:
        return self.raw


def read(sql: str, parameters: Row) -> Answer | None:
    """The first row. If the connection is gone, it reads again on a new one."""
    database = connections[DEFAULT_DB_ALIAS]
    try:
        return _first(database, sql, parameters)
    except OperationalError:
        # Without autocommit a transaction is lost with the connection, and its code must know that.
        if not database.autocommit or database.connection is None or database.is_usable():
            raise
        database.close()
        return _first(database, sql, parameters)


def write(
    sql: str, parameters: Row, *, database: BaseDatabaseWrapper | None = None
) -> Answer | None:
    """The first row of the answer. The statement takes part in the current transaction."""
    return _first(database or connections[DEFAULT_DB_ALIAS], sql, parameters)


def insert(row: Model) -> None:
    """Insert a new row of a model whose columns are texts, numbers, UUIDs and times."""
    sql, names = _insertion(type(row))
    inserted = write(sql, [row.__dict__[name] for name in names])
    if inserted is not None:
        row.pk = int(inserted.raw[0])
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@cache
def _insertion(model: type[Model]) -> tuple[str, tuple[str, ...]]:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    meta = model._meta
    fields = [field for field in meta.concrete_fields if not field.primary_key]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    sql = (
        f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - all ours
        f" RETURNING {quote(str(meta.pk.column))}"
    )
    return sql, tuple(field.attname for field in fields)


def _first(database: BaseDatabaseWrapper, sql: str, parameters: Row) -> Answer | None:
    if database.vendor != "postgresql":
        with database.cursor() as cursor:
            cursor.execute(sql, [_adapted(value, database) for value in parameters])
            row = cursor.fetchone()
            return None if row is None else _Loaded(row)
    if database.force_debug_cursor:
        # Code that reads Django's log of statements finds these as well.
        database.queries_log.append({"sql": sql, "time": "0"})
    # Django's methods ask the same, but cost more than the rest of this.
    is_looked_at: bool = database.health_check_done  # type: ignore[attr-defined]
    if database.connection is None or not is_looked_at:
        database.close_if_health_check_failed()
        database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        return _prepared(database).first(sql, parameters)


def _prepared(database: BaseDatabaseWrapper) -> Statements:
    kept: Statements | None = database.__dict__.get("prepared_statements")
    if kept is None or kept.connection is not database.connection:
        kept = Statements(database.connection, are_kept=settings.PREPARED_STATEMENTS)
        database.__dict__["prepared_statements"] = kept
    return kept


def _adapted(value: Any, database: BaseDatabaseWrapper) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return database.ops.adapt_datetimefield_value(value)
    return database.ops.adapt_datefield_value(value) if isinstance(value, date) else value


@dataclass(frozen=True)
class Columns:
    model: type[Model]
    names: tuple[str, ...]
    """By attribute: `extension_id`, not `extension`. The primary key comes first."""

    @classmethod
    def whole(cls, model: type[Model], *, but: tuple[str, ...] = ()) -> "Columns":
        pk = model._meta.pk.attname
        names = [field.attname for field in model._meta.concrete_fields if not field.generated]
        return cls(model, (pk, *(name for name in names if name != pk and name not in but)))

    @property
    def fields(self) -> "list[Field[Any, Any]]":
        by_name = {field.attname: field for field in self.model._meta.concrete_fields}
        return [by_name[name] for name in self.names]


Instances = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class _Plan:
    """A statement for one kind of database, and how its rows become instances."""

    sql: str
    converters: tuple[tuple[int, Convert], ...]
    slices: tuple[tuple[str, type[Model], tuple[str, ...], int], ...]
    """Alias, model, attributes, and where its columns begin."""
    known: dict[tuple[Any, ...], Row]
    """Values by the row as it was sent: the same row again need not be converted again."""

    def values(self, row: Answer) -> Row:
        # All of them are immutable, because later requests get the same ones.
        known = self.known.get(row.raw)
        if known is None:
            values = list(row.values())
            for index, convert in self.converters:
                if values[index] is not None:
                    values[index] = frozen(convert(values[index]))
            if len(self.known) >= KEPT_ROWS:
                self.known.clear()
            known = self.known[row.raw] = tuple(values)
        return known


class JoinedSelect:
    """A statement that reads one row of each part, or None where an outer join found nothing.

    `tables` names parts and other tables as `{alias}`; `also` are further columns by their names.
    """

    def __init__(
        self,
        tables: str,
        parts: Mapping[str, Columns],
        *,
        others: Mapping[str, type[Model]] | None = None,
        also: Mapping[str, str] | None = None,
    ) -> None:
        self._tables = tables
        self._parts = dict(parts)
        self._models = {alias: part.model for alias, part in parts.items()} | dict(others or {})
        self._also = dict(also or {})

    @property
    def sql(self) -> str:
        return self._plan.sql

    def first(self, parameters: Row) -> Instances | None:
        """Instances by alias and the further columns by name; None if there is no row."""
        plan = self._plan
        row = read(plan.sql, parameters)
        if row is None:
            return None
        values = plan.values(row)
        found: Instances = {}
        for alias, model, names, start in plan.slices:
            end = start + len(names)
            is_there = values[start] is not None
            found[alias] = instance(model, names, values[start:end]) if is_there else None
        found.update(zip(self._also, values[len(values) - len(self._also) :], strict=True))
        return found

    @cached_property
    def _plan(self) -> _Plan:
        database = connections[DEFAULT_DB_ALIAS]
        quote = database.ops.quote_name
        columns: list[str] = []
        converters: list[tuple[int, Convert]] = []
        slices = []
        for alias, part in self._parts.items():
            slices.append((alias, part.model, part.names, len(columns)))
            for field in part.fields:
                if (convert := _converter(field)) is not None:
                    converters.append((len(columns), convert))
                columns.append(f"{alias}.{quote(str(field.column))}")
        tables = {
            alias: f"{quote(model._meta.db_table)} {alias}" for alias, model in self._models.items()
        }
        select = ", ".join([*columns, *self._also.values()])
        sql = f"SELECT {select} FROM {self._tables.format(**tables)}"  # noqa: S608 - all ours
        return _Plan(sql, tuple(converters), tuple(slices), {})


def _converter(field: "Field[Any, Any]") -> Convert | None:
    # Each thread passes its own connection, because the thread that planned may have closed its.
    column = field.get_col(field.model._meta.db_table)
    steps = [
        *connection.ops.get_db_converters(column),
        *column.get_db_converters(connection),
    ]
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert


class _LoadedState(ModelState):
    # What the ORM sets on every row that it loads.
    adding = False
    db = DEFAULT_DB_ALIAS


def instance(model: type[M], names: tuple[str, ...], values: Row) -> M:
    # As the ORM leaves a row whose other fields are deferred, but ten times as fast.
    row = model.__new__(model)
    attributes = row.__dict__
    attributes.update(zip(names, values, strict=True))
    attributes["_state"] = _LoadedState()
    return row


def link(row: Model, name: str, other: Model) -> None:
    row._state.fields_cache[name] = other
