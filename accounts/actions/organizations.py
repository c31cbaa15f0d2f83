from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.models import AuditKind, Invitation, Organization, PlatformAccount, User
from accounts.origin import Origin
from accounts.roles import ConsoleRole


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
    """Make an organization with its platform account in each environment."""
    at = at or timezone.now()
    organization = Organization(name=name.strip(), created_at=at)
    organization.full_clean()
    organization.save(force_insert=True)
    for environment in Environment:
        account = PlatformAccount(
            organization=organization,
            environment=environment,
            main_number=main_number.strip(),
            company=organization.name,
            email=admin_email.strip().lower(),
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
        organization=organization,
        at=at,
    )
    return organization


@transaction.atomic
def found_organization(
    name: str, admin_email: str, *, main_number: str = "", origin: Origin
) -> tuple[Invitation, str]:
    """A new organization and the one-time invitation of its first account administrator."""
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
