"""`tick` links new events into the hash chains."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit_chain import Head, chain_of
from accounts.models import AuditEvent, AuditSeal
from accounts.models.seals import settled_number, unsealed_after

SEALED_AT_ONCE = 1000
# The most that one run seals. The next run continues.
MAX_BATCHES = 100


def seal_events(*, at: datetime | None = None) -> int:
    """Seal new events in batches and return their number.

    Writing an audit event never waits for this. If two runs overlap, the constraints of
    `AuditSeal` make the second run's batch fail, and it stops.
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
    """Link these events to the heads of their chains, and move the heads in `heads`.

    Raises IntegrityError and changes nothing if another run sealed in the meantime.
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
