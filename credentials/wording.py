"""Sentences about a credential that several pages share."""

from django.utils import timezone

from core.moments import in_words
from credentials.models import JwtCredential, Policy


def status_in_words(credential: JwtCredential) -> str:
    if credential.status == "active" and credential.paused_until and credential.is_paused():
        return f"Paused until {in_words(credential.paused_until)}"
    if credential.is_being_replaced and credential.superseded_at is not None:
        return f"Being replaced, ends {in_words(credential.superseded_at)}"
    if credential.status == "revoked" and credential.revoked_by is not None:
        return f"Revoked by {credential.revoked_by.name}"
    if credential.status == "revoked":
        reason = credential.revoked_reason
        return f"Revoked: {reason[:1].lower()}{reason[1:]}"
    return time_left(credential) if credential.expires_soon else credential.status.capitalize()


def time_left(credential: JwtCredential) -> str:
    """`Expires today`, `Expires in 6 days`."""
    days = (credential.expires_at - timezone.now()).days
    return "Expires today" if days < 1 else f"Expires in {days} day{'s' if days > 1 else ''}"


def end_in_words(credential: JwtCredential) -> str:
    """Who ended the credential, when and why; empty while it is active."""
    if credential.superseded_at is not None and credential.is_replaced():
        return f"Another credential replaced it on {in_words(credential.superseded_at)}."
    if credential.revoked_at is not None:
        moment = in_words(credential.revoked_at)
        if credential.revoked_by is None:
            return f"Someone reported its JWT as leaked on {moment}, and we revoked it."
        why = f": “{credential.revoked_reason}”" if credential.revoked_reason else ""
        return f"{credential.revoked_by.name} revoked it on {moment}{why}."
    return f"It expired on {in_words(credential.expires_at)}." if credential.is_expired() else ""


def pause_in_words(credential: JwtCredential) -> str:
    """Who paused the credential, and until when; empty if it isn't paused."""
    if not credential.is_paused() or credential.paused_until is None:
        return ""
    who = credential.paused_by.name if credential.paused_by else "Someone"
    return f"{who} paused it until {in_words(credential.paused_until)}."


def networks_in_words(credential: JwtCredential, policy: Policy | None = None) -> str:
    """The networks that apps can call from; an address must be in both lists."""
    lists = (
        ("the organization policy allows", (policy or credential.policy).allowed_networks),
        ("the credential allows", credential.allowed_networks),
    )
    return "; ".join(f"{who} {', '.join(listed)}" for who, listed in lists if listed)
