from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, raw_secrets
from accounts.actions.memberships import join_organization
from accounts.models import AuditKind, Invitation, Organization, User
from accounts.origin import Origin
from accounts.roles import ConsoleRole

INVITATION_LIFETIME = timedelta(days=7)


@transaction.atomic
def invite(
    organization: Organization,
    email: str,
    *,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User | None,
    origin: Origin,
) -> tuple[Invitation, str]:
    """An invitation and its raw token, which is not kept anywhere."""
    raw_token = raw_secrets.generate("inv_")
    now = timezone.now()
    invitation = Invitation(
        organization=organization,
        email=email.strip().lower(),
        role=role,
        is_account_admin=is_account_admin,
        token_digest=raw_secrets.digest(raw_token),
        created_at=now,
        expires_at=now + INVITATION_LIFETIME,
    )
    invitation.full_clean()
    if User.objects.filter(email__iexact=invitation.email).exists():
        raise ValidationError({"email": "There is already a person with this e-mail address."})
    invitation.save(force_insert=True)
    audit.record(
        AuditKind.INVITATION_CREATED,
        actor=actor,
        origin=origin,
        target=invitation,
        organization=organization,
        role=role,
        is_account_admin=is_account_admin,
    )
    return invitation, raw_token


@transaction.atomic
def accept_invitation(
    invitation: Invitation, *, first_name: str, last_name: str, password: str, origin: Origin
) -> User:
    """Turn an open invitation into a person of the organization; works once."""
    locked = Invitation.objects.select_for_update().open().filter(pk=invitation.pk).first()
    if locked is None:
        raise ValidationError("This invitation has been used or has expired. Ask for a new one.")
    if User.objects.filter(email__iexact=locked.email).exists():
        raise ValidationError("There is already a person with this e-mail address. Sign in.")
    membership = join_organization(
        locked.organization,
        email=locked.email,
        first_name=first_name,
        last_name=last_name,
        password=password,
        role=ConsoleRole(locked.role),
        is_account_admin=locked.is_account_admin,
        actor=None,
        origin=origin,
    )
    locked.accepted_at = timezone.now()
    locked.save(update_fields=["accepted_at"])
    audit.record(
        AuditKind.INVITATION_ACCEPTED,
        actor=membership.user,
        origin=origin,
        target=locked,
        organization=locked.organization,
    )
    return membership.user
