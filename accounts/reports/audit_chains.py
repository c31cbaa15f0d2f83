"""Recomputes the audit log's hash chains and finds the first event that changed after sealing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import tee, zip_longest
from uuid import UUID

from django.db.models import Count, Min

from accounts.audit_chain import OPERATOR, Head, chain_of, genesis, link_hash
from accounts.models.audit import AuditEvent, AuditEventQuerySet
from accounts.models.organizations import Organization
from accounts.models.seals import AuditSeal

# Rows held in memory, for chains of any length.
VERIFIED_AT_ONCE = 2000


@dataclass(frozen=True)
class ChainReport:
    """The result of recomputing one chain. `head` is the last place that is proved."""

    chain: str
    name: str
    head: Head | None
    problem: str
    unsealed: int
    oldest_unsealed: datetime | None


@dataclass(frozen=True)
class _Link:
    seal: AuditSeal
    event: AuditEvent | None

    def hash_after(self, previous: str) -> str | None:
        """The hash that the seal should have; None if the event is gone."""
        if self.event is None:
            return None
        return link_hash(previous, self.seal.position, self.event.document)


def chains(organization: Organization | None = None) -> list[tuple[str, str]]:
    if organization:
        return [(chain_of(organization.pk), organization.name)]
    names = {chain_of(pk): name for pk, name in Organization.objects.values_list("pk", "name")}
    sealed = set(AuditSeal.objects.order_by().values_list("chain", flat=True).distinct())
    ordered = sorted((names.get(chain, ""), chain) for chain in {*names, *sealed} - {OPERATOR})
    return [(OPERATOR, "Operator"), *((chain, name or chain) for name, chain in ordered)]


def verify_chain(chain: str, name: str, noted: Iterable[Head] = ()) -> ChainReport:
    heads = {head.position: head.hash for head in noted if head.chain == chain}
    head, problem = _recompute(chain, heads)
    unsealed = _events_of(chain).unsealed().aggregate(count=Count("pk"), oldest=Min("at"))
    return ChainReport(chain, name, head, problem, unsealed["count"], unsealed["oldest"])


def _events_of(chain: str) -> AuditEventQuerySet:
    if chain == OPERATOR:
        return AuditEvent.objects.filter(organization=None)
    try:
        return AuditEvent.objects.filter(organization=UUID(chain))
    except ValueError:  # someone changed the name of the chain
        return AuditEvent.objects.none()


def _recompute(chain: str, noted: dict[int, str]) -> tuple[Head | None, str]:
    head, previous = None, genesis(chain)
    links, successors = tee(_links(chain))
    next(successors, None)
    for link, successor in zip_longest(links, successors):
        position = head.position + 1 if head else 1
        problem = _problem(link, successor, position, previous)
        if not problem and noted.get(position, link.seal.hash) != link.seal.hash:
            problem = f"The hash at position {position} doesn't match the head that you noted."
        if problem:
            return head, problem
        previous = link.seal.hash
        head = Head(chain, position, previous)
    return head, _cut_off(head, noted)


def _cut_off(head: Head | None, noted: Iterable[int]) -> str:
    end = head.position if head else 0
    beyond = min((position for position in noted if position > end), default=None)
    if beyond is None:
        return ""
    return f"The chain was cut off: it ends at position {end}, but you noted a head at {beyond}."


def _problem(link: _Link, successor: _Link | None, position: int, previous: str) -> str:
    seal = link.seal
    if seal.position != position:
        return f"The seal at position {position} was removed."
    if link.event is None:
        return f"Event {seal.event_id} at position {position} was removed."
    if chain_of(link.event.organization_id) != seal.chain:
        return f"{_named(link.event, position)} was moved here from another organization."
    recomputed = link.hash_after(previous)
    if recomputed == seal.hash:
        return ""
    # The next link was made with the original hash, so it shows which of the two changed.
    if successor and recomputed and successor.hash_after(recomputed) == successor.seal.hash:
        return f"The seal of {_named(link.event, position)} was changed, but the event wasn't."
    return f"{_named(link.event, position)} was changed after it was sealed."


def _named(event: AuditEvent, position: int) -> str:
    at = f"{event.at:%Y-%m-%d %H:%M} UTC"
    return f"Event {event.pk} at position {position} ({at}: {event})"


def _links(chain: str) -> Iterator[_Link]:
    # In batches, so that no database cursor stays open.
    seals = AuditSeal.objects.filter(chain=chain).order_by("position")
    position = -1
    while batch := list(seals.filter(position__gt=position)[:VERIFIED_AT_ONCE]):
        events = AuditEvent.objects.in_bulk([seal.event_id for seal in batch])
        for seal in batch:
            yield _Link(seal, events.get(seal.event_id))
        position = batch[-1].position
