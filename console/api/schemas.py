"""Shapes of the REST API's request and response bodies; names as in the contract."""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError


def _without_nul(text: str) -> str:
    """PostgreSQL refuses NUL in a text; Django's forms refuse it with the same words."""
    if "\x00" in text:
        raise PydanticCustomError("nul", "Null characters are not allowed.")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Text60 = Annotated[Text, StringConstraints(max_length=60)]
Text120 = Annotated[Text, StringConstraints(max_length=120)]


class ApiVersion(Schema):
    uri: str
    versionString: str  # noqa: N815


class ServiceStatus(Schema):
    uri: str
    status: Literal["OK"]


class Account(Schema):
    uri: str
    id: str
    mainNumber: str  # noqa: N815
    status: Literal["Confirmed"]
    company: str
    environment: str


class PostalAddress(Schema):
    country: str
    state: str
    city: str
    street: str
    zip: str


class BusinessAddress(Schema):
    uri: str
    businessAddress: PostalAddress  # noqa: N815
    company: str
    email: str
    mainSiteName: str  # noqa: N815


class PostalAddressChange(Schema):
    model_config = ConfigDict(extra="forbid")

    country: Text60 | None = None
    state: Text60 | None = None
    city: Text60 | None = None
    street: Text120 | None = None
    zip: Annotated[Text, StringConstraints(max_length=20)] | None = None


class BusinessAddressChange(Schema):
    """Fields left out stay as they are."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, value: Any) -> Any:
        # django-ninja reads attributes of whatever it gets, and of a JSON list there are none.
        given = getattr(value, "_obj", value)
        if not isinstance(given, dict):
            raise ValueError("Input should be an object")
        return value

    businessAddress: PostalAddressChange | None = None  # noqa: N815
    company: Annotated[Text, StringConstraints(min_length=1, max_length=120)] | None = None
    email: Annotated[Text, StringConstraints(max_length=254)] | None = None
    mainSiteName: Text120 | None = None  # noqa: N815


class Contact(Schema):
    firstName: str  # noqa: N815
    lastName: str  # noqa: N815
    company: str
    email: str


class AdminPermission(Schema):
    enabled: bool


class ExtensionPermissions(Schema):
    admin: AdminPermission


class AccountReference(Schema):
    id: str
    uri: str


class Extension(Schema):
    uri: str
    id: str
    extensionNumber: str  # noqa: N815
    name: str
    type: Literal["User"]
    status: str
    contact: Contact
    permissions: ExtensionPermissions
    account: AccountReference


class ErrorEntry(Schema):
    errorCode: str  # noqa: N815
    message: str
    parameterName: str | None = None  # noqa: N815
    permissionName: str | None = None  # noqa: N815


class Error(Schema):
    errorCode: str  # noqa: N815
    message: str
    errors: list[ErrorEntry]
