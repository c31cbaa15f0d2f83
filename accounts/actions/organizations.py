from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, notices, second_factor
from accounts.actions.invitations import invite, renew_invitation
from accounts.actions.users import require_operator
from accounts.environments import Environment
from accounts.models import AuditKind, Invitation, Membership, Organization, PlatformAccount, User
from accounts.roles import ConsolePermission, ConsoleRole
from core import email_addresses, leaks, texts
from core.origin import Origin


@transaction.atomic
def create_organization(
    name: str,
    *,
    actor: User | None,
    origin: Origin,
    admin_email: str = "",
    main_number: str = "",
    at: datetime | None = None,
) -> Organization:
    at = at or timezone.now()
    texts.refuse_faults(name=name)
    organization = Organization(name=name.strip(), created_at=at)
    organization.full_clean()
    organization.save(force_insert=True)
    for environment in Environment:
        account = PlatformAccount(
            organization=organization,
            environment=environment,
            main_number=main_number.strip(),
            company=organization.name,
            email=email_addresses.normalized(admin_email),
            main_site_name="Main Site",
            created_at=at,
        )
        account.full_clean()
        account.save(force_insert=True)
    audit.record(
        AuditKind.ORGANIZATION_CREATED,
        actor=actor,
        origin=origin,
        target=organization,
        at=at,
    )
    return organization


@transaction.atomic
def found_organization(
    name: str,
    admin_email: str,
    *,
    main_number: str = "",
    name_can_repeat: bool = False,
    origin: Origin,
) -> tuple[Invitation, str]:
    """A new organization, and the invitation of its first account administrator."""
    if not name_can_repeat:
        _require_new_name(name)
    organization = create_organization(
        name, actor=None, origin=origin, admin_email=admin_email, main_number=main_number
    )
    return invite(
        organization,
        admin_email,
        role=ConsoleRole.DEVELOPER_ADMIN,
        is_account_admin=True,
        actor=None,
        origin=origin,
    )


def invite_administrator(
    organization: Organization, email: str, *, actor: User | None, origin: Origin
) -> tuple[Invitation, str]:
    """A link that makes someone account administrator; an open one for the address is renewed."""
    require_operator(actor)
    address = email_addresses.normalized(email)
    open_one = organization.invitations.unsettled().filter(email=address, is_account_admin=True)
    if (invitation := open_one.first()) is not None:
        return renew_invitation(invitation, actor=actor, origin=origin)
    return invite(
        organization,
        address,
        role=ConsoleRole.DEVELOPER_ADMIN,
        is_account_admin=True,
        actor=actor,
        origin=origin,
    )


@transaction.atomic
def delete_organization(organization: Organization, *, actor: User | None, origin: Origin) -> None:
    """Delete an organization that no one has joined. Its audit events stay."""
    require_operator(actor)
    locked = Organization.objects.select_for_update().get(pk=organization.pk)
    if locked.memberships.exists():
        raise ValidationError(
            f"People have joined {locked}, so its audit log and its credentials are kept. Suspend "
            "it instead."
        )
    audit.record(AuditKind.ORGANIZATION_DELETED, actor=actor, origin=origin, target=locked)
    locked.invitations.all().delete()
    locked.platform_accounts.all().delete()
    locked.delete()


def _require_new_name(name: str, *, besides: Organization | None = None) -> None:
    others = Organization.objects.filter(name__iexact=name.strip())
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        raise ValidationError({"name": "Another organization already has this name."})


@transaction.atomic
def rename_organization(
    organization: Organization, name: str, *, actor: User | None, origin: Origin
) -> Organization:
    require_operator(actor)
    texts.refuse_faults(name=name)
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    before, locked.name = locked.name, name.strip()
    if before == locked.name:
        return locked
    _require_new_name(locked.name, besides=locked)
    locked.full_clean()
    locked.save(update_fields=["name"])
    audit.record(
        AuditKind.ORGANIZATION_RENAMED,
        actor=actor,
        origin=origin,
        target=locked,
        changes={"name": [before, locked.name]},
    )
    return locked


@transaction.atomic
def suspend_organization(
    organization: Organization, *, reason: str, actor: User | None, origin: Origin
) -> Organization:
    """Stop the people, apps and credentials of an organization, from their next request on."""
    require_operator(actor)
    texts.refuse_faults(reason=reason)
    leaks.refuse_secrets(reason=reason)
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if locked.is_suspended:
        return locked
    locked.suspended_at, locked.suspended_reason = timezone.now(), reason.strip()
    locked.full_clean()
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    audit.record(
        AuditKind.ORGANIZATION_SUSPENDED,
        actor=actor,
        origin=origin,
        target=locked,
        reason=locked.suspended_reason,
    )
    notices.organization_suspended(locked)
    return locked


@transaction.atomic
def resume_organization(
    organization: Organization, *, actor: User | None, origin: Origin
) -> Organization:
    require_operator(actor)
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if not locked.is_suspended:
        return locked
    locked.suspended_at, locked.suspended_reason = None, ""
    locked.save(update_fields=["suspended_at", "suspended_reason"])
    audit.record(AuditKind.ORGANIZATION_RESUMED, actor=actor, origin=origin, target=locked)
    notices.organization_resumed(locked)
    return locked


@transaction.atomic
def require_second_factor(
    organization: Organization, *, roles: Iterable[str], actor: User, origin: Origin
) -> Organization:
    membership = Membership.objects.select_related("user").get(user=actor)
    manages = membership.may(ConsolePermission.POLICY_MANAGE)
    if not manages or membership.organization_id != organization.pk:
        raise PermissionDenied
    wanted = set(roles)
    required = [role for role in second_factor.SECOND_FACTOR_ROLES if role in wanted]
    if wanted - set(required):
        raise ValidationError({"roles": "Choose roles from the list."})
    if second_factor.needed_by(membership, required) and not second_factor.has_second_factor(actor):
        raise ValidationError(
            {
                "roles": "You don’t have a second factor, so this would lock you out. Set one up "
                "on your Security page first."
            }
        )
    locked = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if locked.mfa_required_roles == required:
        return locked
    changes = {"second_factor_needed_by": [_named(locked.mfa_required_roles), _named(required)]}
    locked.mfa_required_roles = required
    locked.full_clean()
    locked.save(update_fields=["mfa_required_roles"])
    audit.record(
        AuditKind.POLICY_UPDATED,
        actor=actor,
        origin=origin,
        target=locked,
        changes=changes,
    )
    return locked


def _named(roles: Iterable[str]) -> list[str]:
    return [second_factor.SECOND_FACTOR_ROLES.get(role, role) for role in roles]
