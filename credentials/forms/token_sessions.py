from accounts.environments import Environment
from accounts.forms.lists import ListForm, UncheckedChoiceField
from credentials.reports.token_sessions import LATEST_FIRST


class CredentialSessionListForm(ListForm):
    orders, default_order = {"-used": LATEST_FIRST}, "-used"


class ApplicationSessionListForm(CredentialSessionListForm):
    """`environment` chooses the client."""

    environment = UncheckedChoiceField(choices=Environment.choices)
