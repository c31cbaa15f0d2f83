"""allauth's forms, where they take a text that is shown to people."""

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms

from accounts.forms.texts import SeenTextField


def _name_field(**kwargs: Any) -> SeenTextField:
    return SeenTextField(
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="So that you recognize it in the list of your keys.",
        **kwargs,
    )


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]
    # Not required: the key is made before the name is sent, and allauth gives it one.
    name = _name_field(required=False)
    passwordless = forms.BooleanField(
        label="Use it as a passkey",
        required=False,
        help_text="It then signs you in by itself, without the password. The key asks for your "
        "fingerprint, face or PIN.",
    )


class RenameKeyForm(EditWebAuthnForm):  # type: ignore[misc]
    name = _name_field()
