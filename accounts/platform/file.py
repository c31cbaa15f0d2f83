"""Reads a platform file (TOML) and the documents that it names, and reports every mistake at once.

Rules across tables are checked against the raw file, not against the valid tables, so that one
mistake doesn't hide another.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from accounts.platform import built_in
from accounts.platform.catalog import (
    Api,
    Links,
    Logo,
    Operation,
    Permission,
    Platform,
    Role,
    Scope,
)
from accounts.platform.logo import UnusableLogo, read_logo
from accounts.platform.openapi import read_document
from accounts.platform.paths import PathTree
from accounts.platform.tables import (
    ApiTable,
    NamedTable,
    PermissionTable,
    PlatformTable,
    RoleTable,
    ScopeTable,
    Table,
)

AnyTable = TypeVar("AnyTable", bound=Table)
AnyRow = TypeVar("AnyRow", bound=NamedTable)
# Characters that a role's permissions take in an access token, with quotation marks and commas.
# Tokens also need room for scopes, and web servers refuse long headers.
MAX_PERMISSIONS_LENGTH = 4000
ORIGINAL = Path(__file__).with_name("original.toml")


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and where: the file, and the table and key inside it."""

    file: str
    place: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.message}"


class InvalidPlatformFile(Exception):
    """Carries every mistake of a platform file and of the documents that it names."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def read_platform(path: Path) -> Platform:
    """The platform that a file describes. Raises `InvalidPlatformFile`."""
    return _Reader(path).platform()


@dataclass(frozen=True)
class _Row(Generic[AnyRow]):
    """One table of an array: as it is in the file, and validated, if it has no mistake itself."""

    place: str
    raw: Mapping[str, Any]
    table: AnyRow | None

    @property
    def id(self) -> str:
        return self.text("id")

    def text(self, key: str) -> str:
        value = self.raw.get(key)
        return value if isinstance(value, str) else ""

    def names(self, key: str) -> list[str]:
        value = self.raw.get(key)
        return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


class _Reader:
    """Reads one file, and collects its mistakes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mistakes: list[Mistake] = []

    def platform(self) -> Platform:
        raw = self._raw()
        top = self._table(PlatformTable, "", raw)
        scopes = self._rows(ScopeTable, "scopes", raw)
        permissions = self._rows(PermissionTable, "permissions", raw)
        roles = self._rows(RoleTable, "roles", raw)
        apis = self._rows(ApiTable, "apis", raw)
        scope_ids = frozenset(row.id for row in scopes)
        permission_ids = frozenset(row.id for row in permissions)
        self._check_scopes(scopes)
        self._check_roles(roles, permission_ids)
        if raw.get("built_in_api") is True:
            self._check_built_in("scope", built_in.SCOPES, scope_ids)
            self._check_built_in("permission", built_in.PERMISSIONS, permission_ids)
            self._check_free(built_in.API_ID, apis)
        logo = self._logo(raw.get("logo"))
        self._check_unique("audience", apis)
        read = [self._api(row, scope_ids, permission_ids) for row in apis]
        if top is None or self._mistakes:
            raise InvalidPlatformFile(self._mistakes)
        return Platform(
            name=top.name,
            scopes=_by_id(_scope(row.table) for row in scopes if row.table),
            permissions=_by_id(_permission(row.table) for row in permissions if row.table),
            roles=_by_id(_role(row.table, permissions) for row in roles if row.table),
            apis=_by_id(api for api in read if api),
            built_in_api=top.built_in_api,
            words=_words(top),
            links=Links(**top.links.model_dump(exclude_none=True)),
            logo=logo,
            accent=top.accent or "",
        )

    def _note(self, place: str, message: str, *, file: str = "") -> None:
        self._mistakes.append(Mistake(file or self._path.name, place, message))

    def _raw(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            self._note("", f"the file can't be read ({error.strerror or error})")
        except UnicodeDecodeError:
            self._note("", "the file isn't UTF-8 text")
        except tomllib.TOMLDecodeError as error:
            self._note("", f"the file isn't TOML: {error}")
        raise InvalidPlatformFile(self._mistakes)

    def _table(self, model: type[AnyTable], place: str, raw: Any) -> AnyTable | None:
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for found in error.errors(include_url=False, include_context=False):
                self._note(_place(place, found["loc"]), _message(found))
            return None

    def _rows(self, model: type[AnyRow], name: str, raw: Mapping[str, Any]) -> list[_Row[AnyRow]]:
        entries = raw.get(name)
        rows = [
            _Row(
                place := f"{name}[{number}]",
                entry if isinstance(entry, dict) else {},
                self._table(model, place, entry),
            )
            for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1)
        ]
        self._check_unique("id", rows)
        return rows

    def _check_unique(self, key: str, rows: Iterable[_Row[AnyRow]]) -> None:
        places: dict[str, str] = {}
        for row in rows:
            value = row.text(key)
            first = places.setdefault(value, row.place)
            if value and first != row.place:
                self._note(f"{row.place}.{key}", f'"{value}" is already the {key} of {first}')

    def _check_scopes(self, scopes: Sequence[_Row[ScopeTable]]) -> None:
        includes: dict[str, list[str]] = {}
        for row in scopes:
            includes.setdefault(row.id, row.names("includes"))
        told: set[str] = set()
        for row in scopes:
            for name in row.names("includes"):
                if name not in includes:
                    self._note(f"{row.place}.includes", f'there is no scope "{name}"')
            cycle = _cycle(row.id, includes)
            if cycle and not told & set(cycle):
                self._note(
                    f"{row.place}.includes", f"the scopes include each other: {' → '.join(cycle)}"
                )
                told |= set(cycle)

    def _check_roles(self, roles: Iterable[_Row[RoleTable]], known: frozenset[str]) -> None:
        for row in roles:
            self._check_length(f"{row.place}.permissions", row.names("permissions"))
            for name in row.names("permissions"):
                if name not in known and built_in.WHOLE_OF.get(name) not in known:
                    self._note(f"{row.place}.permissions", f'there is no permission "{name}"')

    def _check_length(self, place: str, permissions: Sequence[str]) -> None:
        length = sum(len(name) + 3 for name in permissions)
        if length > MAX_PERMISSIONS_LENGTH:
            self._note(
                place,
                f"the list takes {length} characters in every access token; the maximum is "
                f"{MAX_PERMISSIONS_LENGTH}",
            )

    def _check_built_in(self, kind: str, needed: Iterable[str], known: frozenset[str]) -> None:
        for name in needed:
            if name not in known:
                self._note("built_in_api", f'the built-in API needs the {kind} "{name}"')

    def _check_free(self, built_in_id: str, apis: Iterable[_Row[ApiTable]]) -> None:
        for row in apis:
            if row.id == built_in_id:
                self._note(f"{row.place}.id", f'"{row.id}" is the ID of the built-in API')

    def _logo(self, name: object) -> Logo | None:
        if not isinstance(name, str):
            return None
        try:
            return read_logo(self._path.parent / name)
        except UnusableLogo as error:
            self._note("logo", str(error))
            return None

    def _api(
        self, row: _Row[ApiTable], scopes: frozenset[str], permissions: frozenset[str]
    ) -> Api | None:
        name = row.text("openapi")
        if not name:
            return None
        document = read_document(self._path.parent / name, scopes=scopes, permissions=permissions)
        for where, message in document.mistakes:
            self._note(where, message, file=name)
        table = row.table
        if table is None or document.mistakes:
            return None
        servers = table.servers.model_dump(exclude_none=True)
        return Api(
            id=table.id,
            label=table.label,
            audience=table.audience,
            servers=servers,
            unlisted=table.unlisted,
            title=document.title,
            version=document.version,
            operations=document.operations,
            trees=_trees(servers, document.operations),
        )


def _words(top: PlatformTable) -> dict[str, tuple[str, str]]:
    # "Extension" is a telephony term, like others in the built-in API.
    usual = ["extension", "extensions"] if top.built_in_api else ["login", "logins"]
    extension, account = top.words.extension or usual, top.words.account
    return {"extension": (extension[0], extension[1]), "account": (account[0], account[1])}


def _trees(
    servers: Mapping[str, str], operations: Iterable[Operation]
) -> dict[str, PathTree[Operation]]:
    # Built at startup, because requests use them. Most servers of an API have the same path.
    paths = {environment: urlsplit(server).path for environment, server in servers.items()}
    trees = {path: PathTree[Operation]() for path in paths.values()}
    for operation in operations:
        for path, tree in trees.items():
            tree.add(operation.method, path + operation.path, operation)
    return {environment: trees[path] for environment, path in paths.items()}


Named = TypeVar("Named", Scope, Permission, Role, Api)


def _by_id(things: Iterable[Named]) -> dict[str, Named]:
    return {thing.id: thing for thing in things}


def _scope(table: ScopeTable) -> Scope:
    return Scope(table.id, table.label, table.description, tuple(table.includes))


def _permission(table: PermissionTable) -> Permission:
    return Permission(table.id, table.label, table.description)


def _role(table: RoleTable, permissions: Sequence[_Row[PermissionTable]]) -> Role:
    places = {row.id: place for place, row in enumerate(permissions)}
    listed = sorted(
        dict.fromkeys(table.permissions),
        key=lambda name: places.get(name, places.get(built_in.WHOLE_OF.get(name, ""), 0)),
    )
    return Role(table.id, table.label, table.description, tuple(listed))


def _cycle(start: str, includes: Mapping[str, Sequence[str]]) -> list[str]:
    """The path from a scope back to itself; empty if there is none."""
    paths = [[start]]
    seen = set()
    while paths:
        path = paths.pop()
        for name in includes.get(path[-1], ()):
            if name == start:
                return [*path, start]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _place(table: str, location: Sequence[int | str]) -> str:
    # People count tables from one.
    place = table
    for part in location:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        else:
            place += f".{part}" if place else part
    return place


_MESSAGES = {
    "bool_type": "isn't true or false",
    "extra_forbidden": "isn't a valid key in this table",
    "list_type": "isn't an array",
    "missing": "is missing",
    "model_type": "isn't a table",
    "string_type": "isn't a string",
}


def _message(error: Any) -> str:
    message: str = error["msg"].removeprefix("Value error, ")
    return _MESSAGES.get(error["type"]) or message[:1].lower() + message[1:]
