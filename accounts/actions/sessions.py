"""Ends and renews sessions, which django-allauth lists."""

from collections.abc import Iterable
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts import audit, notices
from accounts.actions.memberships import require_account_admin
from accounts.models import AuditKind, Membership, NoticeKind, User
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
def end_sessions_of(membership: Membership, *, actor: User, origin: Origin) -> Membership:
    """Sign a person out everywhere, as an account administrator."""
    require_account_admin(membership.organization, actor)
    ended = list(UserSession.objects.filter(user=membership.user))
    if not ended:
        raise ValidationError(f"{membership.user.name} isn’t signed in.")
    for session in ended:
        session.end()
    audit.record(
        AuditKind.SESSIONS_ENDED,
        actor=actor,
        origin=origin,
        target=membership.user,
        browsers=sorted(browsers.described(session.user_agent) for session in ended),
    )
    notices.membership_changed(NoticeKind.SIGNED_OUT, membership, actor)
    return membership


@transaction.atomic
def renew_session(session: SessionBase) -> None:
    """Give a session another key, as at sign-in. Its age stays."""
    former = session.session_key
    session.cycle_key()
    UserSession.objects.filter(session_key=former).update(session_key=session.session_key)


@transaction.atomic
def forget_ended_sessions() -> int:
    # allauth keeps listing a session after the session itself was deleted.
    stored = Session.objects.values("session_key")
    forgotten, _ = UserSession.objects.exclude(session_key__in=stored).delete()
    return int(forgotten)
