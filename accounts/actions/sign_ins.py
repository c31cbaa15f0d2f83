"""Records who signed in and out, who confirmed that it's them, and who failed to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, User
from core.origin import Origin

SOMEONE = "Someone"


@dataclass(frozen=True)
class Attempt:
    """What someone tried with the email address of an account, which may not exist."""

    kind: AuditKind
    email: str = field(repr=False)
    origin: Origin
    at: datetime
    way: str = ""
    """As in `second factor`; empty for a password."""


@transaction.atomic
def note_authentication(
    user: User, kind: AuditKind, *, origin: Origin, ways: Iterable[str]
) -> None:
    """Record a sign-in or a step-up, with the ways that the person used."""
    audit.record(kind, actor=user, origin=origin, target=user, factors=list(ways))


@transaction.atomic
def note_sign_out(user: User, *, origin: Origin) -> None:
    audit.record(AuditKind.SIGNED_OUT, actor=user, origin=origin, target=user)


@transaction.atomic
def record_attempts(attempts: Iterable[Attempt]) -> None:
    """Record those that name an account. No one has proved that they are its person."""
    found = list(attempts)
    people = User.objects.select_related("membership").in_bulk(
        {attempt.email for attempt in found}, field_name="email"
    )
    for attempt in found:
        if (user := people.get(attempt.email)) is not None:
            audit.record(
                attempt.kind,
                actor=None,
                actor_label=SOMEONE,
                origin=attempt.origin,
                target=user,
                at=attempt.at,
                **({"factors": [attempt.way]} if attempt.way else {}),
            )
