"""Console roles and what each may do: an enum and one table. Pure."""

from enum import StrEnum

from django.db.models import TextChoices


class ConsoleRole(TextChoices):
    NO_ACCESS = "no_access", "No access"
    AUDITOR = "auditor", "Auditor"
    DEVELOPER = "developer", "Developer"
    DEVELOPER_ADMIN = "developer_admin", "Developer Admin"


ROLE_DESCRIPTIONS: dict[ConsoleRole, str] = {
    ConsoleRole.NO_ACCESS: "You can't use the console until an account administrator gives access.",
    ConsoleRole.AUDITOR: "You can look at the organization's apps, people and credentials.",
    ConsoleRole.DEVELOPER: "You can register apps and create JWT credentials of your own.",
    ConsoleRole.DEVELOPER_ADMIN: (
        "You can register apps, create JWT credentials, and manage those of everyone "
        "in the organization."
    ),
}


# What an account administrator reads who gives the role to someone.
ROLE_GRANTS: dict[ConsoleRole, str] = {
    ConsoleRole.NO_ACCESS: "Can't use the console. Credentials of this person don't work.",
    ConsoleRole.AUDITOR: (
        "Sees the organization's apps, people, credentials and audit log, and changes nothing."
    ),
    ConsoleRole.DEVELOPER: "Registers apps and creates JWT credentials, and manages only these.",
    ConsoleRole.DEVELOPER_ADMIN: (
        "Manages all apps, developers and credentials of the organization."
    ),
}


class ConsolePermission(StrEnum):
    """What a person may do in the console, as `resource:action`."""

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
# Who has access is the account administrators' business, which Auditors may look at.
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

# Account administrators decide who has access, whatever their own console role.
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

# Roles that may own applications and credentials; anyone else's does not work (JWT-106).
DEVELOPER_ROLES = frozenset({ConsoleRole.DEVELOPER, ConsoleRole.DEVELOPER_ADMIN})


def higher_role(role: ConsoleRole, other: ConsoleRole) -> ConsoleRole:
    """Of two roles the one that may do more."""
    return max(role, other, key=list(ConsoleRole).index)


def permissions_of(role: str, *, is_account_admin: bool) -> frozenset[ConsolePermission]:
    granted = ROLE_PERMISSIONS[ConsoleRole(role)]
    return granted | ACCOUNT_ADMIN_PERMISSIONS if is_account_admin else granted
