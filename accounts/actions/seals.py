"""`tick` links the events since the last time into the hash chains; nobody decides it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit_chain import Head, chain_of
from accounts.models import AuditEvent, AuditSeal
from accounts.models.seals import settled_number, unsealed_after

SEALED_AT_ONCE = 1000
# What one run seals at most; the next one goes on.
MAX_BATCHES = 100


def seal_events(*, at: datetime | None = None) -> int:
    """Seal what has happened, in batches; the number of events that were sealed.

    Writing audit events waits for nothing here. Of two runs at once the second finds a place
    taken, leaves its batch undone and stops: the constraints of `AuditSeal` decide.
    """
    at = at or timezone.now()
    heads: dict[str, Head | None] = {}
    last, sealed = settled_number(at=at), 0
    for _ in range(MAX_BATCHES):
        events = list(unsealed_after(last)[:SEALED_AT_ONCE])
        if not events:
            break
        try:
            seal_batch(events, heads, at=at)
        except IntegrityError:
            break
        last = events[-1].pk
        sealed += len(events)
    return sealed


@transaction.atomic
def seal_batch(
    events: Sequence[AuditEvent], heads: dict[str, Head | None], *, at: datetime
) -> None:
    """Link these events to the heads of their chains, which it reads once and moves on.

    Raises IntegrityError, and changes nothing, if someone else has sealed meanwhile.
    """
    seals = []
    for event in events:
        chain = chain_of(event.organization_id)
        if chain not in heads:
            heads[chain] = AuditSeal.objects.head(chain)
        seal = AuditSeal.following(heads[chain], event, at)
        heads[chain] = Head(chain, seal.position, seal.hash)
        seals.append(seal)
    AuditSeal.objects.bulk_create(seals)
