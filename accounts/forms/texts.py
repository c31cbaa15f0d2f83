"""Fields for text that people write for each other."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core import email_addresses, leaks, texts


class SeenTextField(forms.CharField):
    """A text without invisible characters. Only a textarea allows line breaks."""

    def validate(self, value: str) -> None:
        super().validate(value)
        paragraphs = isinstance(self.widget, forms.Textarea)
        if fault := texts.fault_of(value, paragraphs=paragraphs):
            raise ValidationError(fault, code="unseen")


class AddressField(forms.EmailField):
    """An email address, in the spelling in which we store it."""

    def to_python(self, value: Any) -> str:
        return email_addresses.normalized(super().to_python(value) or "")


class NoteField(SeenTextField):
    """A text that also refuses secrets, and never shows one again after it was pasted."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if leaks.holds_secret(value):
            raise ValidationError(leaks.SECRET_MESSAGE, code="secret")

    def bound_data(self, data: Any, initial: Any) -> Any:
        bound = super().bound_data(data, initial)
        return leaks.without_secrets(bound) if isinstance(bound, str) else bound
