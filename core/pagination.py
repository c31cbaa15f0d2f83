"""Keyset pagination: a page begins beside a row, so the last page is as fast as the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

PAGE_SIZE = 25

Listed = TypeVar("Listed", bound=Model)


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
class Page(Generic[Listed]):
    """Rows in the order of the list, and the primary keys to continue from at either end."""

    rows: list[Listed]
    before: Any = None
    after: Any = None


def page_of(
    queryset: QuerySet[Listed],
    order: Order,
    *,
    whole: QuerySet[Listed],
    after: Any = None,
    before: Any = None,
    size: int = PAGE_SIZE,
) -> Page[Listed]:
    """The rows that follow the row `after`, or that lead up to the row `before`.

    `after` and `before` are primary keys, also as text from a link. Those rows are looked up in
    `whole`, the list without its filters and with the annotations of the order: a link keeps
    working when its row no longer matches. An unknown row means the first page.
    """
    backwards = before is not None and after is None
    values = _values_of(before if backwards else after, whole, order)
    backwards = backwards and values is not None
    towards = order.reversed() if backwards else order
    if values:
        queryset = queryset.filter(towards.beyond(values))
    found = list(queryset.order_by(*towards.columns)[: size + 1])
    rows, more = found[:size], len(found) > size
    if backwards:
        rows.reverse()
        has_before, has_after = more, bool(rows)
    else:
        has_before, has_after = bool(values and rows), more
    return Page(
        rows,
        before=rows[0].pk if has_before else None,
        after=rows[-1].pk if has_after else None,
    )


def _values_of(key: Any, whole: QuerySet[Listed], order: Order) -> tuple[Any, ...] | None:
    try:
        key = whole.model._meta.pk.to_python(key)
    except ValidationError:
        return None
    if key is None:
        return None
    return whole.filter(pk=key).values_list(*order.keys).first()
