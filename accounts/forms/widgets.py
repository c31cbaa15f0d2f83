"""Choices that explain each option, and say why an option isn't available."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms


@dataclass(frozen=True)
class Disabled:
    """Why an option isn't available, and a link to fix that."""

    reason: str
    link_url: str = ""
    link_text: str = ""


class _Described(forms.widgets.ChoiceWidget):
    def __init__(
        self,
        attrs: dict[str, Any] | None = None,
        *,
        descriptions: Mapping[Any, str] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.descriptions = {str(value): text for value, text in (descriptions or {}).items()}
        self.links: Mapping[str, Sequence[tuple[str, str]]] = {}
        """The URLs and texts of the links below an option."""
        self.disabled: dict[str, Disabled] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["description"] = self.descriptions.get(str(value), "")
        option["links"] = self.links.get(str(value), ())
        if (disabled := self.disabled.get(str(value))) is not None:
            option["attrs"]["disabled"] = True
            option["disabled_reason"] = disabled.reason
            option["disabled_link_url"] = disabled.link_url
            option["disabled_link_text"] = disabled.link_text
        return option


class DescribedRadioSelect(_Described, forms.RadioSelect):
    template_name = "components/described_radio.html"


class DescribedCheckboxSelectMultiple(_Described, forms.CheckboxSelectMultiple):
    template_name = "components/described_checkbox.html"


# In a shorter list, people see every option at once.
FILTERED_FROM = 8


class FilteredCheckboxSelectMultiple(DescribedCheckboxSelectMultiple):
    """Has a field that hides the options without the words that someone enters."""

    template_name = "components/filtered_checkbox.html"

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(*args, **kwargs)
        widget = context["widget"]
        widget["is_long"] = sum(len(group[1]) for group in widget["optgroups"]) >= FILTERED_FROM
        return context
