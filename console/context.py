"""What every page knows: who views it, and what they can do."""

import functools
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.access import membership_of
from accounts.models import Membership, User
from accounts.roles import ConsolePermission
from console.environment_switch import switch_links
from console.navigation import navigation
from console.version import CONSOLE_VERSION

MANY_NOTICES = 99


def console(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    membership = membership_of(user) if user is not None else None
    can = {str(permission) for permission in membership.permissions} if membership else set()
    is_operator = getattr(user, "is_staff", False)
    return {
        "membership": membership,
        # Functions, because only the pages that show these pay for them.
        "pending_access_requests": functools.cache(lambda: _pending_access_requests(membership)),
        "unread_notices": functools.cache(lambda: _unread_notices(user)),
        "can": can,
        "navigation": functools.cache(lambda: navigation(can, is_operator=is_operator)),
        "environment_switch": functools.cache(lambda: switch_links(request)),
        # Only for those who install updates: it would tell others which mistakes we have fixed.
        "version": CONSOLE_VERSION if is_operator else "",
        "demo": settings.DEMO,
        "theme": request.COOKIES.get(settings.THEME_COOKIE_NAME),
        # Only this API has numbers of people and accounts.
        "built_in_api": settings.PLATFORM.built_in_api,
    }


def _pending_access_requests(membership: Membership | None) -> int:
    if membership is None or not membership.may(ConsolePermission.ACCESS_MANAGE):
        return 0
    return membership.organization.access_requests.pending().count()


def _unread_notices(user: object) -> int:
    if not isinstance(user, User):
        return 0
    # The bell shows “99+” for more, so that no page counts thousands.
    return user.notices.unread()[: MANY_NOTICES + 1].count()
