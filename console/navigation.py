"""The links that lead around the console. A new page in a section is one line of this table."""

from collections.abc import Iterable, Set
from typing import NamedTuple

from accounts.platform.words import later, word
from accounts.roles import ConsolePermission as Can


class Link(NamedTuple):
    """`key` is what the linked pages pass as `current`. Without a permission, everyone sees it."""

    key: str
    label: str
    url_name: str
    permission: Can | None = None
    icon: str = ""
    operators_only: bool = False


# Of several lines with one key, each person sees the first that they have the permission for.
SECTIONS: dict[str, list[Link]] = {
    "console": [
        Link("dashboard", "Dashboard", "dashboard", Can.CONSOLE_USE, "layout-dashboard"),
        Link("apps", "Apps", "credentials:applications", Can.APPLICATION_VIEW_OWN, "blocks"),
        Link("apps", "Apps", "credentials:applications", Can.APPLICATION_VIEW_ANY, "blocks"),
        Link(
            "credentials",
            "Credentials",
            "my_credentials:list",
            Can.JWT_CREDENTIAL_MANAGE_OWN,
            "key-round",
        ),
        Link(
            "organization",
            "Organization",
            "organization:developers",
            Can.ORGANIZATION_VIEW,
            "building-2",
        ),
        Link("organization", "Organization", "accounts:access", Can.ACCESS_VIEW, "building-2"),
        Link(
            "sandbox",
            later(lambda: f"Sandbox {word('Account')}"),
            "accounts:sandbox_account",
            Can.CONSOLE_USE,
            "flask-conical",
        ),
        Link("reference", "API reference", "reference", Can.CONSOLE_USE, "book-open"),
        Link("docs", "Docs", "docs", Can.CONSOLE_USE, "library"),
        Link(
            "why", "Why did my call fail?", "refusals:why", Can.CONSOLE_USE, "circle-question-mark"
        ),
    ],
    "organization": [
        Link("developers", "Developers", "organization:developers", Can.ORGANIZATION_VIEW),
        Link("credentials", "Credentials", "organization:credentials", Can.JWT_CREDENTIAL_VIEW_ANY),
        Link("access", "Access", "accounts:access", Can.ACCESS_VIEW),
        Link(
            "logins",
            later(lambda: word("Platform logins")),
            "accounts:extensions",
            Can.EXTENSION_MANAGE,
        ),
        Link("policies", "Policies", "organization:policies", Can.POLICY_VIEW),
        Link("audit", "Audit log", "accounts:audit_log", Can.AUDIT_VIEW),
    ],
    "profile": [
        Link("profile", "User Profile", "accounts:my_profile"),
        Link("credentials", "Credentials", "my_credentials:list", Can.JWT_CREDENTIAL_MANAGE_OWN),
        Link("password", "Password", "account_change_password"),
        Link("email", "Email", "account_email"),
        Link("security", "Security", "mfa_index"),
        Link("sessions", "Sessions", "usersessions_list"),
    ],
    "user_menu": [
        Link("profile", "User Profile", "accounts:my_profile", None, "user-round"),
        Link(
            "credentials",
            "Credentials",
            "my_credentials:list",
            Can.JWT_CREDENTIAL_MANAGE_OWN,
            "key-round",
        ),
        Link(
            "organizations",
            "Organizations",
            "operator_organizations",
            None,
            "building-2",
            operators_only=True,
        ),
        Link("apis", "APIs", "operator_apis", None, "waypoints", operators_only=True),
        Link(
            "signing_keys",
            "Signing keys",
            "operator:signing_keys",
            None,
            "shield",
            operators_only=True,
        ),
    ],
}


def navigation(permissions: Set[str], *, is_operator: bool) -> dict[str, list[Link]]:
    return {
        section: _first_of_each_key(
            link
            for link in links
            if (link.permission is None or link.permission in permissions)
            and (is_operator or not link.operators_only)
        )
        for section, links in SECTIONS.items()
    }


def _first_of_each_key(links: Iterable[Link]) -> list[Link]:
    first: dict[str, Link] = {}
    for link in links:
        first.setdefault(link.key, link)
    return list(first.values())
