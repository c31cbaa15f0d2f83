"""The tables of a platform file, as TOML gives them; pydantic checks each on its own."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accounts.platform.contrast import ENOUGH, HEX_COLOR, contrast_ratio

WHITE = "#ffffff"
# Plain http is for examples on one machine.
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
_ID = re.compile(r"[A-Za-z0-9_.:-]+")


def _is_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("use letters, digits and _ . : - only")
    return value


def _is_https(value: str) -> str:
    parts = urlsplit(value)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or (
        parts.scheme != "https" and not (parts.scheme == "http" and is_local)
    ):
        raise ValueError("use an https address")
    return value.rstrip("/")


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
Text = Annotated[str, Field(min_length=1, max_length=100)]
Description = Annotated[str, Field(max_length=500)]
Address = Annotated[str, AfterValidator(_is_https)]
FileName = Annotated[str, Field(min_length=1, max_length=200)]


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
    sandbox: Address | None = None
    production: Address | None = None


class ApiTable(NamedTable):
    audience: Address
    openapi: FileName
    servers: ServersTable
    unlisted: Literal["refuse", "authenticate"] = "refuse"


class LinksTable(Table):
    documentation: Address | None = None
    support: Address | None = None
    terms: Address | None = None
    privacy: Address | None = None
    status: Address | None = None


Word = Annotated[list[Text], Field(min_length=2, max_length=2)]


class WordsTable(Table):
    extension: Word = ["extension", "extensions"]
    account: Word = ["account", "accounts"]


class PlatformTable(Table):
    """The file without its arrays of tables, which are checked one by one."""

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
