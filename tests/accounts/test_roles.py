import pytest

from accounts.roles import (
    DEVELOPER_ROLES,
    ROLE_DESCRIPTIONS,
    ROLE_PERMISSIONS,
    ConsolePermission,
    ConsoleRole,
    permissions_of,
)

TABLE = {
    "no_access": [],
    "auditor": [
        "console:use",
        "application:view_any",
        "jwt_credential:view_any",
        "organization:view",
        "access:view",
        "policy:view",
        "audit:view",
    ],
    "developer": [
        "console:use",
        "sandbox_account:create",
        "application:view_own",
        "application:manage_own",
        "jwt_credential:manage_own",
    ],
    "developer_admin": [
        "console:use",
        "sandbox_account:create",
        "application:view_own",
        "application:manage_own",
        "application:view_any",
        "application:manage_any",
        "jwt_credential:manage_own",
        "jwt_credential:view_any",
        "jwt_credential:manage_any",
        "organization:view",
        "policy:view",
        "audit:view",
    ],
}


@pytest.mark.parametrize("role", ConsoleRole)
def test_permissions(role: ConsoleRole) -> None:
    assert permissions_of(role, is_account_admin=False) == set(TABLE[role])


@pytest.mark.parametrize("role", ConsoleRole)
def test_account_administrators_also_decide_about_access(role: ConsoleRole) -> None:
    more = {
        "console:use",
        "extension:manage",
        "access:view",
        "access:manage",
        "policy:view",
        "policy:manage",
        "audit:view",
    }
    assert permissions_of(role, is_account_admin=True) == set(TABLE[role]) | more


def test_tables_are_complete() -> None:
    assert ROLE_PERMISSIONS.keys() == ROLE_DESCRIPTIONS.keys() == set(ConsoleRole)
    granted = frozenset().union(
        *(permissions_of(role, is_account_admin=True) for role in ConsoleRole)
    )
    assert granted == set(ConsolePermission)


def test_only_developer_roles_own_credentials() -> None:
    assert {role.value for role in DEVELOPER_ROLES} == {"developer", "developer_admin"}
