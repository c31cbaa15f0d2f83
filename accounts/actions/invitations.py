from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, emails, notices
from accounts.actions.memberships import (
    ADDRESS_TAKEN,
    join_organization,
    lock_organization,
    raise_role,
    require_account_admin,
)
from accounts.models import AuditKind, Invitation, Membership, Organization, User
from accounts.roles import ConsoleRole, higher_role
from core import email_addresses, raw_secrets
from core.origin import Origin

INVITATION_LIFETIME = timedelta(days=7)
INVITATION_TOKEN_PREFIX = "inv_"
NOT_OPEN = "This invitation was already used or has expired. Ask for a new one."


@transaction.atomic
def invite(
    organization: Organization,
    email: str,
    *,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User | None,
    origin: Origin,
    at: datetime | None = None,
) -> tuple[Invitation, str]:
    """An invitation and its raw token, which isn't stored anywhere.

    `actor` is None for a command, which needs no right. The address can be that of an existing
    member if the invitation gives them more access.
    """
    _require_inviter(organization, actor)
    raw_token = raw_secrets.generate(INVITATION_TOKEN_PREFIX)
    now = at or timezone.now()
    invitation = Invitation(
        organization=organization,
        email=email_addresses.normalized(email),
        role=role,
        is_account_admin=is_account_admin,
        token_digest=raw_secrets.digest(raw_token),
        created_at=now,
        expires_at=now + INVITATION_LIFETIME,
        invited_by=actor,
    )
    invitation.full_clean()
    _require_use(invitation)
    if organization.invitations.open(now).filter(email=invitation.email).exists():
        raise ValidationError(
            {"email": "This address already has an open invitation. Resend it or withdraw it."}
        )
    invitation.save(force_insert=True)
    audit.record(
        AuditKind.INVITATION_CREATED,
        actor=actor,
        origin=origin,
        target=invitation,
        at=at,
        role=role,
        is_account_admin=is_account_admin,
    )
    return invitation, raw_token


def _require_inviter(organization: Organization, actor: User | None) -> None:
    # Operators can invite to every organization, because one can lose its last administrator.
    if actor is not None and not (actor.is_active and actor.is_staff):
        require_account_admin(organization, actor)


def invite_by_email(
    organization: Organization,
    email: str,
    *,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User | None,
    origin: Origin,
) -> tuple[Invitation, bool]:
    """Invite and send the link. The second value says whether the email server accepted it."""
    invitation, raw_token = invite(
        organization,
        email,
        role=role,
        is_account_admin=is_account_admin,
        actor=actor,
        origin=origin,
    )
    return invitation, emails.invitation(invitation, raw_token)


def _require_use(invitation: Invitation) -> None:
    user = User.objects.select_related("membership").filter(email=invitation.email).first()
    if user is None:
        return
    membership = Membership.objects.filter(
        user=user, organization_id=invitation.organization_id
    ).first()
    if membership is None:
        raise ValidationError({"email": "This email address is already in use."})
    if not user.is_active:
        raise ValidationError({"email": f"{user.name} is deactivated. Reactivate them instead."})
    current = ConsoleRole(membership.role)
    if higher_role(current, ConsoleRole(invitation.role)) == current and (
        membership.is_account_admin or not invitation.is_account_admin
    ):
        raise ValidationError(
            {
                "email": f"{user.name} already has the {current.label} role. Change their role "
                "instead."
            }
        )


@transaction.atomic
def renew_invitation(
    invitation: Invitation, *, actor: User | None, origin: Origin, at: datetime | None = None
) -> tuple[Invitation, str]:
    """A new raw token, valid for seven days. The old one stops working."""
    _require_inviter(invitation.organization, actor)
    locked = _unsettled(invitation)
    raw_token = raw_secrets.generate(INVITATION_TOKEN_PREFIX)
    locked.token_digest = raw_secrets.digest(raw_token)
    locked.expires_at = (at or timezone.now()) + INVITATION_LIFETIME
    locked.expiry_told_at = None
    locked.save(update_fields=["token_digest", "expires_at", "expiry_told_at"])
    audit.record(
        AuditKind.INVITATION_RESENT,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        expires_at=locked.expires_at,
    )
    return locked, raw_token


def resend_invitation(
    invitation: Invitation, *, actor: User | None, origin: Origin
) -> tuple[Invitation, bool]:
    renewed, raw_token = renew_invitation(invitation, actor=actor, origin=origin)
    return renewed, emails.invitation(renewed, raw_token)


@transaction.atomic
def withdraw_invitation(
    invitation: Invitation, *, actor: User | None, origin: Origin
) -> Invitation:
    _require_inviter(invitation.organization, actor)
    locked = _unsettled(invitation)
    locked.withdrawn_at = timezone.now()
    locked.save(update_fields=["withdrawn_at"])
    audit.record(
        AuditKind.INVITATION_WITHDRAWN,
        actor=actor,
        origin=origin,
        target=locked,
    )
    return locked


@transaction.atomic
def readdress_invitations(user: User, *, former: str, address: str, origin: Origin) -> None:
    """Let open invitations of a member follow them to their new address.

    Otherwise the link would offer them a second account, under their former address.
    """
    theirs = Invitation.objects.open().filter(
        organization__memberships__user=user, email=email_addresses.normalized(former)
    )
    for invitation in theirs.select_for_update(of=("self",)):
        invitation.email = email_addresses.normalized(address)
        invitation.save(update_fields=["email"])
        audit.record(
            AuditKind.INVITATION_READDRESSED,
            actor=user,
            origin=origin,
            target=invitation,
        )


def _unsettled(invitation: Invitation) -> Invitation:
    locked = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organization")
        .get(pk=invitation.pk)
    )
    if locked.is_settled:
        raise ValidationError(f"The invitation to {locked.email} is already {locked.state}.")
    return locked


@transaction.atomic
def accept_invitation(
    invitation: Invitation, *, first_name: str, last_name: str, password: str, origin: Origin
) -> User:
    locked = _locked_open(invitation)
    if User.objects.filter(email=locked.email).exists():
        raise ValidationError(ADDRESS_TAKEN)
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
    _mark_accepted(locked, membership.user, origin)
    return membership.user


@transaction.atomic
def accept_invitation_as(user: User, invitation: Invitation, *, origin: Origin) -> Membership:
    locked = _locked_open(invitation)
    membership = (
        Membership.objects.select_related("user")
        .filter(user=user, organization=locked.organization)
        .first()
    )
    if membership is None or user.email.lower() != locked.email.lower():
        raise ValidationError(f"This invitation is for {locked.email}.")
    if not membership.user.is_active:
        raise ValidationError(
            "Your account is deactivated. Ask an account administrator to reactivate it."
        )
    raised = raise_role(
        membership,
        role=ConsoleRole(locked.role),
        is_account_admin=locked.is_account_admin,
        actor=user,
        origin=origin,
    )
    _mark_accepted(locked, user, origin)
    return raised


def _locked_open(invitation: Invitation) -> Invitation:
    # The lock makes a second person who accepts wait. The digest is part of the question,
    # because an invitation that was sent again has another link.
    lock_organization(invitation.organization)
    locked = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organization")
        .open()
        .filter(pk=invitation.pk, token_digest=invitation.token_digest)
        .first()
    )
    if locked is None:
        raise ValidationError(NOT_OPEN)
    return locked


def _mark_accepted(invitation: Invitation, user: User, origin: Origin) -> None:
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    audit.record(
        AuditKind.INVITATION_ACCEPTED,
        actor=user,
        origin=origin,
        target=invitation,
    )


EXPIRED_AT_ONCE = 500


def tell_of_expired_invitations(*, at: datetime | None = None) -> int:
    """Tell people once that their invitations expired; return the number of invitations.

    Expired invitations stay in the list and can be sent again.
    """
    at = at or timezone.now()
    told = 0
    while count := _tell_of_some_expired(at):
        told += count
    return told


@transaction.atomic
def _tell_of_some_expired(at: datetime) -> int:
    due = list(
        Invitation.objects.expiry_untold(at)
        .select_for_update(of=("self",))
        .select_related("organization", "invited_by")
        .order_by("pk")[:EXPIRED_AT_ONCE]
    )
    by_inviter: dict[User, list[Invitation]] = {}
    for invitation in due:
        if invitation.invited_by is not None:
            by_inviter.setdefault(invitation.invited_by, []).append(invitation)
    for inviter, theirs in by_inviter.items():
        notices.invitations_expired(inviter, theirs, at=at)
    return Invitation.objects.filter(pk__in=[row.pk for row in due]).update(expiry_told_at=at)
