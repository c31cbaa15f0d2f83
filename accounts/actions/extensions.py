from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Extension, Membership, PlatformAccount, User
from accounts.models.extensions import ExtensionStatus
from accounts.origin import Origin
from accounts.permissions import UserRole
from accounts.roles import ConsolePermission

FIRST_EXTENSION_NUMBER = 101


@transaction.atomic
def create_extension(
    membership: Membership,
    environment: Environment,
    *,
    user_role: UserRole,
    actor: User | None,
    origin: Origin,
    at: datetime | None = None,
) -> Extension:
    """Give a person their login in one environment, with the next free extension number."""
    at = at or timezone.now()
    account = PlatformAccount.objects.select_for_update().get(
        organization=membership.organization, environment=environment
    )
    if account.extensions.filter(user=membership.user).exists():
        raise ValidationError(f"You already have a {environment.label.lower()} account.")
    highest = account.extensions.aggregate(highest=Max("extension_number"))["highest"]
    extension = Extension.objects.create(
        account=account,
        user=membership.user,
        extension_number=highest + 1 if highest else FIRST_EXTENSION_NUMBER,
        user_role=user_role,
        created_at=at,
    )
    audit.record(
        AuditKind.EXTENSION_CREATED,
        actor=actor,
        origin=origin,
        target=extension,
        organization=membership.organization,
        at=at,
        environment=environment,
        user_role=user_role,
    )
    return extension


@transaction.atomic
def create_sandbox_account(
    membership: Membership, *, actor: User, origin: Origin, at: datetime | None = None
) -> Extension:
    """Give oneself a sandbox extension, with the user role one has in production."""
    if not membership.may(ConsolePermission.SANDBOX_ACCOUNT_CREATE) or membership.user != actor:
        raise PermissionDenied
    production = membership.user.extensions.in_environment(Environment.PRODUCTION).first()
    return create_extension(
        membership,
        Environment.SANDBOX,
        user_role=UserRole(production.user_role) if production else UserRole.STANDARD_USER,
        actor=actor,
        origin=origin,
        at=at,
    )


@transaction.atomic
def change_extension(
    extension: Extension,
    *,
    user_role: UserRole,
    status: ExtensionStatus,
    actor: User,
    origin: Origin,
) -> Extension:
    """Set the user role and status of any extension of the administrator's organization."""
    admin = Membership.objects.get(user=actor)
    locked = (
        Extension.objects.select_for_update(of=("self",))
        .select_related("account", "user")
        .get(pk=extension.pk)
    )
    if (
        not admin.may(ConsolePermission.EXTENSION_MANAGE)
        or locked.account.organization_id != admin.organization_id
    ):
        raise PermissionDenied
    before = {"user_role": locked.user_role, "status": locked.status}
    after = {"user_role": user_role.value, "status": status.value}
    changed = audit.changes(before, after)
    if not changed:
        return locked
    locked.user_role, locked.status = user_role, status
    locked.save(update_fields=["user_role", "status"])
    audit.record(
        AuditKind.EXTENSION_UPDATED,
        actor=actor,
        origin=origin,
        target=locked,
        organization=admin.organization,
        environment=locked.account.environment,
        changes=changed,
    )
    return locked
