import secrets
import string
import uuid
from datetime import datetime, timedelta
from typing import Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Membership, User
from core import raw_secrets
from core.origin import Origin
from credentials.actions.applications import (
    ApplicationSettings,
    locked_in_service,
    register_application,
    require_app_manager,
)
from credentials.models import Application, Client
from credentials.models.applications import FORMER_SECRET_FIELDS, ClientStatus

CLIENT_ID_ALPHABET = string.ascii_letters + string.digits
CLIENT_ID_LENGTH = 22  # 131 bits
SECRET_PREFIX = "cs_"
# How long the previous secret keeps working after a replacement.
OVERLAPS = (
    timedelta(0),
    timedelta(hours=1),
    timedelta(hours=24),
    timedelta(days=7),
    timedelta(days=30),
)
FORGOTTEN_AT_ONCE = 500


def _locked_client(client: Client) -> Client:
    return (
        Client.objects.select_for_update(of=("self",))
        .select_related("application")
        .get(pk=client.pk)
    )


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
    """A client ID for one environment, and its raw secret, which isn't stored anywhere."""
    require_app_manager(application, actor)
    locked_in_service(application)
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
def register_application_with_client(
    owner: Membership,
    *,
    origin: Origin,
    submission_key: uuid.UUID,
    **settings: Unpack[ApplicationSettings],
) -> tuple[Application, tuple[Client, str] | None]:
    """A new app with its sandbox client and that client's raw secret.

    The same `submission_key` again is a double submit. It returns the app of the first one, and
    None instead of a client, because a secret is shown only once.
    """
    # Two submits at the same moment wait here for each other, so the second one sees the app.
    Membership.objects.select_for_update(of=("self",)).get(pk=owner.pk)
    if existing := Application.objects.filter(
        submission_key=submission_key, owner=owner.user
    ).first():
        return existing, None
    application = register_application(
        owner, **settings, origin=origin, submission_key=submission_key
    )
    return application, issue_client(
        application, Environment.SANDBOX, actor=owner.user, origin=origin
    )


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
    """A new raw secret. The previous one stops working after the `overlap`.

    `issued_at` says which secret the actor wants to replace. If someone sends the same form again,
    the new secret stays valid. At most two secrets are valid together, so an older one ends now.
    """
    at = at or timezone.now()
    if overlap not in OVERLAPS:
        raise ValidationError({"overlap": "Choose one of the listed times."})
    require_app_manager(client.application, actor)
    locked_in_service(client.application)
    locked = _locked_client(client)
    if issued_at is not None and locked.secret_issued_at != issued_at:
        raise ValidationError(
            "This client secret has already been replaced, so we didn’t replace it again."
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
    """End the previous secret now. `issued_at` says which secret the actor wants to end."""
    at = at or timezone.now()
    require_app_manager(client.application, actor)
    locked = _locked_client(client)
    if not locked.has_former_secret(at) or locked.former_secret_issued_at != issued_at:
        raise ValidationError(
            "The secret that you chose no longer works, so we didn’t revoke anything."
        )
    _forget_former_secret(locked, actor=actor, origin=origin, at=at)
    return locked


def forget_ended_secrets(*, origin: Origin, at: datetime | None = None) -> int:
    """Remove the digests of previous secrets that have ended, and return how many."""
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
    """Stop the app in this environment, starting with its next request."""
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
    require_app_manager(client.application, actor)
    locked_in_service(client.application)
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
    """Let a client introspect any access token in its environment. Only operators decide this."""
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
