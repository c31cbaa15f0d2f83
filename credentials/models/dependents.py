"""What would stop working without a client: asked before someone suspends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import ConsolePermission
from credentials.models.applications import Application, Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import ExchangeUsage

USED_WITHIN = timedelta(days=30)
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
    usage = ExchangeUsage.objects.filter(client=client, day__gt=(at - USED_WITHIN).date())
    exchanges = (
        usage.filter(credential=OuterRef("pk"))
        .order_by()
        .values("credential")
        .annotate(total=Sum("exchanges"))
        .values("total")
    )
    standing = JwtCredential.objects.standing(at).filter(
        Q(pk__in=client.permitting_credentials.values("pk"))
        | Q(pk__in=usage.values("credential_id"))
    )
    visible = _visible_to(viewer, standing)
    visible_count = visible.count()
    credentials = list(
        visible.select_related("extension__user")
        .annotate(exchanges=Coalesce(Subquery(exchanges), 0))
        .order_by("-exchanges", "label", "pk")[:SHOWN_AT_MOST]
    )
    return Dependents(
        credentials=credentials,
        more=visible_count - len(credentials),
        others=standing.count() - visible_count,
        exchanges=usage.aggregate(total=Sum("exchanges"))["total"] or 0,
    )


def _visible_to(
    viewer: Membership, credentials: QuerySet[JwtCredential]
) -> QuerySet[JwtCredential]:
    if viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY):
        return credentials.filter(extension__account__organization=viewer.organization)
    return credentials.filter(extension__user=viewer.user)


def guests_of(application: Application, *, at: datetime | None = None) -> int:
    """How many standing credentials of other organizations list the app."""
    return (
        JwtCredential.objects.standing(at or timezone.now())
        .filter(permitted_clients__application=application)
        .exclude(extension__account__organization=application.organization_id)
        .distinct()
        .count()
    )
