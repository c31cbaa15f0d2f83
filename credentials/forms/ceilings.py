"""The ceiling of a credential: no ceiling, the app scopes that only read, or chosen ones."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from django import forms
from django.conf import settings

from accounts.forms.widgets import DescribedRadioSelect
from accounts.platform.operations import reading_scopes
from credentials.forms.scopes import ScopesField


class CeilingChoice(StrEnum):
    NONE = "none"
    READ_ONLY = "read-only"
    CHOSEN = "chosen"


_LABELS = {
    CeilingChoice.NONE: "All of the apps’ scopes",
    CeilingChoice.READ_ONLY: "Read-only",
    CeilingChoice.CHOSEN: "Only the scopes that I choose",
}
_DESCRIPTIONS = {
    CeilingChoice.NONE: "Each app can use every app scope that it has.",
    CeilingChoice.CHOSEN: "An app can use only these app scopes, even if it has others.",
}


class CeilingForm(forms.Form):
    """The part of the form of a credential that chooses its ceiling."""

    # Without a choice, the ceiling stays as it is: none for a new credential.
    ceiling_choice = forms.ChoiceField(
        label="What can apps do with this credential?",
        required=False,
        widget=DescribedRadioSelect(),
        help_text="The user permissions of the owner also limit what a call can do.",
    )
    ceiling = ScopesField(label="App scopes that the credential allows")

    def _offer_ceilings(self, held: Sequence[str] | None) -> None:
        scopes = self.fields["ceiling"]
        assert isinstance(scopes, ScopesField)  # noqa: S101 - declared above
        offered = settings.PLATFORM.scopes
        scopes.offer(no_longer_offered=[scope for scope in held or () if scope not in offered])
        self._held = held
        self.reading = list(reading_scopes(settings.PLATFORM))
        field = self.fields["ceiling_choice"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (choice.value, label)
            for choice, label in _LABELS.items()
            if self.reading or choice is not CeilingChoice.READ_ONLY
        ]
        widget = field.widget
        assert isinstance(widget, DescribedRadioSelect)  # noqa: S101 - declared above
        widget.descriptions = {
            **{choice.value: text for choice, text in _DESCRIPTIONS.items()},
            CeilingChoice.READ_ONLY.value: self._reading_in_words(),
        }
        self.initial.setdefault("ceiling_choice", self._choice_of(held).value)
        self.initial.setdefault("ceiling", held or [])

    def _reading_in_words(self) -> str:
        offered = settings.PLATFORM.scopes
        labels = ", ".join(offered[scope].label for scope in self.reading)
        return f"Only the app scopes that let apps read data: {labels}."

    def _choice_of(self, held: Sequence[str] | None) -> CeilingChoice:
        if held is None:
            return CeilingChoice.NONE
        is_reading = list(held) == self.reading
        return CeilingChoice.READ_ONLY if is_reading else CeilingChoice.CHOSEN

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_chosen = cleaned.get("ceiling_choice") == CeilingChoice.CHOSEN
        if is_chosen and not cleaned.get("ceiling") and "ceiling" not in self.errors:
            self.add_error("ceiling", "Choose at least one app scope.")
        return cleaned

    @property
    def chosen_ceiling(self) -> Sequence[str] | None:
        """None for no ceiling."""
        choice = self.cleaned_data["ceiling_choice"]
        if choice == CeilingChoice.CHOSEN:
            chosen: list[str] = self.cleaned_data["ceiling"]
            return chosen
        if choice == CeilingChoice.READ_ONLY:
            return self.reading
        return None if choice == CeilingChoice.NONE else self._held
