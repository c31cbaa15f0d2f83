"""The links of the audit log's hash chains, and the events that aren't linked yet."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn, Self

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.audit_chain import Head, chain_of, genesis, link_hash
from accounts.models.audit import AuditEvent, AuditEventQuerySet

# No transaction stays open this long, so no event with a lower number can still appear.
SETTLED = timedelta(days=1)


class AuditSealQuerySet(models.QuerySet["AuditSeal"]):
    def head(self, chain: str) -> Head | None:
        last = self.filter(chain=chain).order_by("-position").first()
        return Head(chain, last.position, last.hash) if last else None

    def hashes(self, chain: str, positions: Iterable[int]) -> dict[int, str]:
        """The hash at each of these positions. Position 0 is the hash before the first link."""
        found = self.filter(chain=chain, position__in=set(positions))
        return {0: genesis(chain), **dict(found.values_list("position", "hash"))}

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit seals are append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit seals are append-only.")


class AuditSeal(models.Model):
    """One link of a chain: the position of an event, and the hash. Append-only by trigger.

    Positions are given when `tick` seals, not when events happen: a transaction that commits late
    makes a low event number visible after higher ones were sealed, and is sealed next.
    """

    id = models.BigAutoField(primary_key=True)
    chain = models.CharField(max_length=36)
    position = models.PositiveBigIntegerField()
    event = models.OneToOneField(
        AuditEvent, on_delete=models.DO_NOTHING, db_constraint=False, related_name="seal"
    )
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now)

    objects = AuditSealQuerySet.as_manager()

    class Meta:
        # This and the unique `event` keep two overlapping ticks from sealing an event twice.
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["chain", "position"], name="audit_seal_one_per_place")
        ]

    def __str__(self) -> str:
        return str(Head(self.chain, self.position, self.hash))

    @classmethod
    def following(cls, head: Head | None, event: AuditEvent, at: datetime) -> Self:
        chain = chain_of(event.organization_id)
        previous, position = (head.hash, head.position) if head else (genesis(chain), 0)
        return cls(
            chain=chain,
            position=position + 1,
            event=event,
            hash=link_hash(previous, position + 1, event.document),
            sealed_at=at,
        )


def unsealed_events(at: datetime | None = None) -> AuditEventQuerySet:
    return unsealed_after(settled_number(at=at))


def settled_number(*, at: datetime | None = None) -> int:
    """The event number up to which all events are sealed, or 0 to look at all events."""
    # Looking only at the numbers of the last day costs the same for any number of events. The
    # first run of each day (UTC) looks at all of them.
    at = at or timezone.now()
    newest = AuditSeal.objects.order_by("-pk").first()
    if newest is None or newest.sealed_at.date() < at.date():
        return 0
    settled = AuditSeal.objects.filter(sealed_at__lt=at - SETTLED).order_by("-event_id").first()
    return settled.event_id if settled else 0


def unsealed_after(number: int) -> AuditEventQuerySet:
    # The bound applies to both tables, so neither is read completely.
    seals = AuditSeal.objects.filter(event_id__gt=number, event_id=OuterRef("pk"))
    return AuditEvent.objects.filter(~Exists(seals), pk__gt=number).order_by("pk")
