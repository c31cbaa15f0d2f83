"""The audit events of an organization, by filters that combine. Each filter has its own index."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper

from accounts.audit_chain import OPERATOR, chain_of
from accounts.models.audit import AuditEvent
from accounts.models.organizations import Organization
from accounts.models.seals import AuditSeal
from core.pagination import page_of

# We look up people first, so that we never search for text in the events.
MAX_PEOPLE = 100
EXPORT_BATCH = 1000


@dataclass(frozen=True)
class Actors:
    """The people who match a text."""

    user_ids: tuple[UUID, ...]
    operator: bool
    """Whether events of commands match too."""

    @property
    def are_too_many(self) -> bool:
        return len(self.user_ids) > MAX_PEOPLE

    @property
    def condition(self) -> Q:
        people = Q(actor__in=self.user_ids)
        if len(self.user_ids) == 1:
            people = Q(actor=self.user_ids[0])  # so that rows come in the order of the index
        return people | Q(actor__isnull=True) if self.operator else people


def actors_matching(organization: Organization, text: str) -> Actors:
    found = organization.memberships.matching(text).order_by().values_list("user_id", flat=True)
    return Actors(tuple(found[: MAX_PEOPLE + 1]), operator=text.strip().lower() == OPERATOR)


@dataclass(frozen=True)
class WantedEvents:
    """What events to find. An empty value matches every event."""

    person: str = ""
    actors: Actors | None = None
    """The people who match `person`."""
    kind: str = ""
    target_type: str = ""
    target: str = ""
    """The ID of the target, or its whole name in upper or lower case."""
    since: datetime | None = None
    until: datetime | None = None
    """Includes this minute."""

    @property
    def facts(self) -> dict[str, Any]:
        """The filters as the audit log and the first line of an export show them."""
        times = {"from_at": self.since, "to_at": self.until}
        asked = {
            "who": self.person,
            "did": self.kind,
            "to_type": self.target_type,
            "to": self.target,
            **{name: at and at.isoformat() for name, at in times.items()},
        }
        return {name: value for name, value in asked.items() if value}


def events_of(organization: Organization) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(organization=organization)


def wanted_events(organization: Organization, wanted: WantedEvents) -> QuerySet[AuditEvent]:
    found = events_of(organization)
    if wanted.actors:
        found = found.filter(wanted.actors.condition)
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.target_type:
        found = found.filter(target_type=wanted.target_type)
    if wanted.target:
        found = found.alias(label=Upper("target_label")).filter(_about(wanted.target))
    if wanted.since:
        found = found.filter(at__gte=wanted.since)
    if wanted.until:
        found = found.filter(at__lt=wanted.until + timedelta(minutes=1))
    return found


def _about(target: str) -> Q:
    try:
        return Q(target_id=str(UUID(target)))
    except ValueError:
        return Q(target_id=target) | Q(label=Upper(Value(target)))


def every_event(organization: Organization, wanted: WantedEvents) -> Iterator[list[AuditEvent]]:
    # Page by page, so that no database cursor stays open and memory stays small.
    found = wanted_events(organization, wanted).select_related("seal")
    whole = events_of(organization)
    after: int | None = None
    while True:
        page = page_of(
            found, AuditEvent.NEWEST_FIRST.reversed(), whole=whole, after=after, size=EXPORT_BATCH
        )
        yield page.rows
        if page.after is None:
            return
        after = page.after


def seal_of(event: AuditEvent) -> AuditSeal | None:
    seal: AuditSeal | None = getattr(event, "seal", None)
    return seal


def previous_hashes(organization: Organization, events: list[AuditEvent]) -> dict[int, str]:
    seals = [seal for event in events if (seal := seal_of(event))]
    return AuditSeal.objects.hashes(
        chain_of(organization.pk), [seal.position - 1 for seal in seals]
    )
