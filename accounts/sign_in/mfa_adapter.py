"""How second factors differ from django-allauth's defaults."""

from typing import Any, ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from accounts.models import User
from core import vault


class FactorUnreadable(ValidationError):
    """A form shows this beside the code. A page that only counts codes leaves the number out."""

    silent_variable_failure = True


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is incorrect or was already used.",
        "incorrect_key": "We couldn’t verify the key. Try again.",
        "not_a_passkey": "This key is only a second factor, so it can’t replace your password. "
        "Use your password or a passkey.",
        "unverified_email": "Confirm your new email address first. Follow the link in the email.",
    }

    def encrypt(self, text: str) -> str:
        # People who can read the database must not be able to make codes.
        return vault.seal(text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return vault.unseal(encrypted_text).decode()
        except vault.Unreadable as error:
            raise FactorUnreadable(
                "We can’t check your codes right now. Use another way to sign in, or ask the "
                "operator of this console."
            ) from error

    def generate_authenticator_name(self, user: User, kind: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user=user, type=kind).count()
        return f"Key {count + 1}"
