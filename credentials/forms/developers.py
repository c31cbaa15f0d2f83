from django import forms

from accounts.environments import Environment
from accounts.forms.lists import ListForm, UncheckedChoiceField
from accounts.roles import ConsoleRole
from credentials.reports.developers import DEFAULT_ORDER, ORDERS, WantedPeople

# A 64-bit number; a larger one in a link names no page.
MAX_ID = 2**63 - 1


class DeveloperFilterForm(ListForm):
    """The query string of the list of people."""

    orders, default_order = ORDERS, DEFAULT_ORDER

    q = forms.CharField(
        label="Name or email",
        required=False,
        max_length=100,
        widget=forms.SearchInput(attrs={"autocomplete": "off"}),
    )
    role = UncheckedChoiceField(label="Console role", choices=ConsoleRole.choices)
    environment = UncheckedChoiceField(label="Has an account in", choices=Environment.choices)
    mfa = UncheckedChoiceField(label="MFA", choices=[("on", "On"), ("off", "Off")])
    status = UncheckedChoiceField(choices=[("active", "Active"), ("deactivated", "Deactivated")])
    after = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID)
    before = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID)

    @property
    def wanted(self) -> WantedPeople:
        names = {"role", "environment", "mfa", "status"}
        chosen = {name: self.value_of(name) for name in names}
        return WantedPeople(text=self.value_of("q"), **chosen)
