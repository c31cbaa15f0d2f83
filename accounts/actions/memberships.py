from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.extensions import create_extension
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, Organization, User
from accounts.origin import Origin
from accounts.permissions import UserRole
from accounts.roles import ConsoleRole


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
    user_role: UserRole | None = None,
    at: datetime | None = None,
) -> Membership:
    """A new person with membership and production extension; the address counts as verified.

    `user_role` defaults to Super Admin for an account administrator, else Standard User.
    """
    at = at or timezone.now()
    user = User(email=email.strip().lower(), first_name=first_name, last_name=last_name)
    user.date_joined = at
    validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save(force_insert=True)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    membership = Membership.objects.create(
        user=user,
        organization=organization,
        role=role,
        is_account_admin=is_account_admin,
        created_at=at,
    )
    audit.record(
        AuditKind.MEMBERSHIP_CREATED,
        actor=actor or user,
        origin=origin,
        target=user,
        organization=organization,
        at=at,
        role=role,
        is_account_admin=is_account_admin,
    )
    default_role = UserRole.SUPER_ADMIN if is_account_admin else UserRole.STANDARD_USER
    create_extension(
        membership,
        Environment.PRODUCTION,
        user_role=user_role or default_role,
        actor=actor or user,
        origin=origin,
        at=at,
    )
    return membership
