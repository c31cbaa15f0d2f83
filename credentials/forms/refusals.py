import re
from typing import Any

from django import forms

from accounts.forms.texts import SeenTextField
from core.docs_links import docs_path, with_docs
from credentials.jose import MAX_TOKEN_LENGTH


class ForgottenTextarea(forms.Textarea):
    """A field for a secret: the page that answers never holds what was sent."""

    def format_value(self, value: Any) -> None:
        return None


_REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class RequestIdForm(forms.Form):
    """Finds the request ID in a header or a log line too.

    It comes with GET, so that a link can ask: a request ID is no secret.
    """

    request_id = forms.CharField(
        label="Request ID",
        max_length=1000,
        help_text=with_docs(
            "The X-Request-Id header of the response. You can paste the whole line.",
            "Where to find it",
            docs_path("how-to/find-out-why-a-call-failed", "with-the-request-id"),
        ),
        error_messages={"required": "Paste the request ID."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )

    def clean_request_id(self) -> str:
        found = _REQUEST_ID.search(self.cleaned_data["request_id"])
        if found is None:
            raise forms.ValidationError(
                "We couldn’t find a request ID in this text. A request ID looks like "
                "1b9f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d."
            )
        return found[0].lower()


class PastedJwtForm(forms.Form):
    """A JWT for one dry run, with the client ID of the app that exchanges it."""

    jwt = forms.CharField(
        label="JWT",
        # The dry run says whether the text ends with a line break.
        strip=False,
        # Longer than our JWTs, so that the dry run can say that a JWT is too long.
        max_length=4 * MAX_TOKEN_LENGTH,
        help_text="We use it once, for the dry run. We never store, log, or show it.",
        error_messages={"required": "Paste the JWT."},
        widget=ForgottenTextarea(
            attrs={"autocomplete": "off", "spellcheck": "false", "rows": 4, "class": "input--mono"}
        ),
    )
    client_id = SeenTextField(
        label="Client ID",
        max_length=64,
        help_text="The client ID of the app that exchanges the JWT.",
        error_messages={"required": "Enter the client ID of the app."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
        ),
    )
