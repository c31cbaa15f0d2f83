from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, second_factor
from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.models import AuditKind, Invitation, Membership, Organization, PlatformAccount, User
from accounts.roles import ConsolePermission, ConsoleRole
from core import email_addresses, texts
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
    name: str, admin_email: str, *, main_number: str = "", origin: Origin
) -> tuple[Invitation, str]:
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
