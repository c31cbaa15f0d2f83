from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import ValidationError

from accounts.forms.lists import ListForm
from accounts.forms.memberships import ROLES_WITH_ACCESS, account_admin_field, role_field
from accounts.forms.texts import AddressField
from accounts.forms.users import ProfileForm
from accounts.models import Invitation, Membership, User


class InviteForm(forms.Form):
    email = AddressField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="We’ll send the invitation to this address. It works once and expires after "
        "seven days.",
    )
    role = role_field(ROLES_WITH_ACCESS)
    is_account_admin = account_admin_field()


class InvitationListForm(ListForm):
    orders, default_order = {"-created": Invitation.NEWEST_FIRST}, "-created"
    page_size = 10
    fragment = "#invitations"


class AcceptInvitationForm(ProfileForm):
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    password_again = forms.CharField(
        label="Confirm password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, invitation: Invitation, data: Any = None) -> None:
        super().__init__(data)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        password = cleaned.get("password")
        if password:
            self._judge(password)
        again = cleaned.get("password_again")
        if password and again and password != again:
            self.add_error("password_again", "The passwords don’t match.")
        return cleaned

    def _judge(self, password: str) -> None:
        user = User(
            email=self.invitation.email,
            first_name=self.cleaned_data.get("first_name", ""),
            last_name=self.cleaned_data.get("last_name", ""),
        )
        # The name of the organization is easy to guess too.
        Membership(user=user, organization=self.invitation.organization)
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.add_error("password", error)
