"""What a platform offers: app scopes, user permissions, user roles, APIs and their operations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

OWN_SUFFIX = ":own"
# The one permission that a role may hold for the person's own things only.
PERMISSIONS_WITH_OWN = frozenset({"EditUserInfo"})


@dataclass(frozen=True)
class Scope:
    """An app scope: what an app may do (RFC 6749 §3.3)."""

    id: str
    label: str
    description: str = ""
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """A user permission: what a person may do."""

    id: str
    label: str
    description: str = ""


@dataclass(frozen=True)
class Role:
    """A user role. `own` holds the permissions that cover the person's own things only."""

    id: str
    label: str
    description: str = ""
    permissions: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()

    def no_more_than(self, other: "Role") -> bool:
        """Whether a person with the other role can do all of this anyway."""
        return self.permissions <= other.permissions and other.own & self.permissions <= self.own


@dataclass(frozen=True)
class Parameter:
    """An input of an operation, in the path, the query, a header or a cookie."""

    name: str
    location: str
    required: bool = False
    description: str = ""
    type: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one path template of an API, and what a call to it needs."""

    id: str
    method: str
    path: str
    scopes: tuple[frozenset[str], ...] = ()
    """Alternatives: a call needs all scopes of one of them."""
    needs_token: bool = True
    permission: str = ""
    limit_group: str = ""
    summary: str = ""
    description: str = ""
    tag: str = ""
    parameters: tuple[Parameter, ...] = ()
    body_type: str = ""
    """The media type of the request body; empty without a body."""


@dataclass(frozen=True)
class Api:
    """An API of the platform, described by an OpenAPI document."""

    id: str
    label: str
    audience: str
    servers: Mapping[str, str]
    unlisted: Literal["refuse", "authenticate"]
    version: str = ""
    operations: tuple[Operation, ...] = ()

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Every scope that one of its operations asks for."""
        return frozenset(
            scope
            for operation in self.operations
            for alternative in operation.scopes
            for scope in alternative
        )


@dataclass(frozen=True)
class Links:
    documentation: str = ""
    support: str = ""
    terms: str = ""
    privacy: str = ""
    status: str = ""


@dataclass(frozen=True)
class Platform:
    """Everything that the platform file says, checked. The order is the file's."""

    name: str
    scopes: Mapping[str, Scope]
    permissions: Mapping[str, Permission]
    roles: Mapping[str, Role]
    apis: Mapping[str, Api] = field(default_factory=dict)
    built_in_api: bool = True
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What this platform calls things: singular and plural."""
    links: Links = field(default_factory=Links)
    logo: str = ""
    """The path of the logo; empty without one."""
    accent: str = ""

    @cached_property
    def default_role(self) -> Role:
        return next(iter(self.roles.values()))

    @cached_property
    def included_scopes(self) -> Mapping[str, frozenset[str]]:
        """Each scope with all that it includes, itself among them."""
        return {scope: self._closure(scope) for scope in self.scopes}

    def _closure(self, scope: str) -> frozenset[str]:
        return frozenset({scope}).union(*map(self._closure, self.scopes[scope].includes))

    def effective_scopes(self, scopes: Iterable[str]) -> frozenset[str]:
        """The given scopes with all that they include; what isn't offered grants nothing."""
        return _effective_scopes(self, frozenset(scopes))

    def scope_string(self, scopes: Iterable[str]) -> str:
        """Space-delimited in the order of the file (RFC 6749 §3.3)."""
        return _scope_string(self, frozenset(scopes))

    def __hash__(self) -> int:
        return id(self)


# A server has one platform, so the two caches hold the sets of scopes that its apps have.
@lru_cache(maxsize=1024)
def _effective_scopes(platform: Platform, scopes: frozenset[str]) -> frozenset[str]:
    included = platform.included_scopes
    return frozenset[str]().union(*(included.get(scope, frozenset()) for scope in scopes))


@lru_cache(maxsize=1024)
def _scope_string(platform: Platform, wanted: frozenset[str]) -> str:
    return " ".join(scope for scope in platform.scopes if scope in wanted)
