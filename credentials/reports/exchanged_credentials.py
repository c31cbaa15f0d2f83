"""Which credentials a client exchanged since a day, for every page that counts or lists them."""

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
    """Whether the viewer can see the credential; None if it isn't in `among`."""


class _OfGroup(Subquery):
    # Django would group by the subquery and so run it for each row. Once for each group is enough,
    # because it depends only on the column that we group by.

    def get_group_by_cols(self) -> list[BaseExpression]:
        return []


def exchanged_credentials(
    client: Client, viewer: Membership, since: date, *, among: QuerySet[JwtCredential]
) -> list[ExchangedCredential]:
    """The credentials that the client exchanged since that day, most exchanged first."""
    # One query reads the days of the client, then each credential by its key. For a join,
    # PostgreSQL would read every credential of the installation.
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
