"""allauth's forms of the ways to sign in, in the words of the console."""

from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import ResetPasswordKeyForm, SetPasswordForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms

from accounts.forms.texts import SeenTextField

_LABELS = {
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "The same password again",
}


class _InOurWords(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in _LABELS.items():
            if name in self.fields:
                self.fields[name].label = label
                # A placeholder that repeats the label is gone when it is needed.
                self.fields[name].widget.attrs.pop("placeholder", None)


class ChangePasswordForm(_InOurWords, AllauthChangePasswordForm):  # type: ignore[misc]
    pass


class FirstPasswordForm(_InOurWords, SetPasswordForm):  # type: ignore[misc]
    pass


class PasswordFromLinkForm(_InOurWords, ResetPasswordKeyForm):  # type: ignore[misc]
    pass


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
