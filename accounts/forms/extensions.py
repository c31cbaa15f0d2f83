from django import forms

from accounts.environments import Environment
from accounts.forms.lists import ListForm, SearchField
from accounts.forms.widgets import DescribedRadioSelect
from accounts.models.extensions import ExtensionStatus
from accounts.permissions import USER_ROLE_GRANTS, UserPermission, UserRole
from core.pagination import Order


def permissions_in_words(role: UserRole) -> str:
    grant = USER_ROLE_GRANTS[role]
    names = [permission.value for permission in UserPermission if permission in grant.permissions]
    if UserPermission.EDIT_USER_INFO in grant.permissions:
        names[-1] += " (everyone's)" if grant.edits_everyone else " (own)"
    return ", ".join(names)


STATUS_DESCRIPTIONS: dict[str, str] = {
    ExtensionStatus.ENABLED: "The person’s credentials work in this environment.",
    ExtensionStatus.DISABLED: (
        "All of this person’s credentials in this environment stop working on their next "
        "request. They work again when you enable the login."
    ),
}


class ExtensionForm(forms.Form):
    user_role = forms.TypedChoiceField(
        label="User role",
        coerce=UserRole,
        choices=UserRole.choices,
        widget=DescribedRadioSelect(
            {"class": "choices--cards"},
            descriptions={role: permissions_in_words(role) for role in UserRole},
        ),
        help_text=(
            "Determines what API calls can do on this person’s behalf, within the app’s scopes. "
            "Changes apply to the next call."
        ),
    )
    status = forms.TypedChoiceField(
        coerce=ExtensionStatus,
        choices=ExtensionStatus.choices,
        widget=DescribedRadioSelect({"class": "choices--cards"}, descriptions=STATUS_DESCRIPTIONS),
    )


class ExtensionListForm(ListForm):
    orders, default_order = {"number": Order(("extension_number",))}, "number"

    q = SearchField()
    environment = forms.ChoiceField(
        choices=Environment.choices, required=False, widget=forms.HiddenInput
    )

    @property
    def wanted_environment(self) -> Environment:
        return Environment(self.value_of("environment") or Environment.PRODUCTION)
