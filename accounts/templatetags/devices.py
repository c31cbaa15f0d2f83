"""A person's browsers and sessions, for allauth's page of sessions."""

from collections.abc import Iterable
from datetime import datetime

from allauth.usersessions.models import UserSession
from django import template
from django.conf import settings

from accounts.models import AuditEvent, AuditKind, Device, User
from accounts.models.sessions import sessions_of
from accounts.recovery_codes import codes_left
from core import browsers

register = template.Library()
register.filter("browser", browsers.described)

register.filter(codes_left)

SHOWN = 20


@register.simple_tag
def known_devices(user: User) -> Iterable[Device]:
    return user.devices.order_by("-last_seen_at", "-pk")[:SHOWN]


@register.simple_tag
def signed_in_sessions(user: User) -> list[UserSession]:
    return sorted(
        sessions_of(user),
        key=lambda session: (session.is_current(), session.last_seen_at),
        reverse=True,
    )


@register.simple_tag
def password_since(user: User) -> datetime:
    """When the person chose the password. If no event says so, when they joined."""
    changes = AuditEvent.objects.about("user", user.pk).filter(kind=AuditKind.PASSWORD_CHANGED)
    return changes.values_list("at", flat=True).first() or user.date_joined


@register.simple_tag
def session_limits() -> dict[str, int]:
    return {
        "hours": int(settings.SESSION_LIFETIME.total_seconds() // 3600),
        "idle_minutes": int(settings.SESSION_IDLE.total_seconds() // 60),
    }
