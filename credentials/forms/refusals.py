from typing import Any

from django import forms

from credentials.jose import MAX_TOKEN_LENGTH


class ForgottenTextarea(forms.Textarea):
    """A field for a secret: what was sent is never put into the answer."""

    def format_value(self, value: Any) -> None:
        return None


class RequestIdForm(forms.Form):
    """By GET, so that a link can ask: request ids are no secrets."""

    request_id = forms.CharField(
        label="Request ID",
        max_length=64,
        help_text="The X-Request-Id header of the answer.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )


class TryJwtForm(forms.Form):
    """A JWT to look at and forget, with the client ID of the app that presents it."""

    jwt = forms.CharField(
        label="JWT",
        # Longer than ours are, so that the answer can say so.
        max_length=4 * MAX_TOKEN_LENGTH,
        help_text="Used once for the dry run; never stored, logged or shown.",
        widget=ForgottenTextarea(
            attrs={"autocomplete": "off", "spellcheck": "false", "rows": 4, "class": "input--mono"}
        ),
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=64,
        help_text="Of the app that exchanges the JWT.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )
