from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms

from accounts.forms.lists import HiddenEnvironmentField, ListForm, UncheckedChoiceField
from accounts.forms.texts import NoteField
from credentials.models import AppAccess
from credentials.reports.credential_list import (
    CREDENTIAL_ORDERS,
    DEFAULT_CREDENTIAL_ORDER,
    CredentialFilter,
)

# A century. Longer periods would overflow dates.
MAX_DAYS = 36_500


class DaysField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        attrs = {"class": "input--short", "placeholder": "days", "inputmode": "numeric"}
        super().__init__(
            required=False,
            min_value=1,
            max_value=MAX_DAYS,
            widget=forms.NumberInput(attrs=attrs),
            **kwargs,
        )


class InventoryListForm(ListForm):
    orders, default_order = CREDENTIAL_ORDERS, DEFAULT_CREDENTIAL_ORDER

    owner = forms.CharField(label="Owner", required=False, max_length=100)
    app = forms.CharField(label="App name or client ID", required=False, max_length=100)
    environment = HiddenEnvironmentField()
    status = UncheckedChoiceField(
        choices=[
            ("active", "Active"),
            ("paused", "Paused"),
            ("expired", "Expired"),
            ("replaced", "Replaced"),
            ("revoked", "Revoked"),
        ]
    )
    app_access = UncheckedChoiceField(
        label="Authorized Apps",
        choices=[
            (AppAccess.ORGANIZATION.value, "All apps"),
            (AppAccess.SPECIFIC.value, "Specific apps"),
        ],
    )
    unused_days = DaysField(label="Unused for")
    expiring_days = DaysField(label="Expiring within")
    never_expires = forms.BooleanField(label="Never expires", required=False)
    refused_often = forms.BooleanField(label="Refused often", required=False)

    @property
    def wanted(self) -> CredentialFilter:
        words = ("owner", "app", "environment", "status", "app_access")
        return CredentialFilter(
            **{name: self.value_of(name) for name in words},
            unused_days=self.cleaned_data.get("unused_days"),
            expiring_days=self.cleaned_data.get("expiring_days"),
            never_expires=bool(self.value_of("never_expires")),
            refused_often=bool(self.value_of("refused_often")),
        )


def chosen_ids(values: Iterable[str]) -> list[UUID]:
    """The IDs of the selected credentials, each once, without values that are no ID."""
    ids = []
    for value in dict.fromkeys(values):
        with suppress(ValueError):
            ids.append(UUID(value))
    return ids


class RevokeCredentialsForm(forms.Form):
    reason = NoteField(
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "For example: the contract ended"}),
        help_text="We’ll add it to each credential’s history and include it in the email to "
        "its owner.",
        error_messages={"required": "Enter the reason for revoking them."},
    )
