"""Rotation: a replacement takes over from an old credential, and both work for a while.

The old credential ends at the deadline, or when the grace period after the first exchange of the
replacement ends, whichever comes first. Until then the rotation can be undone.
"""

import uuid
from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import AuditKind, User
from core.moments import day_in_words, in_words
from core.origin import Origin
from credentials import notices
from credentials.actions.expiration import end_of_day
from credentials.actions.jwt_credentials import enabled_extension, new_credential, record_creation
from credentials.actions.managed_credentials import (
    locked_credential,
    locked_credentials,
    require_manager,
)
from credentials.actions.revocations import revoke_locked
from credentials.actions.shown_jwts import creator_may_see
from credentials.actions.superseding import supersede
from credentials.models import AppAccess, Client, JwtCredential, Rotation
from credentials.models.rotations import AppProgress

GRACE_PERIODS = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7))
CLOSED_AT_ONCE = 500


@transaction.atomic
def rotate_jwt_credential(
    credential: JwtCredential,
    *,
    label: str,
    expires_on: date | None,
    grace_period: timedelta,
    deadline: date | timedelta,
    actor: User,
    origin: Origin,
    submission_key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Rotation:
    """Create a replacement with the same apps, networks and ceiling.

    `deadline` is a last day (UTC) or a time from now. Sending the same `submission_key` again
    returns the rotation that it created first. Raises `ValidationError` by form field.
    """
    at = at or timezone.now()
    locked = locked_credential(credential)
    manager = require_manager(locked.owner, actor)
    if submission_key and (sent := _sent_before(locked, submission_key, actor)):
        return sent
    _require_rotatable(locked, at)
    if grace_period not in GRACE_PERIODS:
        raise ValidationError({"grace_period": "Choose one of the grace periods."})
    extension = enabled_extension(locked.owner, locked.environment)
    clients = list(Client.objects.filter(permitted_by__credential=locked).order_by("pk"))
    client_ids = [client.client_id for client in clients]
    replacement = new_credential(
        extension,
        creator=manager,
        label=label,
        app_access=AppAccess(locked.app_access),
        client_ids=client_ids,
        expires_on=expires_on,
        allowed_networks=locked.allowed_networks,
        ceiling=locked.ceiling,
        submission_key=submission_key,
        at=at,
        kept=clients,
        awaits_first_use=True,
    )
    rotation = Rotation.objects.create(
        replaced=locked,
        replacement=replacement,
        started_at=at,
        started_by=actor,
        deadline=min(_deadline(deadline, at), locked.expires_at, replacement.expires_at),
        grace_period=grace_period,
    )
    supersede(rotation, at=rotation.closes_at)
    record_creation(
        replacement, client_ids, actor=actor, origin=origin, at=at, replaces=str(locked.pk)
    )
    audit.record(
        AuditKind.JWT_CREDENTIAL_ROTATION_STARTED,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        replacement=str(replacement.pk),
        grace_period=rotation.grace_period_in_words,
        deadline_at=rotation.deadline,
    )
    notices.rotation_started(
        rotation, started_by=actor, creator_sees_jwt=creator_may_see(replacement, actor)
    )
    return rotation


def _sent_before(locked: JwtCredential, submission_key: uuid.UUID, actor: User) -> Rotation | None:
    return Rotation.objects.filter(
        replaced=locked, replacement__submission_key=submission_key, started_by=actor
    ).first()


def _require_rotatable(locked: JwtCredential, at: datetime) -> None:
    if (refusal := rotation_refusal(locked, at)) is not None:
        raise ValidationError(refusal)


def rotation_refusal(credential: JwtCredential, at: datetime | None = None) -> str | None:
    """Why this credential can't be rotated now."""
    at = at or timezone.now()
    if credential.is_ended(at) or credential.is_expired(at):
        return "This credential no longer works. Create another one instead."
    if credential.is_paused(at):
        return "This credential is paused. Resume it before you rotate it."
    if credential.superseded_at is not None:
        return "This credential is already being replaced."
    if Rotation.objects.open(at).filter(replacement=credential).exists():
        return (
            "This credential is replacing another one. You can rotate it after that rotation ends."
        )
    return None


def _deadline(deadline: date | timedelta, at: datetime) -> datetime:
    if isinstance(deadline, timedelta):
        return at + deadline
    return end_of_day(deadline, at, field="deadline_on")


def _locked_open(rotation: Rotation, actor: User, at: datetime) -> Rotation:
    """The rotation with both credentials locked. Raises `ValidationError` if it has ended."""
    both = {row.pk: row for row in locked_credentials([rotation.replacement_id])}
    found = Rotation.objects.get(pk=rotation.pk)
    found.replaced = both[rotation.replaced_id]
    found.replacement = both[rotation.replacement_id]
    require_manager(found.replaced.owner, actor)
    if not found.is_open(at):
        raise ValidationError("This rotation has ended, so you can’t change it anymore.")
    return found


def _require_unchanged(rotation: Rotation, was_used: bool) -> None:
    if (rotation.first_used_at is not None) != was_used:
        raise ValidationError(
            "An app used the replacement for the first time after you opened this page. Review "
            "what would stop working now, and confirm again."
        )


@transaction.atomic
def undo_rotation(
    rotation: Rotation, *, was_used: bool, actor: User, origin: Origin, at: datetime | None = None
) -> Rotation:
    """Revoke the replacement; the old credential keeps working.

    `was_used` is whether the actor saw that the replacement is in use. If that has changed since,
    raises `ValidationError`.
    """
    at = at or timezone.now()
    locked = _locked_open(rotation, actor, at)
    _require_unchanged(locked, was_used)
    replacement = locked.replacement
    revoke_locked(
        replacement,
        reason=f"The rotation of {locked.replaced.label} was undone.",
        actor=actor,
        origin=origin,
        at=at,
    )
    if actor != replacement.extension.user:
        notices.jwt_credential_revoked(replacement, revoked_by=actor)
    return Rotation.objects.get(pk=locked.pk)


@transaction.atomic
def finish_rotation(
    rotation: Rotation, *, was_used: bool, actor: User, origin: Origin, at: datetime | None = None
) -> Rotation:
    """Revoke the old credential now. `was_used` is as for `undo_rotation`."""
    at = at or timezone.now()
    locked = _locked_open(rotation, actor, at)
    _require_unchanged(locked, was_used)
    replaced = locked.replaced
    supersede(locked, at=at)
    revoke_locked(
        replaced,
        reason=_replaced_by(locked),
        actor=actor,
        origin=origin,
        at=at,
        kind=AuditKind.JWT_CREDENTIAL_REPLACED,
    )
    if actor != replaced.extension.user:
        notices.jwt_credential_revoked(replaced, revoked_by=actor)
    return locked


@transaction.atomic
def extend_rotation(
    rotation: Rotation, *, until: date, actor: User, origin: Origin, at: datetime | None = None
) -> Rotation:
    """Let the old credential work until the end of a later day (UTC)."""
    at = at or timezone.now()
    locked = _locked_open(rotation, actor, at)
    before, end = locked.closes_at, end_of_day(until, at, field="until")
    if end <= before:
        already = f"The old credential already works until {in_words(before)}."
        raise ValidationError({"until": already})
    if (latest := locked.latest_end) < end:
        too_late = f"One of the credentials expires on {day_in_words(latest)}."
        raise ValidationError({"until": f"{too_late} Choose an earlier day."})
    locked.deadline = end
    if locked.first_used_at is not None:
        locked.grace_period = end - locked.first_used_at
    locked.warned_at = None
    locked.save(update_fields=["deadline", "grace_period", "warned_at"])
    supersede(locked, at=locked.closes_at)
    audit.record(
        AuditKind.JWT_CREDENTIAL_ROTATION_EXTENDED,
        actor=actor,
        origin=origin,
        target=locked.replaced,
        at=at,
        changes={"ends_at": [before.isoformat(), end.isoformat()]},
    )
    return locked


@transaction.atomic
def move_deadline(
    credential: JwtCredential, *, by: timedelta, begun_before: datetime, at: datetime
) -> None:
    """Move the end of an open rotation of a paused credential, if it began before the pause.

    It never ends after one of the credentials expires. If it would, a shorter pause doesn't move it
    back. A grace period that began during the pause isn't part of what waited.
    """
    rotation = Rotation.objects.open_by_credential([credential], at).get(credential.pk)
    if rotation is None or rotation.started_at > begun_before:
        return
    latest = rotation.latest_end
    if by > timedelta() or rotation.deadline < latest:
        rotation.deadline = min(rotation.deadline + by, latest)
    if rotation.first_used_at is not None and rotation.first_used_at <= begun_before:
        rotation.grace_period = max(rotation.grace_period + by, timedelta())
    rotation.warned_at = None
    rotation.save(update_fields=["deadline", "grace_period", "warned_at"])
    supersede(rotation, at=rotation.closes_at)


def close_rotations(*, origin: Origin, at: datetime | None = None) -> int:
    """Mark the old credentials of due rotations as revoked; returns how many.

    They have stopped working already: `superseded_at` decides, not this.
    """
    at = at or timezone.now()
    due = list(Rotation.objects.due(at).select_related("replacement")[:CLOSED_AT_ONCE])
    return sum(close_rotation(rotation, origin=origin, at=at) for rotation in due)


@transaction.atomic
def close_rotation(rotation: Rotation, *, origin: Origin, at: datetime) -> bool:
    """Mark the old credential as revoked; returns whether this call did it."""
    replaced = locked_credential(rotation.replaced)
    if replaced.is_revoked or not replaced.is_replaced(at):
        return False
    revoke_locked(
        replaced,
        reason=_replaced_by(rotation),
        actor=None,
        origin=origin,
        at=at,
        kind=AuditKind.JWT_CREDENTIAL_REPLACED,
        finished=rotation,
    )
    return True


def warn_of_closing(*, at: datetime | None = None) -> int:
    """Email the owners of old credentials that are in use and about to end, once each."""
    at = at or timezone.now()
    return sum(_warn(rotation, apps, at) for rotation, apps in Rotation.objects.to_warn_of(at))


@transaction.atomic
def _warn(rotation: Rotation, apps: list[AppProgress], at: datetime) -> bool:
    if not Rotation.objects.filter(pk=rotation.pk, warned_at=None).update(warned_at=at):
        return False
    notices.rotation_closing(rotation, apps, at=at)
    return True


def _replaced_by(rotation: Rotation) -> str:
    return f"Replaced by {rotation.replacement.label} ({rotation.replacement_id})."
