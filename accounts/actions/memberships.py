from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, notices
from accounts.actions.extensions import create_extension
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, NoticeKind, Organization, User
from accounts.models.access_requests import Decision
from accounts.roles import ConsolePermission, ConsoleRole, higher_role
from core import email_addresses, texts
from core.origin import Origin

ADDRESS_TAKEN = "This email address is already in use. Sign in instead."


@transaction.atomic
def join_organization(
    organization: Organization,
    *,
    email: str,
    first_name: str,
    last_name: str,
    password: str,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User | None,
    origin: Origin,
    user_role: str = "",
    at: datetime | None = None,
) -> Membership:
    """Make a person with a membership and a production extension. The email counts as verified.

    Without a `user_role`, they get the one that the platform gives to people, or to account
    administrators.
    """
    at = at or timezone.now()
    texts.refuse_faults(first_name=first_name, last_name=last_name)
    user = User(email=email_addresses.normalized(email), first_name=first_name, last_name=last_name)
    user.date_joined = at
    # Before the password is judged, which can't contain the name of the organization.
    membership = Membership(
        user=user,
        organization=organization,
        role=role,
        is_account_admin=is_account_admin,
        created_at=at,
    )
    _insert(user, password)
    membership.save(force_insert=True)
    audit.record(
        AuditKind.MEMBERSHIP_CREATED,
        actor=actor or user,
        origin=origin,
        target=user,
        at=at,
        role=role,
        is_account_admin=is_account_admin,
    )
    platform = settings.PLATFORM
    default_role = platform.administrator_role if is_account_admin else platform.default_role
    create_extension(
        membership,
        Environment.PRODUCTION,
        user_role=user_role or default_role.id,
        actor=actor or user,
        origin=origin,
        at=at,
    )
    return membership


def _insert(user: User, password: str) -> None:
    validate_password(password, user)
    user.set_password(password)
    # The database decides whether the address is taken, also between two people at once.
    user.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    except IntegrityError as error:
        # Someone else took the address a moment ago, in a transaction that we couldn't see yet.
        raise ValidationError(ADDRESS_TAKEN) from error


def lock_organization(organization: Organization) -> None:
    # Decisions about the people of one organization wait for each other. `no_key` lets other
    # transactions write rows that only refer to the organization.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def require_account_admin(organization: Organization, actor: User) -> Membership:
    """The actor's membership if it can decide who has access; else `PermissionDenied`.

    Locks the organization, so that a decision sees what the one before it changed.
    """
    lock_organization(organization)
    admin = Membership.objects.select_related("user", "organization").filter(user=actor).first()
    if (
        admin is None
        or admin.organization_id != organization.pk
        or not admin.may(ConsolePermission.ACCESS_MANAGE)
    ):
        raise PermissionDenied
    return admin


def locked_membership(membership: Membership) -> Membership:
    # Two statements, because a transaction that waited for a lock sees the new version of the
    # locked row, but the old version of rows joined to it.
    Membership.objects.select_for_update().get(pk=membership.pk)
    return Membership.objects.select_related("user", "organization").get(pk=membership.pk)


@transaction.atomic
def change_role(
    membership: Membership,
    *,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User,
    origin: Origin,
) -> Membership:
    """Set what a person can do in the console, starting with their next request.

    This revokes nothing: whether credentials work depends on the current role of their owner.
    """
    require_account_admin(membership.organization, actor)
    locked = locked_membership(membership)
    if locked.role == role and locked.is_account_admin == is_account_admin:
        return locked
    if not is_account_admin:
        _require_another_account_admin(locked)
    _set_role(locked, role, is_account_admin, actor=actor, origin=origin)
    notices.membership_changed(NoticeKind.ROLE_CHANGED, locked, actor)
    return locked


@transaction.atomic
def raise_role(
    membership: Membership,
    *,
    role: ConsoleRole,
    is_account_admin: bool,
    actor: User,
    origin: Origin,
) -> Membership:
    """Give at least this role, as an accepted invitation does. Never takes access away."""
    locked = locked_membership(membership)
    higher = higher_role(ConsoleRole(locked.role), role)
    is_account_admin = is_account_admin or locked.is_account_admin
    _set_role(locked, higher, is_account_admin, actor=actor, origin=origin)
    return locked


def _set_role(
    locked: Membership, role: ConsoleRole, is_account_admin: bool, *, actor: User, origin: Origin
) -> None:
    before = {"role": locked.role, "is_account_admin": locked.is_account_admin}
    after = {"role": role.value, "is_account_admin": is_account_admin}
    locked.role, locked.is_account_admin = role, is_account_admin
    locked.save(update_fields=["role", "is_account_admin"])
    if locked.has_console_access:
        _settle_request(locked, Decision.APPROVED, actor=actor)
    audit.record(
        AuditKind.MEMBERSHIP_ROLE_CHANGED,
        actor=actor,
        origin=origin,
        target=locked.user,
        changes=audit.changes(before, after),
    )


def remove_access(membership: Membership, *, actor: User, origin: Origin) -> Membership:
    return change_role(
        membership,
        role=ConsoleRole.NO_ACCESS,
        is_account_admin=False,
        actor=actor,
        origin=origin,
    )


@transaction.atomic
def deactivate(membership: Membership, *, actor: User, origin: Origin) -> Membership:
    """End a person's sessions and sign-in, and stop their credentials at the next request."""
    require_account_admin(membership.organization, actor)
    locked = locked_membership(membership)
    if not locked.user.is_active:
        return locked
    _require_another_account_admin(locked)
    locked.user.is_active = False
    locked.user.save(update_fields=["is_active"])
    # Inactive people can't use a session, but reactivating must not bring an old one back.
    for session in UserSession.objects.filter(user=locked.user):
        session.end()
    _settle_request(
        locked,
        Decision.DECLINED,
        actor=actor,
        reason="An account administrator deactivated this person.",
    )
    audit.record(
        AuditKind.MEMBERSHIP_DEACTIVATED,
        actor=actor,
        origin=origin,
        target=locked.user,
    )
    notices.membership_changed(NoticeKind.DEACTIVATED, locked, actor)
    return locked


@transaction.atomic
def reactivate(membership: Membership, *, actor: User, origin: Origin) -> Membership:
    require_account_admin(membership.organization, actor)
    locked = locked_membership(membership)
    if locked.user.is_active:
        return locked
    locked.user.is_active = True
    locked.user.save(update_fields=["is_active"])
    audit.record(
        AuditKind.MEMBERSHIP_REACTIVATED,
        actor=actor,
        origin=origin,
        target=locked.user,
    )
    notices.membership_changed(NoticeKind.REACTIVATED, locked, actor)
    return locked


def _settle_request(
    membership: Membership, decision: Decision, *, actor: User, reason: str = ""
) -> None:
    membership.user.access_requests.pending().update(
        decision=decision, decision_reason=reason, decided_by=actor, decided_at=timezone.now()
    )


def _require_another_account_admin(membership: Membership) -> None:
    # The caller has locked the organization, so no other administrator can leave at the same time.
    if not (membership.is_account_admin and membership.user.is_active):
        return
    admins = membership.organization.memberships.account_admins()
    if not admins.exclude(pk=membership.pk).exists():
        raise ValidationError(
            f"{membership.user.name} is the last active account administrator of "
            f"{membership.organization.name}. Make someone else an account administrator first."
        )
