"""Console roles and the permissions of each."""

from enum import StrEnum

from django.db.models import TextChoices


class ConsoleRole(TextChoices):
    NO_ACCESS = "no_access", "No access"
    AUDITOR = "auditor", "Auditor"
    DEVELOPER = "developer", "Developer"
    DEVELOPER_ADMIN = "developer_admin", "Developer Admin"


ROLE_DESCRIPTIONS: dict[ConsoleRole, str] = {
    ConsoleRole.NO_ACCESS: (
        "You can’t use the console until an account administrator gives you access."
    ),
    ConsoleRole.AUDITOR: "You can view the organization’s apps, people, and credentials.",
    ConsoleRole.DEVELOPER: "You can register apps and create your own JWT credentials.",
    ConsoleRole.DEVELOPER_ADMIN: (
        "You can create and manage apps and JWT credentials for everyone in your organization."
    ),
}


# Account administrators read these when they give someone a role.
ROLE_GRANTS: dict[ConsoleRole, str] = {
    ConsoleRole.NO_ACCESS: "Can’t use the console. This person’s credentials don’t work.",
    ConsoleRole.AUDITOR: (
        "Views the organization’s apps, people, credentials, and audit log. Can’t change anything."
    ),
    ConsoleRole.DEVELOPER: "Registers apps, creates JWT credentials, and manages only their own.",
    ConsoleRole.DEVELOPER_ADMIN: (
        "Manages all apps, developers, and credentials in the organization."
    ),
}


class ConsolePermission(StrEnum):
    """What a person can do in the console, as `resource:action`."""

    CONSOLE_USE = "console:use"
    SANDBOX_ACCOUNT_CREATE = "sandbox_account:create"
    APPLICATION_VIEW_OWN = "application:view_own"
    APPLICATION_MANAGE_OWN = "application:manage_own"
    APPLICATION_VIEW_ANY = "application:view_any"
    APPLICATION_MANAGE_ANY = "application:manage_any"
    JWT_CREDENTIAL_MANAGE_OWN = "jwt_credential:manage_own"
    JWT_CREDENTIAL_VIEW_ANY = "jwt_credential:view_any"
    JWT_CREDENTIAL_MANAGE_ANY = "jwt_credential:manage_any"
    ORGANIZATION_VIEW = "organization:view"
    EXTENSION_MANAGE = "extension:manage"
    ACCESS_VIEW = "access:view"
    ACCESS_MANAGE = "access:manage"
    POLICY_VIEW = "policy:view"
    POLICY_MANAGE = "policy:manage"
    AUDIT_VIEW = "audit:view"


_P = ConsolePermission

_AUDITOR = frozenset(
    {
        _P.CONSOLE_USE,
        _P.ORGANIZATION_VIEW,
        _P.APPLICATION_VIEW_ANY,
        _P.JWT_CREDENTIAL_VIEW_ANY,
        _P.ACCESS_VIEW,
        _P.POLICY_VIEW,
        _P.AUDIT_VIEW,
    }
)
_DEVELOPER = frozenset(
    {
        _P.CONSOLE_USE,
        _P.SANDBOX_ACCOUNT_CREATE,
        _P.APPLICATION_VIEW_OWN,
        _P.APPLICATION_MANAGE_OWN,
        _P.JWT_CREDENTIAL_MANAGE_OWN,
    }
)
# Only account administrators decide who has access, and Auditors can view it.
_DEVELOPER_ADMIN = (
    _DEVELOPER
    | (_AUDITOR - {_P.ACCESS_VIEW})
    | frozenset({_P.APPLICATION_MANAGE_ANY, _P.JWT_CREDENTIAL_MANAGE_ANY})
)

ROLE_PERMISSIONS: dict[ConsoleRole, frozenset[ConsolePermission]] = {
    ConsoleRole.NO_ACCESS: frozenset(),
    ConsoleRole.AUDITOR: _AUDITOR,
    ConsoleRole.DEVELOPER: _DEVELOPER,
    ConsoleRole.DEVELOPER_ADMIN: _DEVELOPER_ADMIN,
}

# Account administrators decide who has access, with any console role of their own.
ACCOUNT_ADMIN_PERMISSIONS = frozenset(
    {
        _P.CONSOLE_USE,
        _P.EXTENSION_MANAGE,
        _P.ACCESS_VIEW,
        _P.ACCESS_MANAGE,
        _P.POLICY_VIEW,
        _P.POLICY_MANAGE,
        _P.AUDIT_VIEW,
    }
)

# Roles that can own apps and credentials. Other people's credentials don't work (JWT-106).
DEVELOPER_ROLES = frozenset({ConsoleRole.DEVELOPER, ConsoleRole.DEVELOPER_ADMIN})


def higher_role(role: ConsoleRole, other: ConsoleRole) -> ConsoleRole:
    return max(role, other, key=list(ConsoleRole).index)


def permissions_of(role: str, *, is_account_admin: bool) -> frozenset[ConsolePermission]:
    granted = ROLE_PERMISSIONS[ConsoleRole(role)]
    return granted | ACCOUNT_ADMIN_PERMISSIONS if is_account_admin else granted
