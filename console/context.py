"""What every page knows: who is looking and what they may do."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.access import membership_of


def console(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    membership = membership_of(user) if user is not None else None
    return {
        "membership": membership,
        "can": {str(permission) for permission in membership.permissions} if membership else set(),
        "demo": settings.DEMO,
    }
