"""The *Try it* form: the credential, the app, and what the call sends."""

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.html import escape

from accounts.models import Membership
from accounts.platform.catalog import Api, Operation, Parameter
from console.reference.requests import (
    UnusablePath,
    call_of,
    sent_parameters,
    takes_json,
)
from core.outgoing import OutgoingCall
from credentials.models import AppAccess, Client, JwtCredential

_LONGEST_VALUE = 2_000
_LONGEST_BODY = 100_000
_ONE_LINE = RegexValidator(r"\A[\t\x20-\x7e]*\Z", "Use only printable ASCII characters.")


class TryItForm(forms.Form):
    """Has a field for each parameter, and one for the body. Keeps every value except the secret."""

    credential_id = forms.ChoiceField(label="Credential")
    client_id = forms.ChoiceField(label="App")
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "input--mono"}),
        help_text="Only for apps in other organizations. We use it once and never store it.",
    )
    submission_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        api: Api,
        operation: Operation,
        viewer: Membership,
        credentials: Sequence[JwtCredential],
        clients: Sequence[Client],
    ) -> None:
        super().__init__(
            data,
            auto_id="id_try_%s",
            use_required_attribute=False,
            initial=_likely(operation, credentials, clients),
        )
        self._api, self._operation, self._viewer = api, operation, viewer
        self._credentials = {str(each.pk): each for each in credentials}
        self._clients = {each.client_id: each for each in clients}
        self._choose("credential_id", [(pk, each.label) for pk, each in self._credentials.items()])
        self._choose("client_id", self._app_choices())
        self._parameters = {
            f"parameter_{number}": parameter
            for number, parameter in enumerate(sent_parameters(operation))
        }
        self.fields |= {name: _field(each) for name, each in self._parameters.items()}
        if operation.body_type:
            self.fields["body"] = _body_field(operation)

    @property
    def call_fields(self) -> list[forms.BoundField]:
        """The fields for the parameters and the body."""
        return [self[name] for name in (*self._parameters, "body") if name in self.fields]

    @property
    def credential(self) -> JwtCredential:
        return self._credentials[self.cleaned_data["credential_id"]]

    @property
    def client(self) -> Client:
        return self._clients[self.cleaned_data["client_id"]]

    def call(self) -> OutgoingCall:
        values = {
            parameter: self.cleaned_data[name]
            for name, parameter in self._parameters.items()
            if self.cleaned_data[name]
        }
        return call_of(self._api, self._operation, values, self.cleaned_data.get("body", ""))

    def clean_body(self) -> str:
        # Browsers end lines in a text area with CRLF.
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        if body and takes_json(self._operation):
            try:
                json.loads(body)
            except json.JSONDecodeError as error:
                place = f"line {error.lineno}, column {error.colno}"
                raise forms.ValidationError(
                    f"This isn’t valid JSON: {error.msg} ({place})."
                ) from error
            except RecursionError as error:
                raise forms.ValidationError("This JSON is nested too deeply.") from error
        return body

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        client = self._clients.get(cleaned.get("client_id", ""))
        if client and self._is_foreign(client) and not cleaned.get("client_secret"):
            owner = client.application.organization.name
            self.add_error(
                "client_secret", f"This app belongs to {owner}. Paste its client secret."
            )
        if not self.errors:
            self._check_path()
        return cleaned

    def _check_path(self) -> None:
        try:
            self.call()
        except UnusablePath:
            for name, parameter in self._parameters.items():
                if parameter.location == "path":
                    self.add_error(name, "A segment of the path can’t be only a dot or two dots.")

    def _choose(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    def _app_choices(self) -> list[Any]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for client in self._clients.values():
            provider = client.application.organization.name
            label = f"{client.application.name} ({client.client_id})"
            groups.setdefault(provider, []).append((client.client_id, label))
        return list(groups.items())

    def _is_foreign(self, client: Client) -> bool:
        return client.application.organization_id != self._viewer.organization_id


def _likely(
    operation: Operation, credentials: Sequence[JwtCredential], clients: Sequence[Client]
) -> dict[str, str]:
    """A credential and an app that the call probably works with."""
    for_all = (
        each
        for each in credentials
        if each.app_access == AppAccess.ORGANIZATION and _allows(each, operation)
    )
    able = (each for each in clients if _has_scopes(each, operation))
    return {
        "credential_id": str(next(for_all, credentials[0]).pk),
        "client_id": next(able, clients[0]).client_id,
    }


def _has_scopes(client: Client, operation: Operation) -> bool:
    return not operation.lacking(client.application.effective_scopes)


def _allows(credential: JwtCredential, operation: Operation) -> bool:
    every_scope = frozenset(settings.PLATFORM.scopes)
    return not operation.lacking(credential.within_ceiling(every_scope))


def _field(parameter: Parameter) -> forms.CharField:
    return forms.CharField(
        label=parameter.name,
        required=parameter.required,
        initial=parameter.example if parameter.required else "",
        max_length=_LONGEST_VALUE,
        validators=[_ONE_LINE] if parameter.location == "header" else [],
        help_text=_help(parameter),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "input--mono"}),
    )


def _help(parameter: Parameter) -> str:
    place = "In the path" if parameter.location == "path" else f"In the {parameter.location}"
    kind = f", {parameter.type}" if parameter.type else ""
    return escape(f"{place}{kind}. {parameter.description}".strip())


def _body_field(operation: Operation) -> forms.CharField:
    attributes = {"rows": 8, "class": "input--mono", "spellcheck": "false"}
    return forms.CharField(
        label="Body",
        required=False,
        strip=False,
        max_length=_LONGEST_BODY,
        widget=forms.Textarea(attrs=attributes),
        help_text=escape(f"Sent as {operation.body_type}."),
    )
