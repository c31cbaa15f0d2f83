"""What second factors by django-allauth do differently here."""

from typing import Any, ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from accounts.models import User
from core import vault


class FactorUnreadable(ValidationError):
    """A form says so beside the code; a page that only counts codes leaves the number out."""

    silent_variable_failure = True


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_generate_recovery_codes": "Recovery codes stand in for a second factor: set up an "
        "authenticator app or a key first.",
        "incorrect_code": "This code is wrong, or was used already.",
        "unverified_email": "Confirm your new email address first: follow the link in the mail.",
    }

    def encrypt(self, text: str) -> str:
        """Whoever reads the database must not be able to make anybody's codes."""
        return vault.seal(text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return vault.unseal(encrypted_text).decode()
        except vault.Unreadable as error:
            raise FactorUnreadable(
                "Your codes can't be checked at the moment. Use another way to sign in, or ask "
                "whoever operates the console."
            ) from error

    def generate_authenticator_name(self, user: User, kind: Authenticator.Type) -> str:
        """The name that the form for a new key suggests."""
        count = Authenticator.objects.filter(user=user, type=kind).count()
        return f"Key {count + 1}"
