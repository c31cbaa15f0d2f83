"""Texts that people write for each other."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts import leaks


class NoteField(forms.CharField):
    """A text that refuses secrets, and does not show one again to whoever pasted it."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if leaks.holds_secret(value):
            raise ValidationError(leaks.MESSAGE, code="secret")

    def bound_data(self, data: Any, initial: Any) -> Any:
        bound = super().bound_data(data, initial)
        return leaks.without_secrets(bound) if isinstance(bound, str) else bound
