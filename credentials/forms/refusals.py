import re
from typing import Any

from django import forms

from credentials.jose import MAX_TOKEN_LENGTH


class ForgottenTextarea(forms.Textarea):
    """A field for a secret: what was sent is never put into the answer."""

    def format_value(self, value: Any) -> None:
        return None


_REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class RequestIdForm(forms.Form):
    """By GET, so that a link can ask: request ids are no secrets.

    Whoever pastes the whole header, or a log line with it, means the ID in it.
    """

    request_id = forms.CharField(
        label="Request ID",
        max_length=1000,
        help_text="The X-Request-Id header of the answer; the whole line will do.",
        error_messages={"required": "Paste the request ID."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )

    def clean_request_id(self) -> str:
        found = _REQUEST_ID.search(self.cleaned_data["request_id"])
        if found is None:
            raise forms.ValidationError(
                "There is no request ID in this. It looks like "
                "1b9f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d."
            )
        return found[0].lower()


class TryJwtForm(forms.Form):
    """A JWT to look at and forget, with the client ID of the app that presents it."""

    jwt = forms.CharField(
        label="JWT",
        # Longer than ours are, so that the answer can say so.
        max_length=4 * MAX_TOKEN_LENGTH,
        help_text="Used once for the dry run; never stored, logged or shown.",
        error_messages={"required": "Paste the JWT."},
        widget=ForgottenTextarea(
            attrs={"autocomplete": "off", "spellcheck": "false", "rows": 4, "class": "input--mono"}
        ),
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=64,
        help_text="Of the app that exchanges the JWT.",
        error_messages={"required": "Enter the client ID of the app."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )
