"""The list of an API's operations: searched, grouped by tag, and divided into pages."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import ClassVar
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import QueryDict

from accounts.forms.lists import SearchField, UncheckedChoiceField
from accounts.platform.catalog import Api, Operation
from console.reference.apis import scopes_in_words

# If each of a thousand operations has its own tag, a choice of tags is no help.
TAGS_OFFERED = 60


@dataclass(frozen=True)
class Row:
    """An operation as the list shows it."""

    operation: Operation

    @property
    def scopes(self) -> str:
        return scopes_in_words(self.operation)

    @property
    def permission(self) -> str:
        permission = settings.PLATFORM.permissions.get(self.operation.permission)
        return permission.label if permission else ""


@dataclass(frozen=True)
class Group:
    """Operations with one tag; without a tag, the name is empty."""

    tag: str
    rows: list[Row]


class OperationListForm(forms.Form):
    """The query string of the list. Values that make no sense are ignored."""

    # With long paths, a page stays below 60 kB.
    page_size: ClassVar[int] = 40

    q = SearchField(label="Search")
    tag = UncheckedChoiceField(label="Tag", choices=[])

    def __init__(self, data: QueryDict, *, api: Api) -> None:
        super().__init__(data, use_required_attribute=False)
        self._api = api
        self._page_number = data.get("page")
        tags = list(dict.fromkeys(each.tag for each in api.operations if each.tag))
        if 1 < len(tags) <= TAGS_OFFERED:
            field = self.fields["tag"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = [("", "Any"), *((tag, tag) for tag in tags)]
        else:
            del self.fields["tag"]
        self.is_valid()

    @cached_property
    def filters(self) -> dict[str, str]:
        return {name: value for name, value in self.cleaned_data.items() if value}

    @cached_property
    def page(self) -> Page[Operation]:
        # Sorted by tag in the order of the document, so that each tag is one group.
        tags = list(dict.fromkeys(each.tag for each in self._api.operations))
        order = {tag: number for number, tag in enumerate(tags)}
        found = sorted(
            filter(self.is_wanted, self._api.operations),
            key=lambda operation: order[operation.tag],
        )
        return Paginator(found, self.page_size).get_page(self._page_number)

    @property
    def groups(self) -> list[Group]:
        groups = groupby(self.page.object_list, key=lambda operation: operation.tag)
        return [Group(tag, list(map(self.row_of, operations))) for tag, operations in groups]

    def row_of(self, operation: Operation) -> Row:
        return Row(operation)

    def is_wanted(self, operation: Operation) -> bool:
        if self.filters.get("tag", operation.tag) != operation.tag:
            return False
        words = self.filters.get("q", "").lower().split()
        return not words or all(word in _searched(operation) for word in words)

    @property
    def previous_url(self) -> str:
        return self._url(self.page.number - 1) if self.page.has_previous() else ""

    @property
    def next_url(self) -> str:
        return self._url(self.page.number + 1) if self.page.has_next() else ""

    def _url(self, page: int) -> str:
        return f"?{urlencode({**self.filters, 'page': page})}"


def _searched(operation: Operation) -> str:
    scopes = " ".join(scope for scopes in operation.scopes for scope in sorted(scopes))
    row = Row(operation)
    texts = (
        operation.method, operation.path, operation.summary, operation.id, operation.tag,
        scopes, row.scopes, operation.permission, row.permission, operation.limit_group,
    )  # fmt: skip
    return " ".join(texts).lower()
