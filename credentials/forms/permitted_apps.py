from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.environments import Environment
from accounts.forms.submissions import refill
from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedRadioSelect
from accounts.models import Membership
from credentials.actions.permitted_apps import permittable_client
from credentials.forms.ceilings import CeilingForm
from credentials.forms.networks import NetworksField
from credentials.models import AppAccess, Client, JwtCredential

_ACCESS_DESCRIPTIONS = {
    AppAccess.ORGANIZATION: (
        "Allow this credential to be used to authenticate to any application built by your "
        "organization."
    ),
    AppAccess.SPECIFIC: (
        "Allow this credential to be used only by select applications identified by their "
        "client ID. Choose this before you share the JWT outside your organization."
    ),
}


def _client_ids(data: QueryDict) -> list[str]:
    # PostgreSQL refuses a query with a NUL.
    return [
        value.replace("\x00", "\N{REPLACEMENT CHARACTER}") for value in data.getlist("client_ids")
    ]


class PermittedAppsForm(CeilingForm):
    """The fields that you choose at creation and can change later.

    `only_apps` is for *Add app*: it checks the client ID and ignores fields that are still empty.
    """

    label = NoteField(
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Where you use this credential, so you can recognize it later.",
        error_messages={"required": "Give the credential a label."},
    )
    app_access = forms.ChoiceField(
        label="What apps are permitted to use this credential?",
        choices=AppAccess.choices,
        widget=DescribedRadioSelect(descriptions=_ACCESS_DESCRIPTIONS),
        error_messages={"required": "Choose which apps can use this credential."},
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
            "Optional. The networks that your apps call from, one per line, such as 192.0.2.0/24 "
            "or 2001:db8::/32. Leave this empty to allow any address."
        ),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        owner: Membership,
        listed: Iterable[Client] = (),
        only_apps: bool = False,
        ceiling: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data.copy() if data is not None else None, **kwargs)
        self._offer_ceilings(ceiling)
        self.owner = owner
        self.only_apps = only_apps
        # Kept, so that the page names the first apps without another query.
        self._known = {client.client_id: client for client in listed} if data is None else {}
        self.listed = list(self._known) if data is None else _client_ids(data)
        self.announcement = ""

    def refill(self, entries: QueryDict | None) -> None:
        refill(self, entries)
        if entries is not None:
            self.listed = _client_ids(entries)

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
                "You entered this client ID but didn’t add it. Choose Add app, or clear the field.",
            )
        return cleaned

    @classmethod
    def values_of(cls, credential: JwtCredential) -> dict[str, Any]:
        """The initial values of the form."""
        return {
            "label": credential.label,
            "app_access": credential.app_access,
            "allowed_networks": credential.allowed_networks,
        }

    @property
    def choices(self) -> dict[str, Any]:
        """The arguments of the action that this form is for."""
        return {
            "label": self.cleaned_data["label"],
            "app_access": AppAccess(self.cleaned_data["app_access"]),
            "client_ids": self.listed,
            "allowed_networks": self.cleaned_data["allowed_networks"],
            "ceiling": self.chosen_ceiling,
        }

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
        """Move the entered client ID to the list, or add an error to its field."""
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
        # The data is our own copy of the request's, so the page shows what we set here.
        assert isinstance(self.data, QueryDict)  # noqa: S101 - only bound forms change apps
        self.data[name] = value
