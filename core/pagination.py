"""Keyset pagination by one unique value: as fast on the last page as on the first. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

PAGE_SIZE = 25

Row = TypeVar("Row", bound=Model)
Key = int | str


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in ascending order, and the keys to ask for what comes before and after them."""

    rows: list[Row]
    before: Key | None
    after: Key | None


def keyset_page(
    queryset: QuerySet[Row],
    key: str,
    *,
    after: Key | None = None,
    before: Key | None = None,
    size: int = PAGE_SIZE,
) -> Page[Row]:
    """By one unique number: the rows that follow `after`, or those that lead up to `before`."""
    if before is not None and after is None:
        found = list(queryset.filter(**{f"{key}__lt": before}).order_by(f"-{key}")[: size + 1])
        rows = found[:size][::-1]
        has_before, has_after = len(found) > size, bool(rows)
    else:
        if after is not None:
            queryset = queryset.filter(**{f"{key}__gt": after})
        found = list(queryset.order_by(key)[: size + 1])
        rows = found[:size]
        has_before, has_after = after is not None and bool(rows), len(found) > size
    return Page(
        rows,
        before=getattr(rows[0], key) if has_before else None,
        after=getattr(rows[-1], key) if has_after else None,
    )


@dataclass(frozen=True)
class Order:
    """Columns or annotations that are never NULL, the last of them unique; all in one direction."""

    keys: tuple[str, ...]
    descending: bool = False

    def reversed(self) -> "Order":
        return Order(self.keys, not self.descending)

    @property
    def columns(self) -> list[str]:
        return [f"-{key}" if self.descending else key for key in self.keys]

    def beyond(self, values: Sequence[Any]) -> Q:
        """What comes after a row with these values: `a > x, or a = x and b > y`, and so on.

        The first column's bound is said once more on its own: an index is entered by it.
        """
        towards = "lt" if self.descending else "gt"
        condition = Q()
        for key, value in reversed(list(zip(self.keys, values, strict=True))):
            further = Q(**{f"{key}__{towards}": value})
            condition = further | (Q(**{key: value}) & condition) if condition else further
        return Q(**{f"{self.keys[0]}__{towards}e": values[0]}) & condition


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """Rows in the order of the list, and the primary keys to go on from at either end."""

    rows: list[Row]
    before: Any = None
    after: Any = None


def slice_of(
    queryset: QuerySet[Row],
    order: Order,
    *,
    whole: QuerySet[Row],
    after: Any = None,
    before: Any = None,
    size: int = PAGE_SIZE,
) -> Slice[Row]:
    """The rows that follow the row `after`, or that lead up to the row `before`.

    Those rows are looked up in `whole`, the list without its filters and with the annotations of
    the order: a link stays good when its row no longer matches. An unknown one is the first page.
    """
    start = before if before is not None and after is None else after
    values = start is not None and whole.filter(pk=start).values_list(*order.keys).first()
    backwards = bool(values) and start is before
    towards = order.reversed() if backwards else order
    if values:
        queryset = queryset.filter(towards.beyond(values))
    found = list(queryset.order_by(*towards.columns)[: size + 1])
    rows, more = found[:size], len(found) > size
    if backwards:
        rows.reverse()
    has_before, has_after = (more, bool(rows)) if backwards else (bool(values and rows), more)
    return Slice(
        rows,
        before=rows[0].pk if has_before else None,
        after=rows[-1].pk if has_after else None,
    )
