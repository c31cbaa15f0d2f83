from typing import Any

from django import forms
from django.http import QueryDict

from credentials.models import Client

# How many apps a choice lists; an organization may have thousands.
APPS_OFFERED = 100


class ExchangeTestForm(forms.Form):
    """Which app to test with; with a client secret the exchange is real."""

    client_id = forms.ChoiceField(label="App")
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=True,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "input--mono"}),
        help_text=(
            "Leave this empty for a dry run of every check. If you enter the secret, we do "
            "a real exchange. We use the secret once and never store it."
        ),
    )

    def __init__(
        self, data: QueryDict | None = None, *, clients: list[Client], **kwargs: Any
    ) -> None:
        # Beside the form of the credential, which has a field `client_id` too.
        super().__init__(data, auto_id="id_test_%s", **kwargs)
        field = self.fields["client_id"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (client.client_id, f"{client.application.name} ({client.client_id})")
            for client in clients
        ]
        if len(clients) >= APPS_OFFERED:
            field.help_text = (
                f"The first {APPS_OFFERED} apps by name. For another one, add ?client_id= and "
                "its client ID to the URL of this page."
            )
