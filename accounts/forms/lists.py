"""How every long list is filtered, sorted and paged.

    form = DeveloperListForm(request.GET)
    page = form.page(wanted_people(everyone, form.wanted), whole=everyone)
    return render(request, "...", {"form": form, "page": page})

The template loops over `page.rows` and includes `components/pagination.html`. The query string
holds the whole state of the list, and values that make no sense are ignored.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from django import forms
from django.db.models import Model, QuerySet
from django.http import QueryDict

from accounts.environments import Environment
from core.pagination import PAGE_SIZE, Order, page_of

Listed = TypeVar("Listed", bound=Model)
Choices = Iterable[tuple[str, str | list[tuple[str, str]]]]


class UncheckedChoiceField(forms.ChoiceField):
    """An optional choice whose first option asks for nothing."""

    def __init__(self, *, choices: Choices | Callable[[], Choices], **kwargs: Any) -> None:
        def with_any() -> list[Any]:
            return [("", "Any"), *(choices() if callable(choices) else choices)]

        super().__init__(choices=with_any, required=False, **kwargs)


class HiddenEnvironmentField(UncheckedChoiceField):
    """The environment of the switch in the header, which filters the list."""

    def __init__(self) -> None:
        super().__init__(choices=Environment.choices, widget=forms.HiddenInput)


class SearchField(forms.CharField):
    """An optional text to look for."""

    def __init__(self, *, label: str = "Name or email", **kwargs: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            max_length=100,
            widget=forms.SearchInput(attrs={"autocomplete": "off", "class": "input--medium"}),
            **kwargs,
        )


@dataclass(frozen=True)
class ListPage(Generic[Listed]):
    rows: list[Listed]
    previous_url: str
    next_url: str


class ListForm(forms.Form):
    """The query string of a list: filters, which subclasses add, and its order and place.

    `after` and `before` are the primary key of the row that the page begins beside.
    """

    orders: ClassVar[Mapping[str, Order]]
    default_order: ClassVar[str]
    page_size: ClassVar[int] = PAGE_SIZE
    fragment: ClassVar[str] = ""
    """Where on the page the list is, for a page that holds several lists."""

    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    after = forms.CharField(required=False, widget=forms.HiddenInput)
    before = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, prefix: str | None = None) -> None:
        data = data.copy()
        for name, values in data.lists():
            # No row holds a NUL, and PostgreSQL refuses to look for one.
            data.setlist(
                name, [value.replace("\x00", "\N{REPLACEMENT CHARACTER}") for value in values]
            )
        super().__init__(data, use_required_attribute=False, prefix=prefix)
        self.is_valid()

    def value_of(self, name: str) -> Any:
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
    def place(self) -> dict[str, str]:
        places = {name: self.value_of(name) for name in ("after", "before")}
        return {name: key for name, key in places.items() if key}

    def page(self, queryset: QuerySet[Listed], *, whole: QuerySet[Listed]) -> ListPage[Listed]:
        """The rows to show and the links to the pages beside them; `whole` as in `page_of`."""
        page = page_of(queryset, self.order, whole=whole, size=self.page_size, **self.place)
        return ListPage(
            page.rows,
            previous_url=self.url(before=page.before) if page.before else "",
            next_url=self.url(after=page.after) if page.after else "",
        )

    @property
    def filters(self) -> dict[str, str]:
        names = {name: self.add_prefix(name) for name in self.fields if name not in _PLACE}
        return {
            parameter: self.data[parameter]
            for name, parameter in names.items()
            if name not in self.errors and self.data.get(parameter)
        }

    @property
    def own_filters(self) -> dict[str, str]:
        """The filters that the form shows. The switch in the header shows the environment."""
        return {name: value for name, value in self.filters.items() if name != "environment"}

    @property
    def filter_query(self) -> str:
        return urlencode(self.filters)

    def url(self, **place: Any) -> str:
        return f"?{self.query(**place)}{self.fragment}"

    def query(self, **place: Any) -> str:
        if len(self.orders) > 1:
            place = {"sort": self.chosen_order, **place}
        filled = {self.add_prefix(name): value for name, value in place.items()}
        return urlencode(self.filters | filled)


_PLACE = {"sort", "after", "before"}
