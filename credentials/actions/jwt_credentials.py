import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.audit import SYSTEM_LABEL
from accounts.environments import Environment
from accounts.models import AuditKind, Extension, Membership, User
from accounts.roles import ConsolePermission
from core import leaks, networks, texts
from core.origin import Origin
from credentials import notices
from credentials.actions.signing_keys import current_signing_key
from credentials.models import (
    AppAccess,
    Client,
    JwtCredential,
    PermittedClient,
    Policy,
    Rotation,
)
from credentials.models.jwt_credentials import LEAKED, NEVER
from credentials.models.signing_keys import KeyPurpose

MAX_PERMITTED_CLIENTS = 100
MAX_REVOKED_AT_ONCE = 100


def require_manager(owner: Membership, actor: User) -> Membership:
    """The membership of an actor who may manage this person's credentials."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    manages_any = membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY)
    manages_own = membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN)
    if membership.organization_id != owner.organization_id or not (
        manages_any or (manages_own and membership == owner)
    ):
        raise PermissionDenied
    return membership


def permittable_client(
    client_id: str, *, environment: Environment, owner: Membership, listed: Sequence[str] = ()
) -> Client:
    """The client that may join a credential's list, or a `ValidationError` that says why not."""
    if client_id in listed:
        raise ValidationError("This app is already on the list.", code="duplicate")
    client = (
        Client.objects.select_related("application__organization")
        .filter(client_id=client_id)
        .first()
    )
    if client is None:
        raise ValidationError(
            "No app has this client ID. Check for a missing character, or ask the app's "
            "developer to send it again.",
            code="unknown",
        )
    application = client.application
    if not application.is_public and application.organization_id != owner.organization_id:
        raise ValidationError(
            "This is a private app of another organization. Only its own organization can use "
            "it; ask its developer to make it public.",
            code="private",
        )
    if client.environment != environment:
        found = Environment(client.environment).label.lower()
        wanted = environment.label.lower()
        raise ValidationError(
            f"This is a {found} client ID. A {wanted} credential needs the app's {wanted} "
            "client ID.",
            code="other_environment",
        )
    if not client.is_active:
        raise ValidationError(
            "This client ID is suspended, so its app can't authenticate. Ask its developer to "
            "resume it first.",
            code="suspended",
        )
    return client


@transaction.atomic
def create_jwt_credential(
    owner: Membership,
    *,
    environment: Environment,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    expires_on: date | None,
    allowed_networks: Sequence[str] = (),
    actor: User,
    origin: Origin,
    submission_key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> JwtCredential:
    """A new credential of `owner`; `expires_on` is its last day (UTC), None means never.

    The same `submission_key` again is a double submit and answers the credential of the first.
    Raises `ValidationError` by form field.
    """
    at = at or timezone.now()
    creator = require_manager(owner, actor)
    extension = enabled_extension(owner, environment)
    if submission_key and (
        existing := JwtCredential.objects.filter(
            submission_key=submission_key, extension=extension, created_by=actor
        ).first()
    ):
        return existing
    credential = new_credential(
        extension,
        creator=creator,
        label=label,
        app_access=app_access,
        client_ids=client_ids,
        expires_on=expires_on,
        allowed_networks=allowed_networks,
        submission_key=submission_key,
        at=at,
    )
    record_creation(credential, client_ids, actor=actor, origin=origin, at=at)
    notices.jwt_credential_created(
        credential, created_by=actor, creator_sees_jwt=creator_may_see(credential, actor)
    )
    return credential


def _require_seen(label: str) -> None:
    texts.refuse_faults(label=label)
    leaks.refuse_secrets(label=label)


def new_credential(
    extension: Extension,
    *,
    creator: Membership,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    expires_on: date | None,
    allowed_networks: Sequence[str],
    submission_key: uuid.UUID | None,
    at: datetime,
    kept: Sequence[Client] = (),
    awaits_first_use: bool = False,
) -> JwtCredential:
    """The row and its list of apps, if every rule allows them; the caller records and tells.

    `kept` may stay on the list whatever has become of them, as the list of a credential that this
    one replaces.
    """
    _require_seen(label)
    owner, environment = extension.user.membership, extension.environment
    policy = Policy.objects.governing(owner.organization_id, environment)
    _require_creator(policy, creator)
    expires_at = _end_of(expires_on, at)
    _require_breadth(policy, app_access)
    _require_lifetime(policy, expires_at, at)
    clients = _permittable_clients(
        app_access, client_ids, environment=environment, owner=owner, kept=kept
    )
    credential = JwtCredential(
        organization=owner.organization,
        extension=extension,
        signing_key=current_signing_key(environment, KeyPurpose.CREDENTIAL),
        issuer=environment.urls.base_url,
        label=label.strip(),
        app_access=app_access,
        issued_at=at.replace(microsecond=0),
        expires_at=expires_at,
        allowed_networks=networks_of(allowed_networks),
        created_by=creator.user,
        submission_key=submission_key or uuid.uuid4(),
        awaits_first_use=awaits_first_use,
    )
    _insert(credential)
    _permit(credential, clients, at=at)
    return credential


def record_creation(
    credential: JwtCredential,
    client_ids: Sequence[str],
    *,
    actor: User,
    origin: Origin,
    at: datetime,
    **details: Any,
) -> None:
    specific = credential.app_access == AppAccess.SPECIFIC
    audit.record(
        AuditKind.JWT_CREDENTIAL_CREATED,
        actor=actor,
        origin=origin,
        target=credential,
        at=at,
        owner=credential.extension.user.email,
        environment=credential.environment,
        app_access=credential.app_access,
        client_ids=list(dict.fromkeys(client_ids)) if specific else [],
        expires_at=None if credential.never_expires else credential.expires_at,
        allowed_networks=credential.allowed_networks,
        **details,
    )


def _require_creator(policy: Policy, creator: Membership) -> None:
    if (refusal := creator_refusal(policy, creator)) is not None:
        raise ValidationError({"environment": refusal})


def creator_refusal(policy: Policy, creator: Membership) -> str | None:
    """Why this person may not create credentials in the policy's environment."""
    if policy.may_create(creator.role):
        return None
    where = Environment(policy.environment).label.lower()
    return (
        f"Your organization's policy lets only Developer Admins create {where} credentials. Ask "
        "one of them to create it for you."
    )


def _require_breadth(policy: Policy, app_access: AppAccess) -> None:
    refusal = policy.breadth_refusal(all_apps=app_access == AppAccess.ORGANIZATION)
    if refusal is not None:
        raise ValidationError({"app_access": refusal})


def _require_lifetime(policy: Policy, expires_at: datetime, at: datetime) -> None:
    issued_at = at.replace(microsecond=0)
    refusal = policy.lifetime_refusal(issued_at, expires_at, never=expires_at >= NEVER)
    if refusal is None:
        return
    if (latest := policy.latest_day(at)) is not None:
        refusal += f" Choose {latest:%Y-%m-%d} or earlier."
    raise ValidationError({"expires_on": refusal})


def networks_of(entries: Sequence[str]) -> list[str]:
    """Each in its one spelling. Raises `ValidationError` by form field."""
    try:
        return networks.networks(entries)
    except networks.InvalidNetwork as error:
        raise ValidationError({"allowed_networks": str(error)}) from error


def _insert(credential: JwtCredential) -> None:
    """The unique submission key decides between two forms that are sent at the same moment."""
    credential.full_clean(validate_unique=False)
    try:
        with transaction.atomic():
            credential.save(force_insert=True)
    except IntegrityError as error:
        raise ValidationError(
            {
                "submission_key": "This form has been sent before and has created a credential. "
                "Choose Create JWT again to create another one."
            }
        ) from error


def enabled_extension(owner: Membership, environment: Environment) -> Extension:
    if not owner.is_developer or not owner.user.is_active:
        raise ValidationError(
            {"environment": f"{owner.user.name} needs the console role Developer first."}
        )
    extension = (
        Extension.objects.select_for_update(of=("self",))
        .select_related("account", "user__membership__organization")
        .filter(user=owner.user, account__environment=environment)
        .first()
    )
    where = environment.label.lower()
    if extension is None:
        raise ValidationError({"environment": f"{owner.user.name} has no {where} account yet."})
    if not extension.is_enabled:
        raise ValidationError({"environment": f"The {where} account is disabled."})
    return extension


def _end_of(expires_on: date | None, at: datetime) -> datetime:
    return NEVER if expires_on is None else end_of_day(expires_on, at, field="expires_on")


def end_of_day(day: date, at: datetime, *, field: str) -> datetime:
    """The last second of the day, so that "until 31 March" includes 31 March."""
    if day < at.astimezone(UTC).date():
        raise ValidationError({field: "This date is in the past. Choose today or later."})
    if day >= NEVER.date():
        raise ValidationError(
            {field: f"Choose a date before {NEVER:%Y-%m-%d}, or leave this empty for never."}
        )
    return datetime.combine(day, time(23, 59, 59), UTC)


def _permittable_clients(
    app_access: AppAccess,
    client_ids: Sequence[str],
    *,
    environment: Environment,
    owner: Membership,
    kept: Sequence[Client] = (),
) -> list[Client]:
    """The clients of the list. Those it already had stay, whatever has become of them since."""
    if app_access == AppAccess.ORGANIZATION:
        return []
    wanted = list(dict.fromkeys(client_ids))
    if not wanted:
        raise ValidationError({"client_id": "Add at least one app, or allow all of them."})
    if len(wanted) > MAX_PERMITTED_CLIENTS:
        raise ValidationError({"client_id": f"A list holds {MAX_PERMITTED_CLIENTS} apps at most."})
    known = {client.client_id: client for client in kept}
    clients = []
    for client_id in wanted:
        try:
            clients.append(
                known.get(client_id)
                or permittable_client(client_id, environment=environment, owner=owner)
            )
        except ValidationError as error:
            raise ValidationError({"client_id": f"{client_id}: {error.message}"}) from error
    return clients


def _permit(credential: JwtCredential, clients: Sequence[Client], *, at: datetime) -> None:
    PermittedClient.objects.bulk_create(
        PermittedClient(credential=credential, client=client, added_at=at) for client in clients
    )


def locked_credentials(ids: Iterable[uuid.UUID]) -> list[JwtCredential]:
    """The rows of these credentials, and of those that they replace, for change.

    Ending a replacement gives back what it replaces. All lock in one order, else two could wait
    for each other.
    """
    wanted = list(ids)
    rotations = Rotation.objects.filter(replacement__in=wanted)
    return list(
        JwtCredential.objects.select_for_update(of=("self",))
        .select_related("extension__account", "extension__user__membership__organization")
        .filter(pk__in=[*wanted, *rotations.values_list("replaced", flat=True)])
        .order_by("pk")
    )


def locked_credential(credential: JwtCredential) -> JwtCredential:
    return next(row for row in locked_credentials([credential.pk]) if row.pk == credential.pk)


@transaction.atomic
def update_jwt_credential(
    credential: JwtCredential,
    *,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    allowed_networks: Sequence[str] | None = None,
    actor: User,
    origin: Origin,
) -> JwtCredential:
    """Change the label, who may use it, and from where; None leaves the networks as they are.

    An app taken off the list fails at its next request.
    """
    _require_seen(label)
    locked = locked_credential(credential)
    require_manager(locked.owner, actor)
    if locked.is_ended():
        how = "replaced" if locked.is_replaced() else "revoked"
        raise ValidationError(f"This credential has been {how} and can't be changed any more.")
    _require_breadth(locked.policy, app_access)
    present = list(Client.objects.filter(permitted_by__credential=locked).order_by("pk"))
    clients = _permittable_clients(
        app_access, client_ids, environment=locked.environment, owner=locked.owner, kept=present
    )
    before = _changeable(locked, present)
    locked.label, locked.app_access = label.strip(), app_access.value
    if allowed_networks is not None:
        locked.allowed_networks = networks_of(allowed_networks)
    changed = audit.changes(before, _changeable(locked, clients))
    if not changed:
        return locked
    locked.full_clean()
    locked.save(update_fields=["label", "app_access", "allowed_networks"])
    locked.permitted.exclude(client__in=clients).delete()
    _permit(locked, [client for client in clients if client not in present], at=timezone.now())
    audit.record(
        AuditKind.JWT_CREDENTIAL_UPDATED,
        actor=actor,
        origin=origin,
        target=locked,
        changes=changed,
    )
    return locked


def _changeable(credential: JwtCredential, clients: Sequence[Client]) -> dict[str, Any]:
    """What can be changed after creation, as the history tells it."""
    return {
        "label": credential.label,
        "app_access": credential.app_access,
        "client_ids": sorted(client.client_id for client in clients),
        "allowed_networks": credential.allowed_networks,
    }


@transaction.atomic
def revoke_jwt_credential(
    credential: JwtCredential,
    *,
    reason: str,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> JwtCredential:
    """End the credential and every token that descends from it, from the next request on."""
    at = at or timezone.now()
    locked = locked_credential(credential)
    require_manager(locked.owner, actor)
    if locked.is_ended(at):
        how = "replaced" if locked.is_replaced(at) else "revoked"
        raise ValidationError(f"This credential has already been {how}.")
    end_credential(locked, reason=reason, actor=actor, origin=origin, at=at)
    if actor != locked.extension.user:
        notices.jwt_credential_revoked(locked, revoked_by=actor)
    return locked


@dataclass(frozen=True)
class BulkRevocation:
    revoked: list[JwtCredential]
    skipped: int
    """How many had been revoked before."""


@transaction.atomic
def revoke_jwt_credentials(
    ids: Iterable[uuid.UUID],
    *,
    reason: str,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> BulkRevocation:
    """End several credentials of the actor's organization for one reason: all of them or none.

    Each is recorded; each owner gets one mail. Ids of other organizations are ignored.
    """
    wanted = set(ids)
    if len(wanted) > MAX_REVOKED_AT_ONCE:
        raise ValidationError(f"Revoke {MAX_REVOKED_AT_ONCE} credentials at once at most.")
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if not membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY):
        raise PermissionDenied
    at = at or timezone.now()
    theirs_to_end = JwtCredential.objects.filter(
        organization=membership.organization, pk__in=wanted
    ).values_list("pk", flat=True)
    found = [row for row in locked_credentials(theirs_to_end) if row.pk in wanted]
    active = [credential for credential in found if not credential.is_ended(at)]
    # First what is being replaced: what is ended here as well is not given back on the way.
    for credential in sorted(active, key=lambda row: row.superseded_at is None):
        end_credential(credential, reason=reason, actor=actor, origin=origin, at=at)
    by_owner: dict[User, list[JwtCredential]] = {}
    for credential in active:
        by_owner.setdefault(credential.extension.user, []).append(credential)
    for owner, theirs in by_owner.items():
        if owner != actor:
            notices.jwt_credentials_revoked(owner, theirs, revoked_by=actor)
    return BulkRevocation(active, skipped=len(found) - len(active))


@transaction.atomic
def revoke_leaked_jwt_credential(
    credential: JwtCredential, *, origin: Origin, at: datetime | None = None
) -> None:
    """End a credential whose JWT somebody found and presented, and tell its owner what to do.

    Nobody needs a right for it: whoever has the JWT could do worse with it.
    """
    at = at or timezone.now()
    locked = locked_credential(credential)
    if locked.is_ended(at) or locked.is_expired(at):
        return
    end_credential(
        locked,
        reason=LEAKED,
        actor=None,
        actor_label="A finder",
        origin=origin,
        at=at,
        kind=AuditKind.JWT_CREDENTIAL_REPORTED,
    )
    notices.jwt_credential_leaked(locked, source=origin.ip, at=at)


@transaction.atomic
def end_credential(
    locked: JwtCredential,
    *,
    reason: str,
    actor: User | None,
    origin: Origin,
    at: datetime,
    kind: AuditKind = AuditKind.JWT_CREDENTIAL_REVOKED,
    actor_label: str = SYSTEM_LABEL,
) -> None:
    """Revoke a locked credential. What it was about to replace goes on as before."""
    texts.refuse_faults(reason=reason)
    leaks.refuse_secrets(reason=reason)
    locked.revoked_at = at
    locked.revoked_by = actor
    locked.revoked_reason = reason.strip()
    locked.full_clean(validate_unique=False)
    locked.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
    audit.record(
        kind,
        actor=actor,
        actor_label=actor_label,
        origin=origin,
        target=locked,
        at=at,
        reason=locked.revoked_reason,
    )
    rotation = (
        Rotation.objects.open(at)
        .select_related("replaced__organization")
        .filter(replacement=locked)
        .first()
    )
    if rotation is not None:
        _give_back(rotation, actor=actor, actor_label=actor_label, origin=origin, at=at)


def _give_back(
    rotation: Rotation, *, actor: User | None, actor_label: str, origin: Origin, at: datetime
) -> None:
    rotation.undone_at = at
    rotation.save(update_fields=["undone_at"])
    JwtCredential.objects.filter(pk=rotation.replaced_id).update(superseded_at=None)
    audit.record(
        AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE,
        actor=actor,
        actor_label=actor_label,
        origin=origin,
        target=rotation.replaced,
        at=at,
        replacement=str(rotation.replacement_id),
        first_used_at=rotation.first_used_at,
    )


@transaction.atomic
def record_exchange_test(
    credential: JwtCredential, *, client_id: str, outcome: str, actor: User, origin: Origin
) -> None:
    """A real exchange was made from the console; `outcome` is an error code or `granted`."""
    require_manager(credential.owner, actor)
    audit.record(
        AuditKind.JWT_CREDENTIAL_TESTED,
        actor=actor,
        origin=origin,
        target=credential,
        client_id=client_id,
        outcome=outcome,
    )


def creator_may_see(credential: JwtCredential, creator: User) -> bool:
    """Whether whoever created it may see the JWT on the created page.

    A Developer Admin who creates for a teammate sees it only if the teammate's user permissions
    are no more than the admin's own: the JWT would otherwise lend rights the admin lacks.
    """
    if credential.created_by_id != creator.pk:
        return False
    if credential.extension.user_id == creator.pk:
        return True
    own = creator.extensions.enabled().filter(account_id=credential.extension.account_id).first()
    return own is not None and credential.extension.grant.no_more_than(own.grant)


def require_showable(credential: JwtCredential, actor: User) -> None:
    """Only to its owner, and only while it works."""
    if credential.extension.user_id != actor.pk:
        raise PermissionDenied
    if credential.is_ended() or credential.is_expired():
        raise ValidationError("This credential no longer works, so there is nothing to show.")


@transaction.atomic
def show_jwt(credential: JwtCredential, *, actor: User, origin: Origin) -> str:
    """The JWT again, for its owner only; the caller has asked for step-up."""
    require_showable(credential, actor)
    require_manager(credential.owner, actor)
    audit.record(
        AuditKind.JWT_CREDENTIAL_SHOWN,
        actor=actor,
        origin=origin,
        target=credential,
    )
    return credential.encode()
