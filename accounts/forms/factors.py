"""allauth's forms for the ways to sign in, in the words of the console."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ResetPasswordForm as AllauthResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm, SetPasswordForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal.auth import parse_registration_response
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from fido2.cose import CoseKey

from accounts.actions.factors import use_code
from accounts.forms.texts import SeenTextField
from accounts.models import AuditKind
from accounts.sign_in.attempts import note_attempt
from accounts.sign_in.ceremonies import Ceremony, completing
from accounts.sign_in.passkeys import is_passkey
from core import email_addresses

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


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        return email_addresses.normalized(super().clean_login())


class RequestResetForm(AllauthResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        # allauth looks the account up by one spelling, and would send the link to the other.
        return email_addresses.normalized(super().clean_email())

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        note_attempt(request, AuditKind.RESET_REQUESTED, self.cleaned_data["email"])
        return str(super().save(request, **kwargs))


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
_NO_ANSWER = (
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
    struct.error,
)


@contextmanager
def _refused_beside_the_form() -> Iterator[None]:
    try:
        yield
    except _NO_ANSWER as error:
        raise get_adapter().validation_error("incorrect_key") from error
    except ValidationError as error:
        if error.code not in ("incorrect_code", "invalid"):
            raise
        raise get_adapter().validation_error("incorrect_key") from error


class KeyAnswerField(forms.JSONField):
    """A key's answer (Web Authentication, §5.1), as the page's script sends it."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        with _refused_beside_the_form():
            answer = super().to_python(value)
            if not isinstance(answer, dict) or not answer:
                raise TypeError
            return answer

    def bound_data(self, data: Any, initial: Any) -> None:
        return None  # A form that is shown again needs a new answer.


class _ByCode(forms.Form):
    """allauth's form, except that the database says which codes were used."""

    def clean_code(self) -> str:
        clear_limit = check_rate_limit(self.user)  # type: ignore[attr-defined]
        code: str = self.cleaned_data["code"]
        factors = Authenticator.objects.filter(user=self.user)  # type: ignore[attr-defined]
        for factor in factors.exclude(type=Authenticator.Type.WEBAUTHN):
            if use_code(factor, code):
                self.authenticator = factor
                clear_limit()
                return code
        raise get_adapter().validation_error("incorrect_code")


class AuthenticateByCodeForm(_ByCode, AuthenticateForm):  # type: ignore[misc]
    pass


class ReauthenticateByCodeForm(_ByCode, ReauthenticateForm):  # type: ignore[misc]
    pass


class _ByKey(forms.Form):
    ceremony: Ceremony
    credential = KeyAnswerField()

    def clean_credential(self) -> Authenticator:
        with completing(self.ceremony, self.user), _refused_beside_the_form():  # type: ignore[attr-defined]
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
            return found


class _ByPasskey(_ByKey):
    """For where a key alone is enough."""

    def clean_credential(self) -> Authenticator:
        found = super().clean_credential()
        if not is_passkey(found):
            raise get_adapter().validation_error("not_a_passkey")
        return found


class LoginByKeyForm(_ByPasskey, LoginWebAuthnForm):  # type: ignore[misc]
    ceremony = Ceremony.SIGN_IN


class AuthenticateByKeyForm(_ByKey, AuthenticateWebAuthnForm):  # type: ignore[misc]
    ceremony = Ceremony.SECOND_FACTOR


class ReauthenticateByKeyForm(_ByKey, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """The page decides whether the person has to enter their password first."""

    ceremony = Ceremony.STEP_UP


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
        with completing(Ceremony.REGISTRATION, self.user), _refused_beside_the_form():
            cleaned: dict[str, Any] = super().clean()
            if answer := cleaned.get("credential"):
                _require_usable_key(answer)
                # Not every browser says which kind it made. The page asked for the chosen one.
                chosen = bool(cleaned.get("passwordless"))
                answer["clientExtensionResults"] = {"credProps": {"rk": chosen}}
            return cleaned


def _require_usable_key(answer: dict[str, Any]) -> None:
    # The library accepts keys of any kind, but can't check the answers of some.
    data = parse_registration_response(answer).response.attestation_object.auth_data.credential_data
    if data.public_key.ALGORITHM not in CoseKey.supported_algorithms():
        raise ValueError


class RenameKeyForm(EditWebAuthnForm):  # type: ignore[misc]
    name = _name_field()
