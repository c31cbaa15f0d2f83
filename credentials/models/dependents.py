"""What would stop working without a client: asked before someone suspends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership
from credentials.models.applications import Application, Client
from credentials.models.jwt_credentials import JwtCredential, PermittedClient, visible_to
from credentials.models.usage import ExchangeUsage, first_recent_day

SHOWN_AT_MOST = 20


@dataclass(frozen=True)
class Dependents:
    """Credentials that stand and list a client, or that it exchanged in the last 30 days."""

    credentials: Sequence[JwtCredential]
    """The most used of those that the viewer may see, each with its `exchanges`."""
    more: int
    """How many more the viewer may see."""
    others: int
    """How many there are that the viewer may not see."""
    exchanges: int

    @property
    def count(self) -> int:
        return len(self.credentials) + self.more + self.others


def dependents_of(client: Client, viewer: Membership, *, at: datetime | None = None) -> Dependents:
    at = at or timezone.now()
    usage = ExchangeUsage.objects.filter(client=client, day__gte=first_recent_day(at))
    exchanges = (
        usage.filter(credential=OuterRef("pk"))
        .order_by()
        .values("credential")
        .annotate(total=Sum("exchanges"))
        .values("total")
    )
    listing = PermittedClient.objects.filter(client=client).order_by()
    # A union: from two lists joined by OR the database would look at every credential there is.
    concerned = listing.values("credential").union(usage.order_by().values("credential"))
    standing = JwtCredential.objects.filter(pk__in=concerned).standing(at)
    visible = visible_to(viewer)
    counts = standing.aggregate(all=Count("pk"), visible=Count("pk", filter=visible))
    credentials = list(
        standing.filter(visible)
        .select_related("extension__user")
        .annotate(exchanges=Coalesce(Subquery(exchanges), 0))
        .order_by("-exchanges", "label", "pk")[:SHOWN_AT_MOST]
    )
    return Dependents(
        credentials=credentials,
        more=counts["visible"] - len(credentials),
        others=counts["all"] - counts["visible"],
        exchanges=usage.aggregate(total=Sum("exchanges"))["total"] or 0,
    )


def guests_of(application: Application, *, at: datetime | None = None) -> int:
    """How many standing credentials of other organizations list the app."""
    return (
        JwtCredential.objects.standing(at or timezone.now())
        .filter(permitted_clients__application=application)
        .exclude(extension__account__organization=application.organization_id)
        .distinct()
        .count()
    )
