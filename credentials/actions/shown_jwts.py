from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, User
from core.origin import Origin
from credentials.actions.managed_credentials import require_manager
from credentials.models import (
    JwtCredential,
)


def creator_may_see(credential: JwtCredential, creator: User) -> bool:
    """Whether the creator can see the JWT on the created page."""
    # A JWT carries its owner's user permissions. An admin who creates one for a teammate sees it
    # only if the teammate has none that the admin lacks.
    if credential.created_by_id != creator.pk:
        return False
    if credential.extension.user_id == creator.pk:
        return True
    own = creator.extensions.enabled().filter(account_id=credential.extension.account_id).first()
    return own is not None and credential.extension.role.no_more_than(own.role)


def require_showable(credential: JwtCredential, actor: User) -> None:
    """Raise `PermissionDenied` unless it is yours, `ValidationError` if it no longer works."""
    if credential.extension.user_id != actor.pk:
        raise PermissionDenied
    if credential.is_ended() or credential.is_expired():
        raise ValidationError("This credential no longer works, so there is nothing to show.")
    if not credential.signing_key.can_sign:
        raise ValidationError(
            "We can’t show this JWT, because its signing key was lost. Apps that have the JWT can "
            "still use it. To get a JWT that you can view, rotate this credential."
        )


@transaction.atomic
def show_jwt(credential: JwtCredential, *, actor: User, origin: Origin) -> str:
    """The JWT of an existing credential. The caller has asked for step-up."""
    require_showable(credential, actor)
    require_manager(credential.owner, actor)
    audit.record(
        AuditKind.JWT_CREDENTIAL_SHOWN,
        actor=actor,
        origin=origin,
        target=credential,
    )
    return credential.encode()
