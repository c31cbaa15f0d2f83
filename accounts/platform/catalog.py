"""What a platform offers: app scopes, user permissions, user roles, APIs and their operations."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from accounts.platform import built_in
from accounts.platform.paths import PathTree

OF_NO_API = "Other scopes"
OPERATION_ID_LENGTH = 200


@dataclass(frozen=True)
class Scope:
    """An app scope: what an app can do (RFC 6749 §3.3)."""

    id: str
    label: str
    description: str = ""
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """A user permission: what a person can do."""

    id: str
    label: str
    description: str = ""


@dataclass(frozen=True)
class Role:
    """A user role, with its permissions in the order of the file."""

    id: str
    label: str
    description: str = ""
    permissions: tuple[str, ...] = ()
    is_offered: bool = True
    """Whether the platform file has the role."""

    def covers(self, permission: str) -> bool:
        """Whether the role has the permission, or one that includes it."""
        return permission in self.permissions or (
            built_in.WHOLE_OF.get(permission) in self.permissions
        )

    def covers_own(self, permission: str) -> bool:
        """Whether the role has the permission at least for the person's own things."""
        return self.covers(built_in.OWN_PART_OF.get(permission, permission))

    def no_more_than(self, other: "Role") -> bool:
        return all(map(other.covers, self.permissions))


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation, in the path, the query, a header or a cookie."""

    name: str
    location: str
    required: bool = False
    description: str = ""
    type: str = ""
    example: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one path template of an API, and what a call needs."""

    id: str
    method: str
    path: str
    scopes: tuple[frozenset[str], ...] = ()
    """Alternatives: a call needs all scopes of one of them."""
    is_open: bool = False
    """Whether a call needs no access token."""
    permission: str = ""
    limit_group: str = ""
    summary: str = ""
    description: str = ""
    tag: str = ""
    parameters: tuple[Parameter, ...] = ()
    body_type: str = ""
    """The media type of the request body; empty without a body."""

    def lacking(self, scopes: frozenset[str]) -> frozenset[str]:
        """The scopes that are missing from the closest alternative; empty if none is missing."""
        return min((each - scopes for each in self.scopes), key=len, default=frozenset())


@dataclass(frozen=True)
class Api:
    """An API of the platform, described by an OpenAPI document."""

    id: str
    label: str
    audience: str
    servers: Mapping[str, str]
    """By environment, without a trailing slash."""
    unlisted: Literal["refuse", "authenticate"]
    title: str = ""
    """The title and the version that the document gives itself."""
    version: str = ""
    operations: tuple[Operation, ...] = ()
    trees: Mapping[str, PathTree[Operation]] = field(default_factory=dict, repr=False)
    """By environment: the operations, with their paths below the path of the server."""

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Every scope that one of its operations needs."""
        return frozenset[str]().union(
            *(alternative for operation in self.operations for alternative in operation.scopes)
        )

    def operation(self, operation_id: str) -> Operation | None:
        return next((each for each in self.operations if each.id == operation_id), None)


@dataclass(frozen=True)
class Links:
    documentation: str = ""
    support: str = ""
    terms: str = ""
    privacy: str = ""
    status: str = ""

    @property
    def labeled(self) -> list[tuple[str, str]]:
        """The label and URL of each link that the file has."""
        return [(name.capitalize(), url) for name, url in asdict(self).items() if url]


@dataclass(frozen=True)
class Logo:
    """The picture before the name of the platform."""

    name: str
    """The file name: `logo.svg` or `logo.png`."""
    content_type: str
    content: bytes = field(repr=False)


# A platform is equal only to itself, so that the caches below find it without comparing its tables.
@dataclass(frozen=True, eq=False)
class Platform:
    """The content of a platform file without mistakes, in the order of the file."""

    name: str
    scopes: Mapping[str, Scope]
    permissions: Mapping[str, Permission]
    roles: Mapping[str, Role]
    apis: Mapping[str, Api] = field(default_factory=dict)
    built_in_api: bool = False
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The platform's words for things: singular and plural."""
    links: Links = field(default_factory=Links)
    logo: Logo | None = None
    accent: str = ""

    @cached_property
    def default_role(self) -> Role:
        """The role that people get by default: the first one."""
        return next(iter(self.roles.values()))

    @cached_property
    def administrator_role(self) -> Role:
        """The role that account administrators get by default.

        They administer the account through the built-in API. If the platform has that API, they get
        the first role with all of its permissions.
        """
        if not self.built_in_api:
            return self.default_role
        able = (role for role in self.roles.values() if all(map(role.covers, built_in.PERMISSIONS)))
        return next(able, self.default_role)

    def role(self, role: str) -> Role:
        """The role with this ID. A role that the platform no longer offers grants nothing."""
        return self.roles.get(role) or Role(role, label=role, is_offered=False)

    @cached_property
    def included_scopes(self) -> Mapping[str, frozenset[str]]:
        """Each scope with itself and everything that it includes."""
        return {scope: self._closure(scope) for scope in self.scopes}

    def _closure(self, scope: str) -> frozenset[str]:
        return frozenset({scope}).union(*map(self._closure, self.scopes[scope].includes))

    @cached_property
    def scopes_by_audience(self) -> Mapping[str, frozenset[str]]:
        """The scopes that the operations of each API need, without the built-in API."""
        return {api.audience: api.scopes for api in self.apis.values()}

    @cached_property
    def scopes_by_api(self) -> Mapping[str, tuple[Scope, ...]]:
        """The scopes, grouped by the names of the APIs that use them; scopes of no API come last.

        An API uses a scope if one of its operations needs it, or a scope that it includes.
        """
        groups: dict[str, list[Scope]] = {}
        for scope in self.scopes.values():
            included = self.included_scopes[scope.id]
            using = (label for _id, label, theirs in self._needed_scopes if theirs & included)
            apis = dict.fromkeys(using)
            groups.setdefault(" and ".join(apis), []).append(scope)
        of_no_api = groups.pop("", [])
        if of_no_api:
            groups[OF_NO_API] = of_no_api
        return {label: tuple(scopes) for label, scopes in groups.items()}

    def apis_asking_for(self, scope: str) -> list[tuple[str, str]]:
        """The IDs and labels of the APIs with an operation that needs the scope itself."""
        return [(api, label) for api, label, theirs in self._needed_scopes if scope in theirs]

    @cached_property
    def _needed_scopes(self) -> list[tuple[str, str, frozenset[str]]]:
        """The ID and label of each API, and every scope that its operations need."""
        own = [(api.id, api.label, api.scopes) for api in self.apis.values()]
        if not self.built_in_api:
            return own
        return [(built_in.API_ID, built_in.LABEL, frozenset(built_in.SCOPES)), *own]

    def effective_scopes(self, scopes: Iterable[str]) -> frozenset[str]:
        """These scopes and everything that they include, without scopes that aren't offered."""
        return _effective_scopes(self, frozenset(scopes))

    def scope_string(self, scopes: Iterable[str]) -> str:
        """Space-delimited in the order of the file (RFC 6749 §3.3)."""
        return _scope_string(self, frozenset(scopes))


# Large enough for all sets of scopes that the apps of an installation have.
@lru_cache(maxsize=1024)
def _effective_scopes(platform: Platform, scopes: frozenset[str]) -> frozenset[str]:
    included = platform.included_scopes
    return frozenset[str]().union(*(included.get(scope, frozenset()) for scope in scopes))


@lru_cache(maxsize=1024)
def _scope_string(platform: Platform, wanted: frozenset[str]) -> str:
    return " ".join(scope for scope in platform.scopes if scope in wanted)
