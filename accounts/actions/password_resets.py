"""Password resets that someone else starts. The person alone chooses and learns the password."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from accounts import audit, emails
from accounts.actions.memberships import require_account_admin
from accounts.models import AuditKind, Membership, User
from core.origin import Origin


def send_password_reset(membership: Membership, *, actor: User, origin: Origin) -> bool:
    """Email a reset link, as an account administrator. Says whether the email server accepted it.

    The password and second factors stay as they are until the person uses the link.
    """
    with transaction.atomic():
        require_account_admin(membership.organization, actor)
        _record(membership.user, actor=actor, origin=origin)
    return _send(membership.user, actor)


def send_password_reset_as_operator(user: User, *, origin: Origin) -> bool:
    with transaction.atomic():
        _record(user, actor=None, origin=origin)
    return _send(user, None)


def _record(user: User, *, actor: User | None, origin: Origin) -> None:
    if not user.is_active:
        raise ValidationError(f"{user.name} is deactivated, and can’t sign in.")
    audit.record(AuditKind.PASSWORD_RESET_SENT, actor=actor, origin=origin, target=user)


def _send(user: User, actor: User | None) -> bool:
    key = default_token_generator.make_token(user)
    parts = {"uidb36": user_pk_to_url_str(user), "key": key}
    path = reverse("account_reset_password_from_key", kwargs=parts)
    return emails.password_reset(user, path, actor)
