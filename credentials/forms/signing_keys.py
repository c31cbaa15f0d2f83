from typing import Any

from django import forms

from accounts.forms.widgets import DescribedRadioSelect

PLANNED, COMPROMISED = "planned", "compromised"


class RotateSigningKeyForm(forms.Form):
    """Why a signing key is rotated; `kid` is the current key that the operator saw."""

    reason = forms.ChoiceField(
        label="Why are you rotating it?",
        choices=[(PLANNED, "Planned rotation"), (COMPROMISED, "The key is compromised")],
        widget=DescribedRadioSelect({"class": "choices--cards"}),
    )
    kid = forms.CharField(max_length=43, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, descriptions: dict[str, str], kid: str = "") -> None:
        super().__init__(data, initial={"kid": kid, "reason": PLANNED})
        widget = self.fields["reason"].widget
        assert isinstance(widget, DescribedRadioSelect)  # noqa: S101 - declared above
        widget.descriptions = descriptions

    @property
    def is_compromised(self) -> bool:
        return bool(self.cleaned_data["reason"] == COMPROMISED)
