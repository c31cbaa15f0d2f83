from typing import Any, cast

from django import forms
from django.conf import settings

from accounts.environments import Environment
from accounts.forms.lists import ListForm, SearchField
from accounts.forms.widgets import DescribedRadioSelect
from accounts.models import Extension
from accounts.models.extensions import ExtensionStatus
from accounts.platform.wording import role_in_words
from accounts.platform.words import later, word
from core.pagination import Order

STATUS_DESCRIPTIONS: dict[str, str] = {
    ExtensionStatus.ENABLED: "The person’s credentials work in this environment.",
    ExtensionStatus.DISABLED: later(
        lambda: (
            "All of this person’s credentials in this environment stop working on their next "
            f"request. They work again when you enable the {word('login')}."
        )
    ),
}


class ExtensionForm(forms.Form):
    user_role = forms.ChoiceField(
        label="User role",
        widget=DescribedRadioSelect({"class": "choices--cards"}),
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

    def __init__(self, data: Any = None, *, extension: Extension) -> None:
        super().__init__(
            data, initial={"user_role": extension.user_role, "status": extension.status}
        )
        roles = dict(settings.PLATFORM.roles)
        # A role that the platform no longer offers can stay until someone chooses another.
        roles.setdefault(extension.user_role, extension.role)
        field = cast(forms.ChoiceField, self.fields["user_role"])
        field.choices = [(role.id, role.label) for role in roles.values()]
        field.widget.descriptions = {role.id: role_in_words(role) for role in roles.values()}


class ExtensionListForm(ListForm):
    orders, default_order = {"number": Order(("extension_number",))}, "number"

    q = SearchField()
    environment = forms.ChoiceField(
        choices=Environment.choices, required=False, widget=forms.HiddenInput
    )

    @property
    def wanted_environment(self) -> Environment:
        return Environment(self.value_of("environment") or Environment.PRODUCTION)
