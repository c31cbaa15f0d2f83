from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.forms.memberships import account_admin_field, role_field
from accounts.forms.texts import AddressField
from accounts.models import Membership, User
from accounts.models.organizations import MembershipQuerySet
from credentials.models import Application

SUGGESTIONS = 100


class ChangeRoleForm(forms.Form):
    role = role_field()
    is_account_admin = account_admin_field()
    # The page that lists the credentials that stop working sets this.
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)


class TransferForm(forms.Form):
    applications = forms.MultipleChoiceField(
        label="Apps",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one app."},
    )
    new_owner = AddressField(
        label="Email of the new owner",
        widget=forms.EmailInput(attrs={"list": "developers", "autocomplete": "off"}),
        help_text="An active Developer or Developer Admin in your organization.",
    )

    def __init__(
        self, person: Membership, applications: Iterable[Application], data: Any = None
    ) -> None:
        choices = [(str(application.pk), application.name) for application in applications]
        super().__init__(data, initial={"applications": [value for value, _ in choices]})
        self.person = person
        self.fields["applications"].choices = choices  # type: ignore[attr-defined]

    @property
    def suggestions(self) -> list[User]:
        """The people that the field suggests. People can also type another address."""
        developers = self._candidates().select_related("user").order_by("user__email")
        return [developer.user for developer in developers[:SUGGESTIONS]]

    def clean_new_owner(self) -> Membership:
        found = self._candidates().filter(user__email=self.cleaned_data["new_owner"])
        new_owner = found.select_related("user").first()
        if new_owner is None:
            raise ValidationError("This person isn’t an active developer in your organization.")
        return new_owner

    def _candidates(self) -> MembershipQuerySet:
        return (
            Membership.objects.active_developers()
            .filter(organization=self.person.organization_id)
            .exclude(pk=self.person.pk)
        )
