"""The platform's app scopes and user permissions, and which of them include others."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import TextChoices


class AppScope(TextChoices):
    """What an app can do, in the order of pages and token responses."""

    READ_ACCOUNTS = "ReadAccounts", "Read Accounts"
    EDIT_EXTENSIONS = "EditExtensions", "Edit Extensions"
    EDIT_ACCOUNTS = "EditAccounts", "Edit Accounts"
    ACCOUNTS = "Accounts", "Accounts"


SCOPE_DESCRIPTIONS: dict[AppScope, str] = {
    AppScope.READ_ACCOUNTS: "Read the company account, its business address, and its extensions.",
    AppScope.EDIT_EXTENSIONS: "Change the contact details of extensions.",
    AppScope.EDIT_ACCOUNTS: "Change the account. Includes Read Accounts and Edit Extensions.",
    AppScope.ACCOUNTS: "Read and change everything in the account. Includes all other scopes.",
}

_DIRECTLY_INCLUDES: dict[AppScope, frozenset[AppScope]] = {
    AppScope.ACCOUNTS: frozenset({AppScope.EDIT_ACCOUNTS}),
    AppScope.EDIT_ACCOUNTS: frozenset({AppScope.READ_ACCOUNTS, AppScope.EDIT_EXTENSIONS}),
}


def _with_included(scope: AppScope) -> frozenset[AppScope]:
    included = _DIRECTLY_INCLUDES.get(scope, frozenset())
    return frozenset({scope}).union(*(_with_included(inner) for inner in included))


SCOPE_CLOSURE: dict[str, frozenset[AppScope]] = {
    scope.value: _with_included(scope) for scope in AppScope
}


def effective_scopes(scopes: Iterable[str]) -> frozenset[AppScope]:
    """The given scopes and the scopes they include. Unknown names grant nothing."""
    return _effective_scopes(frozenset(scopes))


@lru_cache(maxsize=256)
def _effective_scopes(scopes: frozenset[str]) -> frozenset[AppScope]:
    return frozenset[AppScope]().union(*(SCOPE_CLOSURE.get(scope, frozenset()) for scope in scopes))


def scope_string(scopes: Iterable[str]) -> str:
    """Space-delimited in catalog order (RFC 6749 §3.3)."""
    return _scope_string(frozenset(scopes))


@lru_cache(maxsize=256)
def _scope_string(wanted: frozenset[str]) -> str:
    return " ".join(scope.value for scope in AppScope if scope.value in wanted)


class UserPermission(TextChoices):
    """What a person's extension can do on the platform."""

    READ_COMPANY_INFO = "ReadCompanyInfo", "Read company info"
    EDIT_COMPANY_INFO = "EditCompanyInfo", "Edit company info"
    READ_EXTENSIONS = "ReadExtensions", "Read extensions"
    EDIT_USER_INFO = "EditUserInfo", "Edit user info"


class UserRole(TextChoices):
    SUPER_ADMIN = "super_admin", "Super Admin"
    STANDARD_USER = "standard_user", "Standard User"
    READ_ONLY = "read_only", "Read Only"


@dataclass(frozen=True)
class UserGrant:
    """The user permissions of a role; `edits_everyone` widens EditUserInfo from own to all."""

    permissions: frozenset[UserPermission]
    edits_everyone: bool = False

    def no_more_than(self, other: "UserGrant") -> bool:
        return self.permissions <= other.permissions and (
            other.edits_everyone or not self.edits_everyone
        )


USER_ROLE_GRANTS: dict[UserRole, UserGrant] = {
    UserRole.SUPER_ADMIN: UserGrant(frozenset(UserPermission), edits_everyone=True),
    UserRole.STANDARD_USER: UserGrant(
        frozenset(
            {
                UserPermission.READ_COMPANY_INFO,
                UserPermission.READ_EXTENSIONS,
                UserPermission.EDIT_USER_INFO,
            }
        )
    ),
    UserRole.READ_ONLY: UserGrant(
        frozenset({UserPermission.READ_COMPANY_INFO, UserPermission.READ_EXTENSIONS})
    ),
}
