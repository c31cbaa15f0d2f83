"""Pauses: a credential doesn't work until a time, and then works again by itself."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, emails
from accounts.models import AuditKind, Membership, User
from accounts.roles import ConsolePermission
from core.origin import Origin
from credentials import notices
from credentials.actions.managed_credentials import (
    locked_credential,
    locked_credentials,
    require_manager,
)
from credentials.actions.revocations import MAX_REVOKED_AT_ONCE
from credentials.actions.rotations import move_deadline
from credentials.models import JwtCredential, Refusal
from credentials.pauses import LONGEST_PAUSE, may_resume
from credentials.refused import CheckName

ASKED_AT_ONCE = 500


@transaction.atomic
def pause_jwt_credential(
    credential: JwtCredential,
    *,
    until: datetime,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> JwtCredential:
    """Refuse exchanges, refreshes and calls until a time. Raises `ValidationError`."""
    at = at or timezone.now()
    _require_possible(until, at)
    locked = locked_credential(credential)
    membership = require_manager(locked.owner, actor)
    if locked.is_ended(at) or locked.is_expired(at):
        raise ValidationError("This credential no longer works, so you can’t pause it.")
    if not may_resume(locked, membership):
        raise PermissionDenied
    _pause(locked, until, actor=actor, origin=origin, at=at)
    _tell_owners([locked], paused_by=actor)
    return locked


@dataclass(frozen=True)
class BulkPause:
    paused: list[JwtCredential]
    skipped: int
    """How many no longer work."""


@transaction.atomic
def pause_jwt_credentials(
    ids: Iterable[uuid.UUID],
    *,
    until: datetime,
    actor: User,
    origin: Origin,
    at: datetime | None = None,
) -> BulkPause:
    """Pause several credentials of the actor's organization: all of them or none.

    IDs of other organizations are ignored. Each owner gets one email.
    """
    wanted = set(ids)
    if len(wanted) > MAX_REVOKED_AT_ONCE:
        raise ValidationError(f"You can pause at most {MAX_REVOKED_AT_ONCE} credentials at once.")
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    if not membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY):
        raise PermissionDenied
    at = at or timezone.now()
    _require_possible(until, at)
    theirs = JwtCredential.objects.filter(organization=membership.organization, pk__in=wanted)
    found = [
        row for row in locked_credentials(theirs.values_list("pk", flat=True)) if row.pk in wanted
    ]
    active = [row for row in found if not (row.is_ended(at) or row.is_expired(at))]
    for credential in active:
        _pause(credential, until, actor=actor, origin=origin, at=at)
    _tell_owners(active, paused_by=actor)
    return BulkPause(active, skipped=len(found) - len(active))


@transaction.atomic
def resume_jwt_credential(
    credential: JwtCredential, *, actor: User, origin: Origin, at: datetime | None = None
) -> JwtCredential:
    """Let a paused credential work again, with the tokens that came from it."""
    at = at or timezone.now()
    locked = locked_credential(credential)
    membership = require_manager(locked.owner, actor)
    if not may_resume(locked, membership):
        raise PermissionDenied
    until = locked.paused_until
    if until is None or not locked.is_paused(at):
        raise ValidationError("This credential isn’t paused.")
    _move_rotation(locked, by=at - until, at=at)
    locked.paused_until = locked.paused_at = locked.paused_by = None
    locked.pause_missed_at = locked.pause_asked_at = None
    _save(locked)
    audit.record(AuditKind.JWT_CREDENTIAL_RESUMED, actor=actor, origin=origin, target=locked, at=at)
    return locked


def _require_possible(until: datetime, at: datetime) -> None:
    if until <= at:
        raise ValidationError({"until": "Choose a time in the future."})
    if until > at + LONGEST_PAUSE:
        raise ValidationError(
            {"until": f"A pause can last at most {LONGEST_PAUSE.days} days. Choose an earlier day."}
        )


def _pause(
    locked: JwtCredential, until: datetime, *, actor: User, origin: Origin, at: datetime
) -> None:
    before = locked.paused_until if locked.is_paused(at) else None
    began = locked.paused_at if before else at
    locked.paused_until, locked.paused_at, locked.paused_by = until, began, actor
    locked.pause_missed_at = locked.pause_asked_at = None
    _move_rotation(locked, by=until - (before or at), at=at)
    _save(locked)
    audit.record(
        AuditKind.JWT_CREDENTIAL_PAUSED,
        actor=actor,
        origin=origin,
        target=locked,
        at=at,
        until_at=until,
    )


def _move_rotation(locked: JwtCredential, *, by: timedelta, at: datetime) -> None:
    # The apps can't switch to a replacement in the meantime, or not away from it.
    if locked.paused_at is not None:
        move_deadline(locked, by=by, begun_before=locked.paused_at, at=at)


def _save(locked: JwtCredential) -> None:
    locked.save(
        update_fields=[
            "paused_until",
            "paused_at",
            "paused_by",
            "pause_missed_at",
            "pause_asked_at",
        ]
    )


def _tell_owners(paused: list[JwtCredential], *, paused_by: User) -> None:
    by_owner: dict[User, list[JwtCredential]] = defaultdict(list)
    for credential in paused:
        by_owner[credential.extension.user].append(credential)
    for owner, theirs in by_owner.items():
        if owner != paused_by:
            notices.jwt_credentials_paused(owner, theirs, paused_by=paused_by)


@transaction.atomic
def note_missed_pauses(refusals: Iterable[Refusal]) -> None:
    """Tell the people who paused a credential about its first refused request."""
    first: dict[uuid.UUID, Refusal] = {}
    for refusal in refusals:
        if refusal.check_name == CheckName.PAUSE and refusal.credential_id is not None:
            first.setdefault(refusal.credential_id, refusal)
    # In the order of their keys, as everywhere, so that two processes don't wait for each other.
    for pk in sorted(first):
        _note_missed(pk, first[pk])


def _note_missed(pk: uuid.UUID, refusal: Refusal) -> None:
    unmissed = JwtCredential.objects.filter(
        pk=pk, paused_until__gt=refusal.at, pause_missed_at__isnull=True
    )
    if not unmissed.update(pause_missed_at=refusal.at):
        return
    credential = JwtCredential.objects.select_related(
        "extension__account", "extension__user__membership", "paused_by__membership"
    ).get(pk=pk)
    # The thread that records refusals doesn't wait for an email server.
    with emails.left_to_tick():
        notices.pause_missed(credential, refusal)


def ask_about_unmissed_pauses(*, at: datetime | None = None) -> int:
    """Ask the people who paused a credential that no one missed whether to revoke it."""
    at = at or timezone.now()
    asked = 0
    while count := _ask_some(at):
        asked += count
    return asked


@transaction.atomic
def _ask_some(at: datetime) -> int:
    # A second process waits here for the locked rows, and then finds nothing due.
    found = list(
        JwtCredential.objects.pause_unmissed(at)
        .select_for_update(of=("self",))
        .select_related(
            "extension__account", "extension__user__membership", "paused_by__membership"
        )
        .order_by("pk")[:ASKED_AT_ONCE]
    )
    by_person: dict[User, list[JwtCredential]] = defaultdict(list)
    for credential in found:
        if credential.paused_by is not None:
            by_person[credential.paused_by].append(credential)
    for person, theirs in by_person.items():
        notices.pause_unmissed(person, theirs, at=at)
    ids = [credential.pk for credential in found]
    JwtCredential.objects.filter(pk__in=ids).update(pause_asked_at=at)
    return len(found)
