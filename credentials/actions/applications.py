import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.memberships import locked_membership
from accounts.models import AuditKind, Membership, User
from accounts.roles import ConsolePermission
from core import leaks, texts
from core.origin import Origin
from credentials import notices
from credentials.actions.scopes import chosen_scopes
from credentials.models import Application
from credentials.models.applications import ClientStatus


class ApplicationSettings(TypedDict):
    name: str
    description: str
    is_public: bool
    scopes: Sequence[str]
    uses_jwt_flow: bool
    issues_refresh_tokens: bool


def require_app_manager(application: Application, actor: User) -> Membership:
    """The actor's membership if it can change this app; else `PermissionDenied`."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if not application.managed_by(membership):
        raise PermissionDenied
    return membership


def locked_in_service(application: Application) -> Application:
    """The app, locked. Raises `ValidationError` if it is retired, because that is permanent."""
    locked = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if locked.is_retired:
        raise ValidationError(f"{locked.name} is retired.")
    return locked


def _cleaned(chosen: ApplicationSettings, *, held: Sequence[str] = ()) -> dict[str, Any]:
    """The settings as the row holds them. Refuses secrets and invisible characters."""
    name, description = chosen["name"], chosen["description"]
    texts.refuse_faults(name=name)
    texts.refuse_faults_in_paragraphs(description=description)
    leaks.refuse_secrets(name=name, description=description)
    return {
        **chosen,
        "name": name.strip(),
        "description": description.strip(),
        "scopes": chosen_scopes(chosen["scopes"], held=held, field="scopes"),
    }


@transaction.atomic
def register_application(
    owner: Membership,
    *,
    origin: Origin,
    submission_key: uuid.UUID | None = None,
    at: datetime | None = None,
    **chosen: Unpack[ApplicationSettings],
) -> Application:
    """A new app of `owner`, without a client in any environment yet."""
    if not owner.may(ConsolePermission.APPLICATION_MANAGE_OWN):
        raise PermissionDenied
    application = Application(
        organization=owner.organization,
        owner=owner.user,
        **_cleaned(chosen),
        submission_key=submission_key or uuid.uuid4(),
        created_at=at or timezone.now(),
    )
    application.full_clean()
    application.save(force_insert=True)
    audit.record(
        AuditKind.APPLICATION_REGISTERED,
        actor=owner.user,
        origin=origin,
        target=application,
        at=at,
        is_public=application.is_public,
        scopes=application.scopes,
    )
    return application


@transaction.atomic
def update_application(
    application: Application,
    *,
    actor: User,
    origin: Origin,
    **chosen: Unpack[ApplicationSettings],
) -> Application:
    """Change an app's settings. Scopes take effect at its next call."""
    require_app_manager(application, actor)
    locked = locked_in_service(application)
    after = _cleaned(chosen, held=locked.scopes)
    changed = audit.changes({field: getattr(locked, field) for field in after}, after)
    if not changed:
        return locked
    for field, value in after.items():
        setattr(locked, field, value)
    locked.full_clean()
    locked.save(update_fields=list(changed))
    audit.record(
        AuditKind.APPLICATION_UPDATED,
        actor=actor,
        origin=origin,
        target=locked,
        changes=changed,
    )
    return locked


def may_transfer(membership: Membership) -> bool:
    return membership.may(ConsolePermission.APPLICATION_MANAGE_ANY) or membership.may(
        ConsolePermission.ACCESS_MANAGE
    )


@transaction.atomic
def transfer_application(
    application: Application, new_owner: Membership, *, actor: User, origin: Origin
) -> Application:
    """Give an app to another developer of its organization. Its clients keep working."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if membership.organization_id != application.organization_id or not may_transfer(membership):
        raise PermissionDenied
    # Locked, so that the new owner can't lose the role at the same time.
    receiver = locked_membership(new_owner)
    locked = locked_in_service(application)
    if receiver.organization_id != locked.organization_id:
        raise PermissionDenied
    if not (receiver.user.is_active and receiver.is_developer):
        raise ValidationError(f"{receiver.user.name} isn’t an active developer.")
    if locked.owner_id == receiver.user_id:
        return locked
    before = locked.owner
    locked.owner = receiver.user
    locked.save(update_fields=["owner"])
    audit.record(
        AuditKind.APPLICATION_TRANSFERRED,
        actor=actor,
        origin=origin,
        target=locked,
        changes={"owner": [before.email, receiver.user.email]},
    )
    notices.application_transferred(locked, before=before, transferred_by=actor)
    return locked


@transaction.atomic
def transfer_applications(
    applications: Iterable[Application], new_owner: Membership, *, actor: User, origin: Origin
) -> int:
    """Transfer all of the apps or none, and return how many."""
    # Always in the same order, so that two people who transfer the same apps can't deadlock.
    in_order = sorted(applications, key=lambda application: application.pk)
    for application in in_order:
        transfer_application(application, new_owner, actor=actor, origin=origin)
    return len(in_order)


@transaction.atomic
def retire_application(
    application: Application, *, actor: User, origin: Origin, at: datetime | None = None
) -> Application:
    """Suspend the app's clients permanently. Its history remains."""
    require_app_manager(application, actor)
    locked = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if locked.is_retired:
        return locked
    locked.retired_at = at or timezone.now()
    locked.save(update_fields=["retired_at"])
    locked.clients.update(status=ClientStatus.SUSPENDED)
    audit.record(
        AuditKind.APPLICATION_RETIRED,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        client_ids=list(locked.clients.values_list("client_id", flat=True)),
    )
    return locked
