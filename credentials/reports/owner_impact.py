"""What would stop working if a person lost access."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from accounts.models import Membership
from accounts.models.extensions import ExtensionStatus
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import ClientUse, ExchangeUsage, first_recent_day

CREDENTIALS_IN_USE_SHOWN = 20


@dataclass(frozen=True)
class CredentialInUse:
    """An active credential, and the clients that exchanged it in the last 30 days, latest first."""

    credential: JwtCredential
    clients: list[ClientUse] = field(default_factory=list)


@dataclass(frozen=True)
class OwnerImpact:
    """A person's active credentials in accounts that are enabled."""

    used: list[CredentialInUse]
    """Those used in the last 30 days, latest first, up to a limit."""
    used_count: int
    count: int

    @property
    def more(self) -> int:
        return self.used_count - len(self.used)

    @property
    def unused(self) -> int:
        return self.count - self.used_count


def owner_impact(owner: Membership, *, at: datetime | None = None) -> OwnerImpact:
    at = at or timezone.now()
    live = (
        JwtCredential.objects.of(owner).active(at).filter(extension__status=ExtensionStatus.ENABLED)
    )
    usage = ExchangeUsage.objects.filter(
        credential__in=live, day__gte=first_recent_day(at)
    ).order_by()
    latest = list(
        usage.values("credential")
        .annotate(last=Max("last_at"))
        .order_by("-last")
        .values_list("credential", flat=True)
    )
    shown = latest[:CREDENTIALS_IN_USE_SHOWN]
    return OwnerImpact(
        used=_with_clients(shown, usage.filter(credential__in=shown)),
        used_count=len(latest),
        count=live.count(),
    )


def _with_clients(shown: list[UUID], usage: QuerySet[ExchangeUsage]) -> list[CredentialInUse]:
    credentials = JwtCredential.objects.select_related("extension__account").in_bulk(shown)
    used = {pk: CredentialInUse(credentials[pk]) for pk in shown}
    rows = (
        usage.values_list("credential", "client__client_id", "client__application__name")
        .annotate(total=Sum("exchanges"), last=Max("last_at"))
        .order_by("-last")
    )
    for pk, *use in rows:
        used[pk].clients.append(ClientUse(*use))
    return list(used.values())
