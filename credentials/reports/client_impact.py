"""What would stop working if someone suspended a client."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.models import Membership
from credentials.models.applications import Application, Client
from credentials.models.jwt_credential_queries import JwtCredentialQuerySet, is_visible_to
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import first_recent_day
from credentials.reports.exchanged_credentials import exchanged_credentials

DEPENDENTS_SHOWN = 20


@dataclass(frozen=True)
class ClientImpact:
    """Active credentials that list a client, or that it exchanged in the last 30 days."""

    credentials: Sequence[JwtCredential]
    """The most used ones that the viewer can see, each with its `recent_exchanges`."""
    more: int
    """How many more the viewer can see."""
    others: int
    """How many the viewer can't see."""
    exchanges: int

    @property
    def count(self) -> int:
        return len(self.credentials) + self.more + self.others


def client_impact(
    client: Client, viewer: Membership, *, at: datetime | None = None
) -> ClientImpact:
    """Three queries, whose cost grows with the use of the client and not with the installation."""
    at = at or timezone.now()
    active = JwtCredential.objects.active(at)
    used = exchanged_credentials(client, viewer, first_recent_day(at), among=active)
    exchanges = {each.credential_id: each.exchanges for each in used}
    is_visible = {each.credential_id: each.is_visible for each in used}
    labels = {}
    for pk, label, seen in _listing(client, viewer, active):
        is_visible[pk], labels[pk] = seen, label
    visible = sorted(
        (pk for pk, seen in is_visible.items() if seen),
        key=lambda pk: (-exchanges.get(pk, 0), labels.get(pk, ""), pk),
    )
    return ClientImpact(
        credentials=_with_exchanges(visible[:DEPENDENTS_SHOWN], exchanges),
        more=max(0, len(visible) - DEPENDENTS_SHOWN),
        others=list(is_visible.values()).count(False),
        exchanges=sum(exchanges.values()),
    )


def _listing(
    client: Client, viewer: Membership, active: JwtCredentialQuerySet
) -> Iterable[tuple[UUID, str, bool]]:
    """`(key, label, is visible)` of the credentials that list the client."""
    listing = active.filter(permitted_clients=client).order_by()
    rows = listing.annotate(seen=is_visible_to(viewer))
    return rows.values_list("pk", "label", "seen")


def _with_exchanges(shown: list[UUID], exchanges: Mapping[UUID, int]) -> list[JwtCredential]:
    credentials = JwtCredential.objects.select_related("extension__user").in_bulk(shown)
    for pk, credential in credentials.items():
        credential.recent_exchanges = exchanges.get(pk, 0)
    return sorted(
        credentials.values(), key=lambda each: (-each.recent_exchanges, each.label, each.pk)
    )


def listed_by_others(application: Application, *, at: datetime | None = None) -> int:
    """How many active credentials of other organizations list the app."""
    return (
        JwtCredential.objects.active(at or timezone.now())
        .filter(permitted_clients__application=application)
        .exclude(extension__account__organization=application.organization_id)
        .distinct()
        .count()
    )
