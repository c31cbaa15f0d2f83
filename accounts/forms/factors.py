"""allauth's forms for the ways to sign in, in the words of the console."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import ResetPasswordKeyForm, SetPasswordForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms

from accounts.forms.texts import SeenTextField

_LABELS = {
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "Confirm new password",
}


class _InOurWords(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in _LABELS.items():
            if name in self.fields:
                self.fields[name].label = label
                # A placeholder that repeats the label disappears when people start to type.
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
        help_text="Helps you recognize the key in your list.",
        **kwargs,
    )


# Errors from reading text that isn't a key's answer. allauth expects only some of these.
_NO_ANSWER = (AttributeError, LookupError, TypeError, ValueError, RecursionError, struct.error)


@contextmanager
def _refused_beside_the_form() -> Iterator[None]:
    try:
        yield
    except _NO_ANSWER as error:
        raise get_adapter().validation_error("incorrect_code") from error


class KeyAnswerField(forms.JSONField):
    """A key's answer (Web Authentication, §5.1), as the page's script sends it."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        with _refused_beside_the_form():
            return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> None:
        return None  # A form that is shown again needs a new answer.


class _ByKey(forms.Form):
    credential = KeyAnswerField()

    def clean_credential(self) -> Authenticator:
        with _refused_beside_the_form():
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
            return found


class LoginByKeyForm(_ByKey, LoginWebAuthnForm):  # type: ignore[misc]
    pass


class AuthenticateByKeyForm(_ByKey, AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class ReauthenticateByKeyForm(_ByKey, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]
    credential = KeyAnswerField()
    # Optional, because the key exists before the name is sent, and allauth gives it a name.
    name = _name_field(required=False)
    passwordless = forms.BooleanField(
        label="Use it as a passkey",
        required=False,
        help_text="Lets you sign in without your password. The key asks for your fingerprint, "
        "face, or PIN.",
    )

    def clean(self) -> dict[str, Any]:
        with _refused_beside_the_form():
            cleaned: dict[str, Any] = super().clean()
            return cleaned


class RenameKeyForm(EditWebAuthnForm):  # type: ignore[misc]
    name = _name_field()
