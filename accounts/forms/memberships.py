from django import forms

from accounts.forms.lists import ListForm, SearchField, UncheckedChoiceField
from accounts.forms.widgets import DescribedRadioSelect
from accounts.platform.words import later, word
from accounts.roles import ROLE_GRANTS, ConsoleRole
from core.pagination import Order

ROLES_WITH_ACCESS = [
    (role.value, role.label) for role in ConsoleRole if role != ConsoleRole.NO_ACCESS
]


def role_field(choices: list[tuple[str, str]] | None = None) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label="Console role",
        coerce=ConsoleRole,
        choices=choices or ConsoleRole.choices,
        widget=DescribedRadioSelect({"class": "choices--cards"}, descriptions=ROLE_GRANTS),
    )


def account_admin_field() -> forms.BooleanField:
    return forms.BooleanField(
        label="Account administrator",
        required=False,
        help_text=later(
            lambda: (
                f"Lets this person decide who has access, manage {word('platform logins')} "
                "and policies, and view the audit log."
            )
        ),
    )


class PeopleListForm(ListForm):
    orders, default_order = {"email": Order(("user__email",))}, "email"
    # Three lists share the Access page, so each is shorter than a list with its own page.
    page_size = 15

    q = SearchField()
    role = UncheckedChoiceField(label="Console role", choices=ConsoleRole.choices)
