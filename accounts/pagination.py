"""Keyset pagination by one unique number: as fast on the last page as on the first. Pure."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

PAGE_SIZE = 50

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in ascending order, and the keys to ask for what comes before and after them."""

    rows: list[Row]
    before: int | None
    after: int | None


def keyset_page(
    queryset: QuerySet[Row],
    key: str,
    *,
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
) -> Page[Row]:
    """The rows that follow `after`, or those that lead up to `before`."""
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
