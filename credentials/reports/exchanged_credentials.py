"""Which credentials a client exchanged lately: what pages of apps count, sum up and list."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.expressions import BaseExpression

from accounts.models import Membership
from credentials.models.applications import Client
from credentials.models.jwt_credential_queries import is_visible_to
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import ExchangeUsage


@dataclass(frozen=True, slots=True)
class ExchangedCredential:
    """A credential that a client exchanged."""

    credential_id: UUID
    exchanges: int
    is_visible: bool | None
    """Whether the viewer may see the credential; None if it is not among those asked about."""


class _OfGroup(Subquery):
    """Looked up once for each group instead of each row: it is about what is grouped by."""

    def get_group_by_cols(self) -> list[BaseExpression]:
        return []


def exchanged_credentials(
    client: Client, viewer: Membership, since: date, *, among: QuerySet[JwtCredential]
) -> list[ExchangedCredential]:
    """What the client exchanged since that day, the most exchanged first.

    In one query that reads the client's days, and then each credential by its key. A join would
    make PostgreSQL read every credential of the installation.
    """
    credential = (
        among.filter(pk=OuterRef("credential")).order_by().annotate(seen=is_visible_to(viewer))
    )
    rows = (
        ExchangeUsage.objects.filter(client=client, day__gte=since)
        .order_by()
        .values("credential")
        .annotate(
            total=Sum("exchanges"),
            seen=_OfGroup(credential.values("seen")[:1]),
        )
        .order_by("-total", "credential")
        .values_list("credential", "total", "seen")
    )
    return [ExchangedCredential(pk, int(total), seen) for pk, total, seen in rows]
