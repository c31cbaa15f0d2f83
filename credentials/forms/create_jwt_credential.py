import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.forms.widgets import DescribedRadioSelect, Disabled
from accounts.models import Membership
from accounts.platform.words import word
from credentials.forms.permitted_apps import PermittedAppsForm
from credentials.forms.policy_limits import limit_fields
from credentials.models import Policy
from credentials.policy_rules import Stage, refusal_of_creator, requirements

_KEY_MISSING = "The form was incomplete. Check your entries, and choose Create JWT again."


class CreateJwtCredentialForm(PermittedAppsForm):
    environment = forms.ChoiceField(
        choices=Environment.choices,
        widget=DescribedRadioSelect(
            attrs={"class": "choices--row"},
            descriptions={
                Environment.SANDBOX: "For development and testing.",
                Environment.PRODUCTION: "For your company’s live data.",
            },
        ),
        error_messages={"required": "Choose the environment this credential works in."},
    )
    expires_on = forms.DateField(
        label="Expiration Date (UTC)",
        required=False,
        # Only this format: 10/12/2027 means different days in the US and in Europe.
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        help_text=(
            "Optional. The credential works until the end of this day. Without a date, it never "
            "expires."
        ),
        error_messages={"invalid": "Enter a date like 2027-03-31."},
    )
    submission_key = forms.UUIDField(
        widget=forms.HiddenInput,
        initial=uuid.uuid4,
        error_messages={"required": _KEY_MISSING, "invalid": _KEY_MISSING},
    )

    field_order = (
        "label", "environment", "app_access", "client_id", "ceiling_choice", "ceiling",
        "expires_on", "allowed_networks",
    )  # fmt: skip

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        owner: Membership,
        creator: Membership,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, owner=owner, **kwargs)
        policies = Policy.objects.by_environment(owner.organization_id)
        unavailable = unavailable_environments(owner, creator=creator, policies=policies)
        widget = self.fields["environment"].widget
        assert isinstance(widget, DescribedRadioSelect)  # noqa: S101 - declared above
        widget.disabled = {str(environment): why for environment, why in unavailable.items()}
        available = [environment for environment in Environment if environment not in unavailable]
        if available and self.initial.get("environment") not in available:
            self.initial["environment"] = available[0]
        self.policies = {environment: policies[environment] for environment in available}
        if self.policies:
            limit_fields(self, self.policies, Stage.CREATION, timezone.now())

    @property
    def policy_requirements(self) -> list[tuple[Environment, str, list[str]]]:
        """The environment, a title and the requirements of each policy that sets a limit."""
        return [
            (where, f"Your organization’s policy for {where.label.lower()}", found)
            for where, policy in self.policies.items()
            if (found := requirements(policy))
        ]

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        # A key that was used or is missing would refuse the corrected form as well.
        if field in (None, "submission_key"):
            self._set("submission_key", str(uuid.uuid4()))

    @property
    def choices(self) -> dict[str, Any]:
        return super().choices | {
            "environment": Environment(self.cleaned_data["environment"]),
            "expires_on": self.cleaned_data["expires_on"],
            "submission_key": self.cleaned_data["submission_key"],
        }

    @property
    def chosen_environment(self) -> Environment | None:
        value = self.data.get("environment")
        return Environment(value) if value in Environment.values else None


def unavailable_environments(
    owner: Membership, *, creator: Membership, policies: Mapping[Environment, Policy]
) -> dict[Environment, Disabled]:
    """The environments where `creator` can't create a credential for this person, and why."""
    extensions = {
        extension.environment: extension
        for extension in owner.user.extensions.select_related("account")
    }
    unavailable = {}
    for environment in Environment:
        extension = extensions.get(environment)
        if extension is None or not extension.is_enabled:
            unavailable[environment] = _without_account(
                owner, environment, is_own=owner == creator, is_disabled=extension is not None
            )
        elif (refusal := refusal_of_creator(policies[environment], creator)) is not None:
            unavailable[environment] = Disabled(refusal)
    return unavailable


def _without_account(
    owner: Membership, environment: Environment, *, is_own: bool, is_disabled: bool
) -> Disabled:
    where, account = environment.label.lower(), word("account")
    if is_disabled:
        whose = "Your" if is_own else f"{owner.user.name}’s"
        return Disabled(
            f"{whose} {where} {account} is disabled. An account administrator can enable it."
        )
    who = "You don’t" if is_own else f"{owner.user.name} doesn’t"
    if is_own and environment is Environment.SANDBOX:
        address = reverse("accounts:sandbox_account")
        return Disabled(
            f"{who} have a {where} {account} yet.", address, f"Create sandbox {account}"
        )
    return Disabled(f"{who} have a {where} {account} yet.")
