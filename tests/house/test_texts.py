"""Every text that people or apps can store refuses invisible characters."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string
from ninja import Schema
from pydantic import ValidationError as SchemaError

from console.api import schemas
from core import texts
from credentials.forms.networks import NetworksField
from tests.house.sources import ROOT

OVERRIDE = "ab\u202ecd"
FAULT = texts.fault_of(OVERRIDE)

# These only filter a list by its query string. Nothing is stored.
FILTERS = {
    "ApplicationListForm",
    "ApplicationSessionListForm",
    "AuditListForm",
    "CredentialSessionListForm",
    "DeveloperListForm",
    "ExtensionListForm",
    "InvitationListForm",
    "InventoryListForm",
    "JwtCredentialListForm",
    "ListForm",
    "NoticeListForm",
    "PeopleListForm",
}
EXEMPT = {
    "AuthenticateByCodeForm.code": "Compared with the right one.",
    "ReauthenticateByCodeForm.code": "Compared with the right one.",
    "CreateJwtCredentialForm.client_id": "Must be an existing client ID.",
    "PermittedAppsForm.client_id": "Must be an existing client ID.",
    "UpdateJwtCredentialForm.client_id": "Must be an existing client ID.",
    "RequestIdForm.request_id": "Looked up, stored nowhere.",
    "PastedJwtForm.client_id": "Must be an existing client ID.",
    "PastedJwtForm.jwt": "Verified and discarded.",
    "PolicyForm.confirmed": "A digest that the page computed.",
    "RotateSigningKeyForm.kid": "Must be the key that the page showed.",
}
# Fields whose value must exist, or is parsed: an ID, an address, a network.
READ = (forms.EmailField, forms.JSONField, forms.UUIDField, NetworksField)


def every_form() -> list[type[forms.BaseForm]]:
    names = [
        f"{app}.forms.{path.stem}"
        for app in ("accounts", "credentials")
        for path in sorted((ROOT / app / "forms").glob("[!_]*.py"))
    ]
    found = {
        value
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and issubclass(value, forms.BaseForm)
        if value.__module__.startswith(("accounts.", "credentials."))
    }
    return sorted(found, key=lambda form: form.__name__)


def free_texts() -> Iterator[tuple[str, forms.Field]]:
    for form in every_form():
        for name, field in form.base_fields.items():  # type: ignore[attr-defined]
            is_text = isinstance(field, forms.CharField) and not isinstance(field, READ)
            is_password = isinstance(field.widget, forms.PasswordInput)
            if is_text and not is_password and form.__name__ not in FILTERS:
                yield f"{form.__name__}.{name}", field


TEXTS = {name: field for name, field in free_texts() if name not in EXEMPT}


def test_the_forms_and_their_fields_are_found() -> None:
    assert {
        "ApplicationForm.description",
        "CreateJwtCredentialForm.label",
        "DeclineForm.reason",
        "ProfileForm.first_name",
        "RenameKeyForm.name",
        "RotateForm.label",
    } <= set(TEXTS)
    assert set(EXEMPT) <= {name for name, _field in free_texts()}
    assert {form.__name__ for form in every_form()} >= FILTERS


@pytest.mark.parametrize("name", TEXTS)
def test_a_form_field_refuses_invisible_characters(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TEXTS[name].clean(OVERRIDE)
    assert refused.value.messages == [FAULT]


def test_the_forms_of_allauth_that_take_a_text_are_replaced() -> None:
    paths = {**settings.ACCOUNT_FORMS, **settings.MFA_FORMS}.values()
    ours = {import_string(path) for path in paths}
    assert ours <= set(every_form())


def changes() -> Iterator[tuple[type[Schema], tuple[str, ...]]]:
    """Every text field in the bodies that the REST API accepts, as its path."""
    bodies = (schemas.BusinessAddressChange, schemas.ExtensionChange)
    for body in bodies:
        for path in _texts_of(body):
            yield body, path


def _texts_of(schema: type[Schema]) -> Iterator[tuple[str, ...]]:
    for name, field in schema.model_fields.items():
        kinds = getattr(field.annotation, "__args__", (field.annotation,))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Schema)]
        if inner:
            yield from ((name, *rest) for rest in _texts_of(inner[0]))
        else:
            yield (name,)


@pytest.mark.parametrize(
    ("body", "path"), [pytest.param(*change, id=".".join(change[1])) for change in changes()]
)
def test_a_field_of_the_rest_api_refuses_invisible_characters(
    body: type[Schema], path: tuple[str, ...]
) -> None:
    value: Any = OVERRIDE
    for name in reversed(path):
        value = {name: value}
    with pytest.raises(SchemaError) as refused:
        body.model_validate(value)
    [error] = refused.value.errors()
    assert (error["loc"], error["msg"]) == (path, FAULT)
