"""The tables of a platform file. pydantic validates each of them on its own."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from accounts.platform.contrast import ENOUGH, HEX_COLOR, contrast_ratio
from accounts.platform.paths import HostilePath, segments_of
from core.texts import fault_of

WHITE = "#ffffff"
# Only examples on one machine use plain http.
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
_ID = re.compile(r"[A-Za-z0-9_.:-]+")


def _is_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("use only letters, digits and _ . : -")
    return value


def _is_visible(value: str) -> str:
    if fault := "is blank" * (not value.strip()) or fault_of(value):
        raise ValueError(fault)
    return value


def _is_https(value: str) -> str:
    parts = urlsplit(value)
    is_local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise ValueError("use an https URL")
    return value


def _is_server(value: str) -> str:
    if urlsplit(value).query or urlsplit(value).fragment:
        raise ValueError("remove the query and the fragment")
    server = value.rstrip("/")
    try:
        segments_of(urlsplit(server).path or "/")
    except HostilePath as error:
        raise ValueError(str(error)) from error
    return server


def _has_contrast(value: str) -> str:
    if not HEX_COLOR.fullmatch(value):
        raise ValueError("write the color like #0a6e4f")
    ratio = contrast_ratio(value, WHITE)
    if ratio < ENOUGH:
        raise ValueError(
            f"white text on it has a contrast of {ratio:.2f}:1; choose a darker color with at "
            f"least {ENOUGH}:1"
        )
    return value.lower()


Id = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_is_id)]
Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_is_visible)]
Description = Annotated[str, Field(max_length=500)]
HttpsUrl = Annotated[str, AfterValidator(_is_https)]
ServerUrl = Annotated[HttpsUrl, AfterValidator(_is_server)]
FileName = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[list[Text], Field(min_length=2, max_length=2)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NamedTable(Table):
    """An entry of an array of tables, unique by its ID."""

    id: Id
    label: Text


class ScopeTable(NamedTable):
    description: Description = ""
    includes: list[str] = []


class PermissionTable(NamedTable):
    description: Description = ""


class RoleTable(NamedTable):
    id: Annotated[Id, Field(max_length=50)]
    description: Description = ""
    permissions: list[str] = []


class ServersTable(Table):
    sandbox: ServerUrl | None = None
    production: ServerUrl | None = None

    @model_validator(mode="after")
    def has_one(self) -> "ServersTable":
        if not (self.sandbox or self.production):
            raise ValueError("set sandbox, production, or both")
        return self


class ApiTable(NamedTable):
    audience: HttpsUrl
    openapi: FileName
    servers: ServersTable
    unlisted: Literal["refuse", "authenticate"] = "refuse"


class LinksTable(Table):
    documentation: HttpsUrl | None = None
    support: HttpsUrl | None = None
    terms: HttpsUrl | None = None
    privacy: HttpsUrl | None = None
    status: HttpsUrl | None = None


class WordsTable(Table):
    extension: Word | None = None
    account: Word = ["account", "accounts"]


class PlatformTable(Table):
    """The top of the file. The entries of its arrays of tables are validated one by one."""

    name: Text
    logo: FileName | None = None
    accent: Annotated[str, AfterValidator(_has_contrast)] | None = None
    links: LinksTable = Field(default_factory=LinksTable)
    built_in_api: bool = False
    words: WordsTable = Field(default_factory=WordsTable)
    scopes: list[Any]
    permissions: list[Any] = []
    roles: Annotated[list[Any], Field(min_length=1)]
    apis: list[Any] = []
