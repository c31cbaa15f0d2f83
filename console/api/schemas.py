"""The request and response bodies of the REST API. The class names are in the OpenAPI document."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from console.api.errors import NO_SUCH_FIELD, invalid_parameter
from core import texts


def _seen(text: str) -> str:
    if fault := texts.fault_of(text):
        # Pydantic would read braces in the sentence as placeholders.
        raise PydanticCustomError("unseen", "{fault}", {"fault": fault})
    return text


SEEN = AfterValidator(_seen)
Text20 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20), SEEN]
Text60 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60), SEEN]
Text120 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), SEEN]
# Models validate addresses, and an address can be empty.
_EMAIL = {"anyOf": [{"type": "string", "format": "email"}, {"const": ""}]}
Email = Annotated[str, WithJsonSchema(_EMAIL)]
EmailChange = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    SEEN,
    WithJsonSchema({**_EMAIL, "maxLength": 254}),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), SEEN]
Name80 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), SEEN]


class Change(Schema):
    # The document names only what can be changed. A program that reads a resource, changes a field
    # and sends all of it back isn't refused: see `refuse_other_changes`.
    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, value: Any) -> Any:
        # django-ninja wraps the body. It would read attributes of one that isn't an object, such as
        # a JSON list, and lose fields that the schema doesn't have.
        body = getattr(value, "_obj", value)
        if not isinstance(body, dict):
            raise PydanticCustomError("object_type", "Input should be an object")
        return body

    def refuse_other_changes(self, resource: Mapping[str, Any]) -> None:
        """Raises `ApiError` for a field that the resource doesn't have, or that can't change."""
        for name, value in (self.model_extra or {}).items():
            if name not in resource:
                raise invalid_parameter(name, NO_SUCH_FIELD)
            if value != resource[name]:
                raise invalid_parameter(name, "This call can't change it. Leave it out.")


class ApiVersion(Schema):
    uri: str
    versionString: str


class ServiceStatus(Schema):
    uri: str
    status: Literal["OK"]


class Account(Schema):
    uri: str
    id: str
    mainNumber: str
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
    businessAddress: PostalAddress
    company: str
    email: Email
    mainSiteName: str


class PostalAddressChange(Schema):
    model_config = ConfigDict(extra="forbid")

    country: Text60 | None = None
    state: Text60 | None = None
    city: Text60 | None = None
    street: Text120 | None = None
    zip: Text20 | None = None


class BusinessAddressChange(Change):
    """Fields that you leave out don't change."""

    businessAddress: PostalAddressChange | None = None
    company: Name | None = None
    email: EmailChange | None = None
    mainSiteName: Text120 | None = None


class Contact(Schema):
    firstName: str
    lastName: str
    company: str
    email: Email


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
    extensionNumber: str
    name: str
    type: Literal["User"]
    status: str
    contact: Contact
    permissions: ExtensionPermissions
    account: AccountReference


class Paging(Schema):
    page: int
    totalPages: int
    perPage: int
    totalElements: int
    pageStart: int
    pageEnd: int


class PageReference(Schema):
    uri: str


class Navigation(Schema):
    firstPage: PageReference
    lastPage: PageReference
    nextPage: PageReference | None = None
    previousPage: PageReference | None = None


class ExtensionList(Schema):
    uri: str
    records: list[Extension]
    paging: Paging
    navigation: Navigation


class ContactChange(Schema):
    model_config = ConfigDict(extra="forbid")

    firstName: Name80 | None = None
    lastName: Name80 | None = None
    company: Name | None = None
    email: EmailChange | None = None


class ExtensionChange(Change):
    """Fields that you leave out don't change."""

    contact: ContactChange | None = None


class PermissionReference(Schema):
    uri: str
    id: str


class GrantedPermission(Schema):
    permission: PermissionReference
    scopes: list[Literal["Account", "AllExtensions", "Self"]]


class AuthzProfile(Schema):
    uri: str
    permissions: list[GrantedPermission]


class AuthzCheck(Schema):
    uri: str
    successful: bool
    details: GrantedPermission


class ErrorEntry(Schema):
    errorCode: str
    message: str
    parameterName: str | None = None
    permissionName: str | None = None


class Error(Schema):
    errorCode: str
    message: str
    errors: list[ErrorEntry]
