import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.forms.lists import ListForm
from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedRadioSelect, Disabled
from accounts.models import Membership
from credentials.actions.jwt_credentials import creator_refusal, permittable_client
from credentials.forms.networks import NetworksField
from credentials.models import AppAccess, Client, JwtCredential, Policy
from credentials.policy_rules import requirements
from credentials.reports.inventory import DEFAULT_ORDER, ORDERS_OF_ONE

_ACCESS_DESCRIPTIONS = {
    AppAccess.ORGANIZATION: (
        "Allow this credential to be used to authenticate to any application built by your "
        "organization."
    ),
    AppAccess.SPECIFIC: (
        "Allow this credential to be used only by select applications identified by their "
        "client ID. Choose this before you share the JWT with anyone outside your organization."
    ),
}

_ALL_APPS_FORBIDDEN = (
    "Your organization's policy does not allow credentials for all apps. Choose specific apps."
)
_EXPIRY_REQUIRED = "Your organization's policy requires an expiration date."


def _client_ids(data: QueryDict) -> list[str]:
    """The hidden fields of the list; PostgreSQL would refuse to look for a NUL."""
    return [
        value.replace("\x00", "\N{REPLACEMENT CHARACTER}") for value in data.getlist("client_ids")
    ]


# How many apps a choice lists; an organization may have thousands.
APPS_OFFERED = 100


class JwtCredentialListForm(ListForm):
    """The query string of one person's credentials."""

    orders, default_order = ORDERS_OF_ONE, DEFAULT_ORDER

    after = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)


class PermittedAppsForm(forms.Form):
    """Label and app access: what can be chosen at creation and changed later.

    With `only_apps` nothing but the client ID field is checked: *Add app* must not complain
    about fields that the person has not come to yet.
    """

    label = NoteField(
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Where you use this key, so that you recognize it later.",
        error_messages={"required": "Give the credential a label."},
    )
    app_access = forms.ChoiceField(
        label="What apps are permitted to use this credential?",
        choices=AppAccess.choices,
        widget=DescribedRadioSelect(descriptions=_ACCESS_DESCRIPTIONS),
        error_messages={"required": "Choose which apps may use this credential."},
    )
    client_id = forms.CharField(
        label="Client ID",
        required=False,
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "placeholder": "Enter client ID",
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
                "class": "input--mono",
                "data-enter-clicks": "#add-app",
            }
        ),
    )

    allowed_networks = NetworksField(
        help_text=(
            "Optional. Networks your apps call from, one on a line, like 192.0.2.0/24 or "
            "2001:db8::/32. Empty: from anywhere."
        ),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        owner: Membership,
        listed: Iterable[Client] = (),
        only_apps: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(data.copy() if data is not None else None, **kwargs)
        self.owner = owner
        self.only_apps = only_apps
        # Read once: the page names the apps that the form starts with.
        self._known = {client.client_id: client for client in listed} if data is None else {}
        self.listed = list(self._known) if data is None else _client_ids(data)
        self.announcement = ""

    def _limit_apps(self, policies: Mapping[Environment, Policy]) -> None:
        """Say beside *All apps* where the policy forbids it; disable it if that is everywhere."""
        forbidden = [where for where, policy in policies.items() if not policy.all_apps_allowed]
        widget = self.fields["app_access"].widget
        assert isinstance(widget, DescribedRadioSelect)  # noqa: S101 - declared above
        if not forbidden:
            return
        if len(forbidden) == len(policies):
            widget.disabled = {AppAccess.ORGANIZATION: Disabled(_ALL_APPS_FORBIDDEN)}
            self.initial.setdefault("app_access", AppAccess.SPECIFIC)
            return
        where = " and ".join(environment.label.lower() for environment in forbidden)
        described = _ACCESS_DESCRIPTIONS[AppAccess.ORGANIZATION]
        widget.descriptions = widget.descriptions | {
            AppAccess.ORGANIZATION: f"{described} Your organization's policy forbids it in {where}."
        }

    def full_clean(self) -> None:
        super().full_clean()
        if self.only_apps:
            for name in [name for name in self.errors if name != "client_id"]:
                del self.errors[name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        specific = cleaned.get("app_access") == AppAccess.SPECIFIC
        if not self.only_apps and specific and cleaned.get("client_id"):
            self.add_error(
                "client_id",
                "You entered this client ID but did not add it. Choose Add app, or clear the "
                "field.",
            )
        return cleaned

    @property
    def chosen_environment(self) -> Environment | None:
        raise NotImplementedError

    @property
    def listed_clients(self) -> list[tuple[str, Client | None]]:
        """The list in its order; None for a client ID that no longer exists."""
        by_client_id = dict(self._known)
        if unknown := [client_id for client_id in self.listed if client_id not in by_client_id]:
            found = Client.objects.select_related("application__organization")
            by_client_id |= {each.client_id: each for each in found.filter(client_id__in=unknown)}
        return [(client_id, by_client_id.get(client_id)) for client_id in self.listed]

    def add_app(self) -> None:
        """Move the entered client ID to the list, or say beside the field why not."""
        if not self.is_valid():
            return
        client_id = self.cleaned_data["client_id"]
        environment = self.chosen_environment
        if not client_id or environment is None:
            missing = "an environment" if environment is None else "the app's client ID"
            self.add_error("client_id", f"Choose {missing} first.")
            return
        try:
            client = permittable_client(
                client_id, environment=environment, owner=self.owner, listed=self.listed
            )
        except ValidationError as error:
            self.add_error("client_id", error)
            return
        self.listed.append(client.client_id)
        self.announcement = f"{client.application.name} added."
        self._set("client_id", "")
        self._set("app_access", AppAccess.SPECIFIC)

    def remove_app(self, client_id: str) -> None:
        if client_id in self.listed:
            self.listed.remove(client_id)
            self.announcement = f"{client_id} removed."

    def _set(self, name: str, value: str) -> None:
        """What the page shows in a field next; the data is our own copy of the request's."""
        assert isinstance(self.data, QueryDict)  # noqa: S101 - only bound forms change apps
        self.data[name] = value


_KEY_MISSING = "The form arrived incomplete. Check what you entered and choose Create JWT again."


class CreateJwtCredentialForm(PermittedAppsForm):
    environment = forms.ChoiceField(
        choices=Environment.choices,
        widget=DescribedRadioSelect(
            attrs={"class": "choices--row"},
            descriptions={
                Environment.SANDBOX: "For development and tests.",
                Environment.PRODUCTION: "For live data of your company.",
            },
        ),
        error_messages={"required": "Choose the environment this credential works in."},
    )
    expires_on = forms.DateField(
        label="Expiration Date (UTC)",
        required=False,
        # One spelling only: 10/12/2027 is another day on the other side of the ocean.
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        help_text=(
            "Optional. The credential works until the end of this day. Without a date it never "
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
        "label", "environment", "app_access", "client_id", "expires_on", "allowed_networks"
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
            self._limit_apps(self.policies)
            self._limit_expiry(self.policies)

    @property
    def policy_requirements(self) -> list[tuple[Environment, str, list[str]]]:
        """The environment, a title and the requirements of each policy that sets a limit."""
        return [
            (where, f"Your organization’s policy for {where.label.lower()}", found)
            for where, policy in self.policies.items()
            if (found := requirements(policy))
        ]

    def _limit_expiry(self, policies: Mapping[Environment, Policy]) -> None:
        at = timezone.now()
        field = self.fields["expires_on"]
        field.widget.attrs["min"] = at.astimezone(UTC).date().isoformat()
        needing = [where for where, policy in policies.items() if policy.needs_expiry]
        if not needing:
            return
        latest = {where: policies[where].latest_day(at) for where in needing}
        days = [day for day in latest.values() if day is not None]
        if len(days) == len(policies):
            field.widget.attrs["max"] = max(days).isoformat()
        if len(needing) == len(policies):
            field.required = True
            field.error_messages["required"] = _EXPIRY_REQUIRED
        field.help_text = "The credential works until the end of this day. " + " ".join(
            f"{where.label}: required by your organization's policy"
            + (f", {day:%Y-%m-%d} at the latest." if (day := latest[where]) else ".")
            for where in needing
        )

    def add_error(self, field: str | None, error: Any) -> None:
        """A refused submission key is renewed, so that the form can be sent again."""
        super().add_error(field, error)
        if self.has_error("submission_key"):
            self._set("submission_key", str(uuid.uuid4()))

    @property
    def chosen_environment(self) -> Environment | None:
        value = self.data.get("environment")
        return Environment(value) if value in Environment.values else None


class UpdateJwtCredentialForm(PermittedAppsForm):
    def __init__(
        self, data: QueryDict | None = None, *, credential: JwtCredential, **kwargs: Any
    ) -> None:
        super().__init__(
            data,
            owner=credential.owner,
            listed=credential.permitted_clients.select_related(
                "application__organization"
            ).order_by("pk"),
            initial={
                "label": credential.label,
                "app_access": credential.app_access,
                "allowed_networks": credential.allowed_networks,
            },
            **kwargs,
        )
        self.credential = credential
        self._limit_apps({credential.environment: credential.policy})

    @property
    def chosen_environment(self) -> Environment:
        return self.credential.environment


def unavailable_environments(
    owner: Membership, *, creator: Membership, policies: Mapping[Environment, Policy]
) -> dict[Environment, Disabled]:
    """The environments in which `creator` can't make a credential for this person, and why."""
    own = owner == creator
    extensions = {
        extension.environment: extension
        for extension in owner.user.extensions.select_related("account")
    }
    unavailable = {}
    for environment in Environment:
        extension = extensions.get(environment)
        where = environment.label.lower()
        if extension is None:
            who = "You have" if own else f"{owner.user.name} has"
            can_create = own and environment is Environment.SANDBOX
            unavailable[environment] = Disabled(
                f"{who} no {where} account yet.",
                reverse("accounts:sandbox_account") if can_create else "",
                "Create sandbox account" if can_create else "",
            )
        elif not extension.is_enabled:
            whose = "Your" if own else f"{owner.user.name}'s"
            unavailable[environment] = Disabled(
                f"{whose} {where} account is disabled. An account administrator can enable it."
            )
        elif (refusal := creator_refusal(policies[environment], creator)) is not None:
            unavailable[environment] = Disabled(refusal)
    return unavailable


class RevokeJwtCredentialForm(forms.Form):
    reason = NoteField(
        max_length=200,
        widget=forms.TextInput(
            attrs={"placeholder": "For example: the contract with the agency ended"}
        ),
        help_text="Kept in the history of the credential and told to its owner.",
        error_messages={"required": "Say in a few words why you revoke it."},
    )


class ExchangeTestForm(forms.Form):
    """Which app to test with; with a client secret the exchange is real."""

    client_id = forms.ChoiceField(label="App")
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=True,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "input--mono"}),
        help_text=(
            "Leave empty for a dry run of every check. With the secret we make a real exchange; "
            "the secret is used once and never stored."
        ),
    )

    def __init__(
        self, data: QueryDict | None = None, *, clients: list[Client], **kwargs: Any
    ) -> None:
        # Beside the form of the credential, which has a field `client_id` too.
        super().__init__(data, auto_id="id_test_%s", **kwargs)
        field = self.fields["client_id"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (client.client_id, f"{client.application.name} ({client.client_id})")
            for client in clients
        ]
        if len(clients) >= APPS_OFFERED:
            field.help_text = (
                f"The first {APPS_OFFERED} apps by name. For another one add ?client_id= and its "
                "client ID to the address of this page."
            )
