"""Reads a platform file (TOML) and reports every mistake in it at once."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from accounts.platform.catalog import (
    OWN_SUFFIX,
    PERMISSIONS_WITH_OWN,
    Api,
    Links,
    Permission,
    Platform,
    Role,
    Scope,
)
from accounts.platform.openapi import read_document
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
T = TypeVar("T", bound=NamedTable)
LOGO_TYPES = {".svg", ".png"}
BUILT_IN_SCOPES = ("ReadAccounts", "EditExtensions", "EditAccounts")
BUILT_IN_PERMISSIONS = ("ReadCompanyInfo", "EditCompanyInfo", "ReadExtensions", "EditUserInfo")


@dataclass(frozen=True)
class Mistake:
    """Something wrong, and where: the file, and the table and key inside it."""

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
    return _Reading(path).platform()


class _Reading:
    """One reading of a file: what is right is kept, what is wrong is noted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mistakes: list[Mistake] = []

    def platform(self) -> Platform:
        raw = self._raw()
        top = self._table(PlatformTable, "", raw)
        scopes = self._tables(ScopeTable, "scopes", raw)
        permissions = self._tables(PermissionTable, "permissions", raw)
        roles = self._tables(RoleTable, "roles", raw)
        apis = self._tables(ApiTable, "apis", raw)
        self._check_scopes(scopes)
        self._check_roles(roles, permissions)
        if raw.get("built_in_api") is True:
            self._check_built_in(scopes, permissions)
        self._check_logo(raw.get("logo"))
        read = {
            place: self._api(place, table, scopes, permissions) for place, table in apis.items()
        }
        if top is None or self._mistakes:
            raise InvalidPlatformFile(self._mistakes)
        return Platform(
            name=top.name,
            scopes=_by_id(
                Scope(table.id, table.label, table.description, tuple(table.includes))
                for table in scopes.values()
            ),
            permissions=_by_id(
                Permission(table.id, table.label, table.description)
                for table in permissions.values()
            ),
            roles=_by_id(map(_role, roles.values())),
            apis=_by_id(read.values()),
            built_in_api=top.built_in_api,
            words={
                "extension": (top.words.extension[0], top.words.extension[1]),
                "account": (top.words.account[0], top.words.account[1]),
            },
            links=Links(**{name: url or "" for name, url in top.links.model_dump().items()}),
            logo=str(self._path.parent / top.logo) if top.logo else "",
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

    def _tables(self, model: type[T], name: str, raw: Mapping[str, Any]) -> dict[str, T]:
        """The right tables of an array by their place, the first of those with one ID."""
        rows = raw.get(name)
        if not isinstance(rows, list):
            return {}
        tables: dict[str, T] = {}
        places: dict[str, str] = {}
        for number, row in enumerate(rows, start=1):
            place = f"{name}[{number}]"
            table = self._table(model, place, row)
            if table is None:
                continue
            identifier: str = table.id
            if identifier in places:
                self._note(
                    f"{place}.id", f'"{identifier}" is already the ID of {places[identifier]}'
                )
                continue
            places[identifier] = place
            tables[place] = table
        return tables

    def _check_scopes(self, scopes: Mapping[str, ScopeTable]) -> None:
        includes = {table.id: tuple(table.includes) for table in scopes.values()}
        for place, table in scopes.items():
            for name in table.includes:
                if name not in includes:
                    self._note(f"{place}.includes", f'there is no scope "{name}"')
            if cycle := _cycle(table.id, includes):
                self._note(
                    f"{place}.includes", f"the scopes include each other: {' → '.join(cycle)}"
                )

    def _check_roles(
        self, roles: Mapping[str, RoleTable], permissions: Mapping[str, PermissionTable]
    ) -> None:
        known = {table.id for table in permissions.values()}
        for place, role in roles.items():
            for name in role.permissions:
                base = name.removesuffix(OWN_SUFFIX)
                if name not in known and base not in known & PERMISSIONS_WITH_OWN:
                    self._note(f"{place}.permissions", f'there is no permission "{name}"')

    def _check_built_in(
        self, scopes: Mapping[str, ScopeTable], permissions: Mapping[str, PermissionTable]
    ) -> None:
        for names, tables, kind in (
            (BUILT_IN_SCOPES, scopes, "scope"),
            (BUILT_IN_PERMISSIONS, permissions, "permission"),
        ):
            known = {table.id for table in tables.values()}
            for name in names:
                if name not in known:
                    self._note("built_in_api", f'the built-in API needs the {kind} "{name}"')

    def _check_logo(self, logo: object) -> None:
        if not isinstance(logo, str):
            return
        path = self._path.parent / logo
        if path.suffix.lower() not in LOGO_TYPES:
            self._note("logo", "use an SVG or PNG file")
        elif not path.is_file():
            self._note("logo", f'there is no file "{logo}" beside the platform file')

    def _api(
        self,
        place: str,
        table: ApiTable,
        scopes: Mapping[str, ScopeTable],
        permissions: Mapping[str, PermissionTable],
    ) -> Api:
        document = read_document(
            self._path.parent / table.openapi,
            scopes=frozenset(scope.id for scope in scopes.values()),
            permissions=frozenset(permission.id for permission in permissions.values()),
        )
        for where, message in document.mistakes:
            self._note(where, message, file=table.openapi)
        servers = {name: url for name, url in table.servers.model_dump().items() if url}
        if not servers:
            self._note(f"{place}.servers", "name the server of at least one environment")
        return Api(
            id=table.id,
            label=table.label,
            audience=table.audience,
            servers=servers,
            unlisted=table.unlisted,
            version=document.version,
            operations=document.operations,
        )


Named = TypeVar("Named", Scope, Permission, Role, Api)


def _by_id(things: Iterable[Named]) -> dict[str, Named]:
    return {thing.id: thing for thing in things}


def _role(table: RoleTable) -> Role:
    own = frozenset(
        name.removesuffix(OWN_SUFFIX) for name in table.permissions if name.endswith(OWN_SUFFIX)
    )
    whole = frozenset(name for name in table.permissions if not name.endswith(OWN_SUFFIX))
    return Role(table.id, table.label, table.description, whole | own, own - whole)


def _cycle(start: str, includes: Mapping[str, Sequence[str]]) -> list[str]:
    """The way from a scope back to itself; empty if there is none."""
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
    """Counted from one, as people count tables."""
    place = table
    for part in location:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        else:
            place += f".{part}" if place else part
    return place


_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a key of this table",
}


def _message(error: Any) -> str:
    known = _MESSAGES.get(error["type"])
    if known:
        return known
    message: str = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
