"""The browsers in which a person is signed in, with two queries. allauth takes three for each."""

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models.users import User


def sessions_of(user: User) -> list[UserSession]:
    """The active sessions: not expired, not ended, and not from before a password change."""
    listed = list(UserSession.objects.filter(user=user))
    stored = Session.objects.filter(
        session_key__in=[each.session_key for each in listed], expire_date__gt=timezone.now()
    )
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    active = {each.session_key for each in stored if _is_one_of(hashes, each)}
    return [each for each in listed if each.session_key in active]


def _is_one_of(hashes: list[str], stored: Session) -> bool:
    begun_with = stored.get_decoded().get(HASH_SESSION_KEY, "")
    return any(constant_time_compare(begun_with, each) for each in hashes)
