import secrets
import string
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.memberships import locked_membership
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, User
from accounts.permissions import AppScope, scope_string
from accounts.roles import ConsolePermission
from core import leaks, raw_secrets, texts
from core.origin import Origin
from credentials import notices
from credentials.models import Application, Client
from credentials.models.applications import FORMER_SECRET_FIELDS, ClientStatus

CLIENT_ID_ALPHABET = string.ascii_letters + string.digits
CLIENT_ID_LENGTH = 22  # 131 bits
SECRET_PREFIX = "cs_"
# How long the former secret goes on beside a new one.
OVERLAPS = (
    timedelta(0),
    timedelta(hours=1),
    timedelta(hours=24),
    timedelta(days=7),
    timedelta(days=30),
)
FORGOTTEN_AT_ONCE = 500


def require_manager(application: Application, actor: User) -> Membership:
    """The actor's membership, if it may change this application; else `PermissionDenied`."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if not application.managed_by(membership):
        raise PermissionDenied
    return membership


def _locked_in_service(application: Application) -> Application:
    """The app, unless it is retired: that is for good, so nothing about it changes any more."""
    locked = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if locked.is_retired:
        raise ValidationError(f"{locked.name} is retired.")
    return locked


def _locked_client(client: Client) -> Client:
    return (
        Client.objects.select_for_update(of=("self",))
        .select_related("application")
        .get(pk=client.pk)
    )


def _require_seen(name: str, description: str) -> None:
    texts.refuse_faults(name=name)
    texts.refuse_faults_in_paragraphs(description=description)
    leaks.refuse_secrets(name=name, description=description)


@transaction.atomic
def register_application(
    owner: Membership,
    *,
    name: str,
    description: str,
    is_public: bool,
    scopes: Sequence[str],
    uses_jwt_flow: bool,
    issues_refresh_tokens: bool,
    origin: Origin,
    submission_key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Application:
    """A new app of `owner`, without a client in any environment yet."""
    _require_seen(name, description)
    if not owner.may(ConsolePermission.APPLICATION_MANAGE_OWN):
        raise PermissionDenied
    application = Application(
        organization=owner.organization,
        owner=owner.user,
        name=name.strip(),
        description=description.strip(),
        is_public=is_public,
        scopes=_in_catalogue_order(scopes),
        uses_jwt_flow=uses_jwt_flow,
        issues_refresh_tokens=issues_refresh_tokens,
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
        is_public=is_public,
        scopes=application.scopes,
    )
    return application


@transaction.atomic
def register_application_with_client(
    owner: Membership,
    *,
    name: str,
    description: str,
    is_public: bool,
    scopes: Sequence[str],
    uses_jwt_flow: bool,
    issues_refresh_tokens: bool,
    origin: Origin,
    submission_key: uuid.UUID,
) -> tuple[Application, tuple[Client, str] | None]:
    """A new app with its sandbox client and that client's raw secret.

    The same `submission_key` again is a double submit: it answers the app of the first, and None
    instead of a client, because a secret is shown once.
    """
    # Two submits at the same moment queue up here, so that the second one sees the first's app.
    Membership.objects.select_for_update(of=("self",)).get(pk=owner.pk)
    if existing := Application.objects.filter(
        submission_key=submission_key, owner=owner.user
    ).first():
        return existing, None
    application = register_application(
        owner,
        name=name,
        description=description,
        is_public=is_public,
        scopes=scopes,
        uses_jwt_flow=uses_jwt_flow,
        issues_refresh_tokens=issues_refresh_tokens,
        origin=origin,
        submission_key=submission_key,
    )
    return application, issue_client(
        application, Environment.SANDBOX, actor=owner.user, origin=origin
    )


def _in_catalogue_order(scopes: Sequence[str]) -> list[str]:
    unknown = set(scopes) - set(AppScope.values)
    return scope_string(scopes).split() + sorted(unknown)


@transaction.atomic
def update_application(
    application: Application,
    *,
    name: str,
    description: str,
    is_public: bool,
    scopes: Sequence[str],
    uses_jwt_flow: bool,
    issues_refresh_tokens: bool,
    actor: User,
    origin: Origin,
) -> Application:
    """Change an app's settings; scopes take effect at its next call."""
    _require_seen(name, description)
    require_manager(application, actor)
    locked = _locked_in_service(application)
    after = {
        "name": name.strip(),
        "description": description.strip(),
        "is_public": is_public,
        "scopes": _in_catalogue_order(scopes),
        "uses_jwt_flow": uses_jwt_flow,
        "issues_refresh_tokens": issues_refresh_tokens,
    }
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


def _new_client_id() -> str:
    return "".join(secrets.choice(CLIENT_ID_ALPHABET) for _ in range(CLIENT_ID_LENGTH))


@transaction.atomic
def issue_client(
    application: Application,
    environment: Environment,
    *,
    actor: User,
    origin: Origin,
    raw_secret: str | None = None,
    at: datetime | None = None,
) -> tuple[Client, str]:
    """A client ID for one environment, and its raw secret, which is not kept anywhere."""
    require_manager(application, actor)
    _locked_in_service(application)
    if application.clients.filter(environment=environment).exists():
        raise ValidationError(f"This app already has a {environment.label.lower()} client ID.")
    raw_secret = raw_secret or raw_secrets.generate(SECRET_PREFIX)
    at = at or timezone.now()
    client = Client.objects.create(
        application=application,
        environment=environment,
        client_id=_new_client_id(),
        secret_digest=raw_secrets.digest(raw_secret),
        secret_hint=raw_secret[-4:],
        secret_issued_at=at,
        issued_at=at,
    )
    audit.record(
        AuditKind.CLIENT_ISSUED,
        actor=actor,
        origin=origin,
        target=client,
        at=at,
        application=application.name,
        environment=environment,
    )
    return client, raw_secret


@transaction.atomic
def replace_client_secret(
    client: Client,
    *,
    actor: User,
    origin: Origin,
    issued_at: datetime | None = None,
    overlap: timedelta = timedelta(0),
    at: datetime | None = None,
) -> str:
    """A new raw secret; the former stops working at once, or when the `overlap` is over.

    `issued_at` says which secret the actor means to replace: sending the same form again, or a
    colleague doing the same, does not end the new secret as well. Two secrets are valid together
    at most: one that was former before ends now.
    """
    at = at or timezone.now()
    if overlap not in OVERLAPS:
        raise ValidationError({"overlap": "Choose one of the times."})
    require_manager(client.application, actor)
    _locked_in_service(client.application)
    locked = _locked_client(client)
    if issued_at is not None and locked.secret_issued_at != issued_at:
        raise ValidationError(
            "This client secret has already been replaced, so it was not replaced again."
        )
    ended_before = locked.former_secret_hint if locked.has_former_secret(at) else ""
    raw_secret = raw_secrets.generate(SECRET_PREFIX)
    locked.take_secret(raw_secret, overlap=overlap, at=at)
    locked.save(
        update_fields=["secret_digest", "secret_hint", "secret_issued_at", *FORMER_SECRET_FIELDS]
    )
    audit.record(
        AuditKind.CLIENT_SECRET_REPLACED,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        environment=locked.environment,
        former_ends_at=locked.former_secret_ends_at or at,
        also_ended=f"••••{ended_before}" if ended_before else "",
    )
    return raw_secret


@transaction.atomic
def end_former_secret(
    client: Client,
    *,
    actor: User,
    origin: Origin,
    issued_at: datetime,
    at: datetime | None = None,
) -> Client:
    """End the secret before the present one now; `issued_at` says which one the actor means."""
    at = at or timezone.now()
    require_manager(client.application, actor)
    locked = _locked_client(client)
    if not locked.has_former_secret(at) or locked.former_secret_issued_at != issued_at:
        raise ValidationError("The former client secret has already ended.")
    _forget_former_secret(locked, actor=actor, origin=origin, at=at)
    return locked


def forget_ended_secrets(*, origin: Origin, at: datetime | None = None) -> int:
    """Remove the digests of former secrets that are over; answers how many."""
    at = at or timezone.now()
    ids = Client.objects.with_ended_secret(at).order_by("pk").values_list("pk", flat=True)
    return sum(
        _forget_ended_secret(pk, origin=origin, at=at) for pk in list(ids[:FORGOTTEN_AT_ONCE])
    )


@transaction.atomic
def _forget_ended_secret(pk: int, *, origin: Origin, at: datetime) -> bool:
    locked = (
        Client.objects.with_ended_secret(at)
        .select_for_update(of=("self",))
        .select_related("application")
        .filter(pk=pk)
        .first()
    )
    if locked is None:
        return False
    _forget_former_secret(locked, actor=None, origin=origin, at=at)
    return True


def _forget_former_secret(
    locked: Client,
    *,
    actor: User | None,
    origin: Origin,
    at: datetime,
) -> None:
    ended_at = min(at, locked.former_secret_ends_at or at)
    hint, used_at = locked.former_secret_hint, locked.former_secret_used_at
    locked.forget_former_secret()
    locked.save(update_fields=FORMER_SECRET_FIELDS)
    audit.record(
        AuditKind.CLIENT_SECRET_ENDED,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        environment=locked.environment,
        secret=f"••••{hint}",
        ended_at=ended_at,
        last_used_at=used_at,
    )


def suspend_client(client: Client, *, actor: User, origin: Origin) -> Client:
    """Stop the app in this environment: its exchanges and calls fail from the next request on."""
    return _set_status(
        client, ClientStatus.SUSPENDED, AuditKind.CLIENT_SUSPENDED, actor=actor, origin=origin
    )


def resume_client(client: Client, *, actor: User, origin: Origin) -> Client:
    return _set_status(
        client, ClientStatus.ACTIVE, AuditKind.CLIENT_RESUMED, actor=actor, origin=origin
    )


@transaction.atomic
def _set_status(
    client: Client, status: ClientStatus, kind: AuditKind, *, actor: User, origin: Origin
) -> Client:
    require_manager(client.application, actor)
    _locked_in_service(client.application)
    locked = _locked_client(client)
    if locked.status == status:
        return locked
    locked.status = status
    locked.save(update_fields=["status"])
    audit.record(
        kind,
        actor=actor,
        origin=origin,
        target=locked,
        environment=locked.environment,
    )
    return locked


@transaction.atomic
def mark_resource_server(client: Client, *, marked: bool, origin: Origin) -> Client:
    """Let a client introspect every access token of its environment; an operator's decision."""
    locked = _locked_client(client)
    if locked.is_resource_server != marked:
        locked.is_resource_server = marked
        locked.save(update_fields=["is_resource_server"])
        audit.record(
            AuditKind.CLIENT_MARKED,
            actor=None,
            origin=origin,
            target=locked,
            is_resource_server=marked,
        )
    return locked


def may_transfer(membership: Membership) -> bool:
    """Developer Admins and account administrators give an app to another developer."""
    return membership.may(ConsolePermission.APPLICATION_MANAGE_ANY) or membership.may(
        ConsolePermission.ACCESS_MANAGE
    )


@transaction.atomic
def transfer_application(
    application: Application, new_owner: Membership, *, actor: User, origin: Origin
) -> Application:
    """Give an app to another developer of its organization; its clients go on as before."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if membership.organization_id != application.organization_id or not may_transfer(membership):
        raise PermissionDenied
    # Locked, so that the new owner is not taken out of the role meanwhile.
    receiver = locked_membership(new_owner)
    locked = _locked_in_service(application)
    if receiver.organization_id != locked.organization_id:
        raise PermissionDenied
    if not (receiver.user.is_active and receiver.is_developer):
        raise ValidationError(f"{receiver.user.name} is no active developer.")
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
    """All of them or none; answers how many."""
    # Always in one order: two people who transfer the same apps must not wait for each other.
    in_order = sorted(applications, key=lambda application: application.pk)
    for application in in_order:
        transfer_application(application, new_owner, actor=actor, origin=origin)
    return len(in_order)


@transaction.atomic
def retire_application(
    application: Application, *, actor: User, origin: Origin, at: datetime | None = None
) -> Application:
    """Suspend the app's clients for good; its history stays."""
    require_manager(application, actor)
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
