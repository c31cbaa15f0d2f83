from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Page, Paginator
from django.http import QueryDict

from accounts.forms.lists import UncheckedChoiceField
from credentials.models import Client, JwtCredential
from credentials.reports.abilities import Ability, ApiAbilities, abilities


class AbilityListForm(forms.Form):
    """The query string of the list of operations. Values that make no sense are ignored."""

    # With long paths, a page stays below 60 kB.
    page_size: ClassVar[int] = 40

    api = UncheckedChoiceField(label="API", choices=[])
    client_id = UncheckedChoiceField(label="App", choices=[])

    def __init__(
        self, data: QueryDict, *, credential: JwtCredential, clients: Sequence[Client]
    ) -> None:
        super().__init__(data, use_required_attribute=False)
        client_id = data.get("client_id")
        chosen = [client for client in clients if client.client_id == client_id]
        self.apis = abilities(credential, chosen or clients)
        found = (each for each in self.apis if each.id == data.get("api"))
        self.api_abilities: ApiAbilities | None = next(found, next(iter(self.apis), None))
        self._query = {
            "api": self.api_abilities.id if self.api_abilities else "",
            "client_id": chosen[0].client_id if chosen else "",
        }
        self._page_number = data.get("page")
        apps = [(client.client_id, client.application.name) for client in clients]
        self._choose("api", [(each.id, each.label) for each in self.apis])
        self._choose("client_id", [("", "Any of its apps"), *apps])
        self.data = self._query

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    @property
    def page(self) -> Page[Ability]:
        listed = self.api_abilities.abilities if self.api_abilities else []
        return Paginator(listed, self.page_size).get_page(self._page_number)

    @property
    def previous_url(self) -> str:
        return self._url(self.page.number - 1) if self.page.has_previous() else ""

    @property
    def next_url(self) -> str:
        return self._url(self.page.number + 1) if self.page.has_next() else ""

    def _url(self, number: int) -> str:
        return f"?{urlencode({**self._query, 'page': number})}"
