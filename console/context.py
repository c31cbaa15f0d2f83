"""What every page knows: who is looking and what they may do."""

import functools
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.access import membership_of
from accounts.models import Membership, User
from accounts.roles import ConsolePermission

MANY_NOTICES = 99


def console(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    membership = membership_of(user) if user is not None else None
    return {
        "membership": membership,
        # Called by the templates that show it, and by no other.
        "pending_access_requests": functools.cache(lambda: _pending_access_requests(membership)),
        "unread_notices": functools.cache(lambda: _unread_notices(user)),
        "can": {str(permission) for permission in membership.permissions} if membership else set(),
        "demo": settings.DEMO,
    }


def _pending_access_requests(membership: Membership | None) -> int:
    """How many people wait for the viewer's decision; 0 for whoever decides nothing."""
    if membership is None or not membership.may(ConsolePermission.ACCESS_MANAGE):
        return 0
    return membership.organization.access_requests.pending().count()


def _unread_notices(user: object) -> int:
    """For the bell of every page, which need not know more than that they are many."""
    if not isinstance(user, User):
        return 0
    return user.notices.unread()[: MANY_NOTICES + 1].count()
