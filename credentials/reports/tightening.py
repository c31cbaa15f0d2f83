"""What a stricter policy would stop, to show before it is saved."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac

from credentials.models.jwt_credentials import JwtCredential
from credentials.models.policies import Policy
from credentials.models.usage import ClientUse, ExchangeUsage, first_recent_day
from credentials.policy_rules import narrows, settings_to_record, stopped_by

CREDENTIALS_SHOWN = 20
_SALT = "credentials.policies.confirmation"


@dataclass(frozen=True)
class Affected:
    """Live credentials: how many, and the most used of them with the apps of the last 30 days."""

    shown: list[tuple[JwtCredential, list[ClientUse]]]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True)
class Tightening:
    stopped: Affected
    """They work now and would not with the new policy."""
    limited: Affected
    """They would keep working, but only from the networks that remain."""
    proof: str
    """Proves that exactly these consequences were shown."""

    @property
    def is_harmless(self) -> bool:
        return not (self.stopped.count or self.limited.count)


def tightening(before: Policy, after: Policy, *, at: datetime) -> Tightening:
    """What the live credentials of the organization and environment would lose."""
    live = JwtCredential.objects.filter(
        organization=before.organization_id, extension__account__environment=before.environment
    ).active(at)
    working = live.exclude(pk__in=live.filter(stopped_by(before)).values("pk"))
    broken = working.filter(stopped_by(after))
    remaining = working.exclude(pk__in=broken.values("pk"))
    if not narrows(before, after):
        remaining = remaining.none()
    # A credential created after the page was shown asks for confirmation again, even if another
    # one ended meanwhile and the counts are the same.
    newest = working.aggregate(newest=Max("issued_at"))["newest"]
    stopped, limited = _affected(broken, at), _affected(remaining, at)
    return Tightening(
        stopped,
        limited,
        proof=_proof(
            str(before.organization_id),
            before.environment,
            settings_to_record(before),
            settings_to_record(after),
            stopped.count,
            limited.count,
            str(newest),
        ),
    )


def _proof(*shown: object) -> str:
    return salted_hmac(_SALT, json.dumps(shown), algorithm="sha256").hexdigest()


def _affected(credentials: QuerySet[JwtCredential], at: datetime) -> Affected:
    usage = ExchangeUsage.objects.filter(day__gte=first_recent_day(at)).order_by()
    exchanges = (
        usage.filter(credential=OuterRef("pk"))
        .values("credential")
        .annotate(total=Sum("exchanges"))
        .values("total")
    )
    shown = list(
        credentials.select_related("extension__user")
        .annotate(exchanges=Coalesce(Subquery(exchanges), 0))
        .order_by("-exchanges", "label", "pk")[:CREDENTIALS_SHOWN]
    )
    uses = ExchangeUsage.objects.recent_by_credential([each.pk for each in shown], at)
    return Affected(
        [(credential, uses.get(credential.pk, [])) for credential in shown], credentials.count()
    )
