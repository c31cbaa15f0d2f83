from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Extension, Membership, PlatformAccount, User
from accounts.models.extensions import ExtensionStatus
from accounts.platform import built_in
from accounts.roles import ConsolePermission
from core import texts
from core.origin import Origin

FIRST_EXTENSION_NUMBER = 101
# The longest value of each, in characters.
CONTACT_FIELDS = {"firstName": 80, "lastName": 80, "company": 120, "email": 254}


@transaction.atomic
def create_extension(
    membership: Membership,
    environment: Environment,
    *,
    user_role: str,
    actor: User | None,
    origin: Origin,
    at: datetime | None = None,
) -> Extension:
    at = at or timezone.now()
    _require_offered(user_role)
    account = PlatformAccount.objects.select_for_update().get(
        organization=membership.organization, environment=environment
    )
    if account.extensions.filter(user=membership.user).exists():
        raise ValidationError(f"You already have a {environment.label.lower()} account.")
    highest = account.extensions.aggregate(highest=Max("extension_number"))["highest"]
    extension = Extension.objects.create(
        account=account,
        account_environment=account.environment,
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
        at=at,
        environment=environment,
        user_role=user_role,
    )
    return extension


def _require_offered(user_role: str) -> None:
    if user_role not in settings.PLATFORM.roles:
        raise ValidationError({"user_role": "The platform doesn’t offer this user role."})


@transaction.atomic
def create_sandbox_account(
    membership: Membership, *, actor: User, origin: Origin, at: datetime | None = None
) -> Extension:
    if not membership.may(ConsolePermission.SANDBOX_ACCOUNT_CREATE) or membership.user != actor:
        raise PermissionDenied
    production = membership.user.extensions.in_environment(Environment.PRODUCTION).first()
    role = production.role if production else settings.PLATFORM.default_role
    return create_extension(
        membership,
        Environment.SANDBOX,
        user_role=role.id if role.is_offered else settings.PLATFORM.default_role.id,
        actor=actor,
        origin=origin,
        at=at,
    )


@transaction.atomic
def change_extension(
    extension: Extension,
    *,
    user_role: str,
    status: ExtensionStatus,
    actor: User,
    origin: Origin,
) -> Extension:
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
    if user_role != locked.user_role:
        _require_offered(user_role)
    before = {"user_role": locked.user_role, "status": locked.status}
    after = {"user_role": user_role, "status": status.value}
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
        environment=locked.account.environment,
        changes=changed,
    )
    return locked


@transaction.atomic
def update_contact(
    extension: Extension,
    values: Mapping[str, str],
    *,
    actor_extension: Extension,
    origin: Origin,
    via: str,
) -> Extension:
    """Change the given fields of an extension's contact; `via` is the client ID of the caller.

    A role can cover only the person's own contact, or everyone's in the account.
    Raises `ValidationError` by field name (`firstName`, `lastName`, `company`, `email`).
    """
    is_own = extension.pk == actor_extension.pk
    needed = built_in.EDIT_OWN_USER_INFO if is_own else built_in.EDIT_USER_INFO
    is_elsewhere = extension.account_id != actor_extension.account_id
    if is_elsewhere or not actor_extension.role.covers(needed):
        raise PermissionDenied
    locked = (
        Extension.objects.select_for_update(of=("self",))
        .select_related("account__organization", "user")
        .get(pk=extension.pk)
    )
    after = locked.contact_details | dict(values)
    changed = audit.changes(locked.contact_details, after)
    if not changed:
        return locked
    _check_contact(after)
    locked.contact = locked.contact | {field: after[field] for field in changed}
    locked.save(update_fields=["contact"])
    audit.record(
        AuditKind.EXTENSION_UPDATED,
        actor=actor_extension.user,
        origin=origin,
        target=locked,
        environment=locked.account.environment,
        client_id=via,
        changes=changed,
    )
    return locked


def _check_contact(contact: Mapping[str, str]) -> None:
    texts.refuse_faults(**contact)
    for field, longest in CONTACT_FIELDS.items():
        if len(contact[field]) > longest:
            raise ValidationError({field: f"At most {longest} characters."})
    try:
        validate_email(contact["email"])
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
