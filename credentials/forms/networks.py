from typing import Any

from django import forms

from core import networks

# Fifty of the longest networks, each on a line.
MAX_TEXT = 2500


class NetworksField(forms.CharField):
    """Networks in CIDR notation, one per line; the value is a list in canonical spelling."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Allowed networks",
            required=False,
            max_length=MAX_TEXT,
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input--mono"}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return networks.canonical_networks(networks.entries_of(super().clean(value)))
