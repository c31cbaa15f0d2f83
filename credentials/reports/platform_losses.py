"""What apps and people would lose if the installation used another platform file."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from accounts.models import Extension
from accounts.platform.catalog import Platform
from credentials.models import Application

LOGINS_LISTED = 20


@dataclass(frozen=True)
class RoleLoss:
    role: str
    is_offered: bool
    permissions: list[str]
    """The permissions that would be lost; empty if the current platform doesn't offer the role."""
    count: int
    logins: list[Extension]
    """The first logins that have the role, up to a limit."""


def app_losses(platform: Platform) -> Iterator[tuple[Application, list[str]]]:
    """The apps, each with the scopes that would no longer grant anything."""
    apps = Application.objects.in_service().select_related("organization")
    for app in apps.order_by("organization__name", "name"):
        held = app.effective_scopes | set(app.scopes)
        if lost := held - platform.effective_scopes(app.scopes):
            yield app, sorted(lost)


def role_losses(platform: Platform) -> Iterator[RoleLoss]:
    counted = Extension.objects.values_list("user_role").annotate(count=Count("pk"))
    for role, count in counted.order_by("user_role"):
        after = platform.role(role)
        before = settings.PLATFORM.role(role).permissions
        lost = [permission for permission in before if not after.covers(permission)]
        if lost or not after.is_offered:
            logins = Extension.objects.filter(user_role=role).select_related("account", "user")
            first = list(logins.order_by("user__email", "account__environment")[:LOGINS_LISTED])
            yield RoleLoss(role, after.is_offered, lost, count, first)
