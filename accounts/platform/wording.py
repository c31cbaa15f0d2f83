"""Sentences about user roles that several pages share."""

from accounts.platform import built_in
from accounts.platform.catalog import Role

NO_LONGER_OFFERED = "No longer offered, so it grants nothing."


def permissions_in_words(role: Role) -> list[str]:
    return [_in_words(permission) for permission in role.permissions]


def role_in_words(role: Role) -> str:
    """What a role lets people do."""
    if not role.is_offered:
        return NO_LONGER_OFFERED
    listed = ", ".join(permissions_in_words(role)) or "No user permissions."
    return f"{role.description} {listed}".strip()


def _in_words(permission: str) -> str:
    if permission in built_in.WHOLE_OF:
        return f"{built_in.WHOLE_OF[permission]} (own)"
    return f"{permission} (everyone’s)" if permission in built_in.OWN_PART_OF else permission
