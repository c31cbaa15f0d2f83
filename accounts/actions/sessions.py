"""A person's own sessions, which django-allauth lists."""

from collections.abc import Iterable
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, User
from core import browsers
from core.origin import Origin


@transaction.atomic
def end_sessions(
    sessions: Iterable[UserSession], *, actor: User, origin: Origin, at: datetime | None = None
) -> int:
    ended = []
    for session in sessions:
        if session.user_id != actor.pk:
            raise PermissionDenied
        session.end()
        ended.append(browsers.described(session.user_agent))
    if ended:
        audit.record(
            AuditKind.SESSIONS_ENDED,
            actor=actor,
            origin=origin,
            target=actor,
            at=at,
            browsers=sorted(ended),
        )
    return len(ended)


@transaction.atomic
def forget_ended_sessions() -> int:
    # allauth keeps listing a session after the session itself was deleted.
    stored = Session.objects.values("session_key")
    forgotten, _ = UserSession.objects.exclude(session_key__in=stored).delete()
    return int(forgotten)
