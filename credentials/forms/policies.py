from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.forms import BoundField

from accounts.forms.widgets import DescribedCheckboxSelectMultiple, DescribedRadioSelect
from accounts.roles import ConsoleRole
from accounts.second_factor import SECOND_FACTOR_ROLES, Coverage
from core.docs_links import docs_path, with_docs
from credentials.forms.networks import NetworksField
from credentials.models import Policy
from credentials.models.policies import MAX_LIFETIME_DAYS
from credentials.policy_rules import RULES


class PolicyForm(forms.Form):
    """One field for each rule, by its name; `confirmed` proves that consequences were shown."""

    max_lifetime_days = forms.IntegerField(
        label="Maximum lifetime in days",
        required=False,
        min_value=1,
        max_value=MAX_LIFETIME_DAYS,
        widget=forms.NumberInput(attrs={"class": "input--short"}),
        help_text=with_docs(
            "Optional. Every credential then needs an expiration date. Existing credentials that "
            "last longer stop working.",
            "What each policy refuses",
            docs_path("reference/policies", "credential-policies"),
        ),
    )
    expiry_required = forms.BooleanField(
        label="Require an expiration date",
        required=False,
        help_text="Existing credentials that never expire stop working.",
    )
    all_apps_allowed = forms.BooleanField(
        label="Allow credentials for all apps in the organization",
        required=False,
        help_text="If you turn this off, every credential has to name the apps that can use it.",
    )
    creator_role = forms.ChoiceField(
        label="Who can create credentials?",
        choices=[
            (ConsoleRole.DEVELOPER, "Developers and Developer Admins"),
            (ConsoleRole.DEVELOPER_ADMIN, "Developer Admins only"),
        ],
        widget=DescribedRadioSelect(
            descriptions={
                ConsoleRole.DEVELOPER: "Developers create their own credentials.",
                ConsoleRole.DEVELOPER_ADMIN: (
                    "Developers ask a Developer Admin to create credentials for them. Existing "
                    "credentials keep working."
                ),
            }
        ),
    )
    allowed_networks = NetworksField(
        help_text=(
            "Optional. Apps can call only from these networks. Enter one per line, like "
            "192.0.2.0/24 or 2001:db8::/32. If you leave this empty, apps can call from anywhere. "
            "A credential can narrow these networks further."
        ),
    )
    confirmed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    @classmethod
    def values_of(cls, policy: Policy) -> dict[str, Any]:
        """The initial values of the form."""
        return {rule.name: getattr(policy, rule.name) for rule in RULES}

    @property
    def rule_fields(self) -> list[BoundField]:
        return [self[rule.name] for rule in RULES]

    @property
    def sections(self) -> Iterator[tuple[str, list[BoundField]]]:
        """Each heading with the fields below it."""
        for heading, rules in groupby(RULES, key=lambda rule: rule.section):
            yield heading, [self[rule.name] for rule in rules]


class SecondFactorForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label="Who needs a second factor?",
        required=False,
        choices=list(SECOND_FACTOR_ROLES.items()),
        widget=DescribedCheckboxSelectMultiple,
        help_text=with_docs(
            "People without a second factor have to set one up before they can do anything else "
            "in the console. Their credentials keep working.",
            "How a second factor is required",
            docs_path("reference/policies", "second-factor"),
        ),
    )

    def __init__(self, *args: Any, coverage: dict[str, Coverage], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = self.fields["roles"].widget
        assert isinstance(widget, DescribedCheckboxSelectMultiple)  # noqa: S101 - declared above
        widget.descriptions = {role: found.words for role, found in coverage.items()}
