from accounts.forms.lists import HiddenEnvironmentField, ListForm, SearchField, UncheckedChoiceField
from accounts.roles import ConsoleRole
from credentials.reports.developer_list import (
    DEFAULT_DEVELOPER_ORDER,
    DEVELOPER_ORDERS,
    DeveloperFilter,
)


class DeveloperListForm(ListForm):
    orders, default_order = DEVELOPER_ORDERS, DEFAULT_DEVELOPER_ORDER

    q = SearchField()
    role = UncheckedChoiceField(label="Console role", choices=ConsoleRole.choices)
    # People with a platform login there.
    environment = HiddenEnvironmentField()
    mfa = UncheckedChoiceField(label="MFA", choices=[("on", "On"), ("off", "Off")])
    status = UncheckedChoiceField(choices=[("active", "Active"), ("deactivated", "Deactivated")])

    @property
    def wanted(self) -> DeveloperFilter:
        names = {"role", "environment", "mfa", "status"}
        chosen = {name: self.value_of(name) for name in names}
        return DeveloperFilter(text=self.value_of("q"), **chosen)
