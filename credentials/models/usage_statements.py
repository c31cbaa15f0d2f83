"""The statements that count usage: insert a row, or add to the row that exists."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection, models

from core.postgresql import statements

# Rows of one statement, far below what either database takes.
BATCH = 500

_Row = TypeVar("_Row")


def _columns(
    model: type[models.Model], key: Sequence[str], counter: str | None
) -> "list[models.Field[Any, Any]]":
    """Those of a row of `(*key, [counter], last_at)`."""
    names = [*key, *([counter] if counter else []), "last_at"]
    return [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in names]


def upsert_sql(
    model: type[models.Model], key: Sequence[str], counter: str | None, rows: str
) -> str:
    """Inserts rows of `(*key, [counter], last_at)`, or adds them to those that exist."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = [quote(str(field.column)) for field in _columns(model, key, counter)]
    greatest = "MAX" if connection.vendor == "sqlite" else "GREATEST"
    changes = [f"last_at = {greatest}({table}.last_at, excluded.last_at)"]
    if counter:
        added = columns[len(key)]
        changes.append(f"{added} = {table}.{added} + excluded.{added}")
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) {rows}"
        f" ON CONFLICT ({', '.join(columns[: len(key)])})"
        f" DO UPDATE SET {', '.join(changes)}"
    )


@cache
def batch_sql(
    model: type[models.Model], key: Sequence[str], counter: str | None, vendor: str, count: int
) -> str:
    """Adds so many rows; PostgreSQL gets an array of each column, however many there are."""
    fields = _columns(model, key, counter)
    if vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        return upsert_sql(model, key, counter, f"SELECT * FROM unnest({arrays})")  # noqa: S608
    row = f"({', '.join(['%s'] * len(fields))})"
    return upsert_sql(model, key, counter, f"VALUES {', '.join([row] * count)}")


def upsert(
    model: type[models.Model],
    key: Sequence[str],
    counter: str | None,
    rows: Sequence[Sequence[Any]],
) -> None:
    vendor = connection.vendor
    for batch in batches(rows):
        if vendor == "postgresql":
            statements.write(
                batch_sql(model, key, counter, vendor, 0), list(zip(*batch, strict=True))
            )
        else:
            sql = batch_sql(model, key, counter, vendor, len(batch))
            statements.write(sql, [value for row in batch for value in row])


def batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
