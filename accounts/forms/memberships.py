from django import forms

from accounts.forms.widgets import DescribedRadioSelect
from accounts.roles import ROLE_GRANTS, ConsoleRole

ROLES_WITH_ACCESS = [
    (role.value, role.label) for role in ConsoleRole if role != ConsoleRole.NO_ACCESS
]


def role_field(choices: list[tuple[str, str]] | None = None) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Console role",
        choices=choices or ConsoleRole.choices,
        widget=DescribedRadioSelect({"class": "choices--cards"}, descriptions=ROLE_GRANTS),
    )


def account_admin_field() -> forms.BooleanField:
    return forms.BooleanField(
        label="Account administrator",
        required=False,
        help_text="Decides who has access, sets platform logins and policies, reads the audit log.",
    )


class PeopleFilterForm(forms.Form):
    """The query string of the list of people; what makes no sense in it is ignored."""

    q = forms.CharField(
        label="Name or email",
        required=False,
        max_length=100,
        widget=forms.SearchInput(attrs={"class": "input--medium"}),
    )
    role = forms.ChoiceField(
        label="Console role", required=False, choices=[("", "Any"), *ConsoleRole.choices]
    )
    after = forms.CharField(required=False, max_length=254)
    before = forms.CharField(required=False, max_length=254)
    invitations_after = forms.UUIDField(required=False)
