from typing import Any

from django import forms

from accounts.forms.widgets import DescribedCheckboxSelectMultiple, DescribedRadioSelect
from accounts.roles import ConsoleRole
from accounts.second_factor import SECOND_FACTOR_ROLES, Coverage
from credentials.forms.networks import NetworksField
from credentials.models import Policy
from credentials.models.policies import MAX_LIFETIME_DAYS


class PolicyForm(forms.Form):
    """The policy of one environment; `confirmed` proves that its consequences were shown."""

    max_lifetime_days = forms.IntegerField(
        label="Maximum lifetime in days",
        required=False,
        min_value=1,
        max_value=MAX_LIFETIME_DAYS,
        widget=forms.NumberInput(attrs={"class": "input--short"}),
        help_text=(
            "Optional. Checked when a credential is created and at every exchange, so it also "
            "stops older ones that live longer."
        ),
    )
    expiry_required = forms.BooleanField(
        label="An expiration date is required",
        required=False,
        help_text="Credentials that never expire stop. A maximum lifetime requires a date as well.",
    )
    all_apps_allowed = forms.BooleanField(
        label="Credentials for all apps of the organization are allowed",
        required=False,
        help_text="Without it every credential names the apps that may use it.",
    )
    creator_role = forms.ChoiceField(
        label="Who creates credentials?",
        choices=[
            (ConsoleRole.DEVELOPER, "Developers and Developer Admins"),
            (ConsoleRole.DEVELOPER_ADMIN, "Developer Admins only"),
        ],
        widget=DescribedRadioSelect(
            descriptions={
                ConsoleRole.DEVELOPER: "Developers create their own.",
                ConsoleRole.DEVELOPER_ADMIN: (
                    "Developers ask a Developer Admin, who creates it for them. Credentials that "
                    "exist keep working."
                ),
            }
        ),
    )
    allowed_networks = NetworksField(
        help_text=(
            "Optional. Networks that apps may call from, one on a line, like 192.0.2.0/24 or "
            "2001:db8::/32. Empty: from anywhere. A credential can allow fewer of its own."
        ),
    )
    confirmed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    @classmethod
    def values_of(cls, policy: Policy) -> dict[str, Any]:
        """What an unbound form of this policy shows."""
        return {name: getattr(policy, name) for name in cls.base_fields if name != "confirmed"}


class SecondFactorForm(forms.Form):
    """Console roles that need a second factor."""

    roles = forms.MultipleChoiceField(
        label="Who needs a second factor?",
        required=False,
        choices=list(SECOND_FACTOR_ROLES.items()),
        widget=DescribedCheckboxSelectMultiple,
        help_text=(
            "Whoever has none is led to set one up and can do nothing else in the console until "
            "then. Their credentials keep working."
        ),
    )

    def __init__(self, *args: Any, coverage: dict[str, Coverage], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = self.fields["roles"].widget
        assert isinstance(widget, DescribedCheckboxSelectMultiple)  # noqa: S101 - declared above
        widget.descriptions = {role: found.words for role, found in coverage.items()}
