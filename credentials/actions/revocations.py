import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.audit import SYSTEM_LABEL
from accounts.models import AuditKind, Membership, User
from accounts.roles import ConsolePermission
from core import leaks, texts
from core.origin import Origin
from credentials import notices
from credentials.actions.managed_credentials import (
    locked_credential,
    locked_credentials,
    require_manager,
)
from credentials.actions.superseding import stop_superseding
from credentials.models import JwtCredential, Rotation
from credentials.models.jwt_credentials import LEAKED

MAX_REVOKED_AT_ONCE = 100


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
    revoke_locked(locked, reason=reason, actor=actor, origin=origin, at=at)
    if actor != locked.extension.user:
        notices.jwt_credential_revoked(locked, revoked_by=actor)
    return locked


@dataclass(frozen=True)
class BulkRevocation:
    revoked: list[JwtCredential]
    skipped: int
    """How many were already revoked."""


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

    IDs of other organizations are ignored. Each owner gets one email.
    """
    wanted = set(ids)
    if len(wanted) > MAX_REVOKED_AT_ONCE:
        raise ValidationError(f"You can revoke at most {MAX_REVOKED_AT_ONCE} credentials at once.")
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if not membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY):
        raise PermissionDenied
    at = at or timezone.now()
    theirs_to_end = JwtCredential.objects.filter(
        organization=membership.organization, pk__in=wanted
    ).values_list("pk", flat=True)
    found = [row for row in locked_credentials(theirs_to_end) if row.pk in wanted]
    active = [credential for credential in found if not credential.is_ended(at)]
    # Old credentials come before their replacements. Otherwise, revoking a replacement would first
    # let its old credential keep working, only to revoke it as well.
    for credential in sorted(active, key=lambda row: row.superseded_at is None):
        revoke_locked(credential, reason=reason, actor=actor, origin=origin, at=at)
    _tell_owners(active, revoked_by=actor)
    return BulkRevocation(active, skipped=len(found) - len(active))


def _tell_owners(revoked: list[JwtCredential], *, revoked_by: User) -> None:
    by_owner: dict[User, list[JwtCredential]] = {}
    for credential in revoked:
        by_owner.setdefault(credential.extension.user, []).append(credential)
    for owner, theirs in by_owner.items():
        if owner != revoked_by:
            notices.jwt_credentials_revoked(owner, theirs, revoked_by=revoked_by)


@transaction.atomic
def revoke_leaked_jwt_credential(
    credential: JwtCredential, *, origin: Origin, at: datetime | None = None
) -> None:
    """Revoke a credential whose JWT someone found, and tell its owner what to do."""
    # This needs no permission, because anyone with the JWT could do worse with it.
    at = at or timezone.now()
    locked = locked_credential(credential)
    if locked.is_ended(at) or locked.is_expired(at):
        return
    revoke_locked(
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
def revoke_locked(
    locked: JwtCredential,
    *,
    reason: str,
    actor: User | None,
    origin: Origin,
    at: datetime,
    kind: AuditKind = AuditKind.JWT_CREDENTIAL_REVOKED,
    actor_label: str = SYSTEM_LABEL,
    finished: Rotation | None = None,
) -> None:
    """The only writer of `revoked_*`: all revocations come through here.

    `finished` is the rotation that ended the credential by itself, before anyone wrote it down.
    """
    if finished is None:
        texts.refuse_faults(reason=reason)
        leaks.refuse_secrets(reason=reason)
    locked.revoked_at = locked.superseded_at if finished else at
    locked.revoked_by = finished.started_by if finished else actor
    locked.revoked_reason = reason.strip()
    if finished is None:
        # A rotation ends by itself. Rules that came after its rows must not keep `tick` from
        # writing that down.
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
        **({"ended_at": locked.revoked_at} if finished else {}),
    )
    undone = (
        Rotation.objects.open(at)
        .select_related("replaced__organization")
        .filter(replacement=locked)
        .first()
    )
    if undone is not None:
        stop_superseding(undone, at=at)
        audit.record(
            AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE,
            actor=actor,
            actor_label=actor_label,
            origin=origin,
            target=undone.replaced,
            at=at,
            replacement=str(undone.replacement_id),
            first_used_at=undone.first_used_at,
        )
