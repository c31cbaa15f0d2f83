"""What long lists share: their whole state is the query string, and nonsense in it is ignored."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from core.pagination import Order


class UncheckedChoiceField(forms.ChoiceField):
    """An optional choice whose first option asks for nothing."""

    def __init__(
        self, *, choices: Iterable[tuple[str, str | list[tuple[str, str]]]], **kwargs: Any
    ) -> None:
        super().__init__(choices=[("", "Any"), *choices], required=False, **kwargs)


class ListForm(forms.Form):
    """Filters, order and place of a list with keyset pages."""

    orders: ClassVar[Mapping[str, Order]]
    default_order: ClassVar[str]

    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    # Subclasses add `after` and `before`: the primary key of a row that the page is next to.

    def __init__(self, data: QueryDict) -> None:
        data = data.copy()
        for name, values in data.lists():
            # No row holds a NUL, and PostgreSQL refuses to look for one.
            data.setlist(
                name, [value.replace("\x00", "\N{REPLACEMENT CHARACTER}") for value in values]
            )
        super().__init__(data, use_required_attribute=False)
        self.is_valid()

    def value_of(self, name: str) -> Any:
        """The cleaned value; an invalid one counts as omitted."""
        value = self.cleaned_data.get(name)
        return "" if value is None else value

    @property
    def chosen_order(self) -> str:
        sort: str = self.value_of("sort")
        return sort if sort in self.orders else self.default_order

    @property
    def order(self) -> Order:
        return self.orders[self.chosen_order]

    @property
    def place(self) -> dict[str, Any]:
        """Which page of the list, as `slice_of` takes it."""
        return {name: self.cleaned_data.get(name) for name in ("after", "before")}

    @property
    def filters(self) -> dict[str, str]:
        """The parameters of the filters as they came, without the empty ones."""
        left_out = {"sort", "after", "before"}
        return {
            name: self.data[name]
            for name in self.fields
            if name not in left_out and name not in self.errors and self.data.get(name)
        }

    @property
    def filter_query(self) -> str:
        """What the links of sortable headings add their order to."""
        return urlencode(self.filters)

    def url(self, **place: Any) -> str:
        """This list in this order at another place."""
        filled = {name: value for name, value in place.items() if value is not None}
        return f"?{urlencode({**self.filters, 'sort': self.chosen_order, **filled})}"
