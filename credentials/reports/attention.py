"""Which credentials need attention, and why: your own, and those of an organization."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    ExpressionWrapper,
    IntegerField,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership, Organization
from credentials.models.expiration import EXPIRES_SOON, NEVER
from credentials.models.jwt_credential_queries import active_at, refused_often
from credentials.models.jwt_credentials import JwtCredential
from credentials.reports.credential_list import CredentialFilter, matching_credentials, unused_since

UNUSED = timedelta(days=30)
ATTENTION_SHOWN = 10
# Beyond that a page says "more than 99": counting every one of a hundred thousand takes too long.
MANY = 99


class AttentionReason(StrEnum):
    """Why a credential needs attention, most urgent first."""

    REFUSED = "refused_often"
    EXPIRING = "expiring"
    NEVER_EXPIRES = "never_expires"
    UNUSED = "unused"


@dataclass(frozen=True)
class Attention:
    credential: JwtCredential
    reasons: tuple[AttentionReason, ...]


@dataclass(frozen=True)
class OwnAttention:
    credentials: list[Attention]
    """The most urgent ones, most urgent first."""
    more: bool


def own_attention(
    owner: Membership, *, environment: Environment | None = None, at: datetime | None = None
) -> OwnAttention:
    """The owner's credentials that need attention, in one query."""
    at = at or timezone.now()
    conditions = _conditions(at)
    ranks = [When(condition, then=rank) for rank, condition in enumerate(conditions.values())]
    holds = {
        f"holds_{reason}": ExpressionWrapper(condition, BooleanField())
        for reason, condition in conditions.items()
    }
    found = list(
        JwtCredential.objects.of(owner)
        .in_environment(environment)
        .filter(reduce(or_, conditions.values()))
        .select_related("extension__account")
        .annotate(rank=Case(*ranks, output_field=IntegerField()), **holds)
        .order_by("rank", "expires_at", "issued_at", "pk")[: ATTENTION_SHOWN + 1]
    )
    return OwnAttention(
        [Attention(each, _reasons(each)) for each in found[:ATTENTION_SHOWN]],
        more=len(found) > ATTENTION_SHOWN,
    )


def _conditions(at: datetime) -> dict[AttentionReason, Q]:
    # Refusals of a credential that has ended matter too, because an app still sends it. The other
    # reasons end with a replacement.
    lasting = active_at(at) & Q(superseded_at__isnull=True)
    return {
        AttentionReason.REFUSED: refused_often(at),
        AttentionReason.EXPIRING: lasting & Q(expires_at__lte=at + EXPIRES_SOON),
        AttentionReason.NEVER_EXPIRES: lasting
        & Q(expires_at__gte=NEVER, extension__account__environment=Environment.PRODUCTION),
        AttentionReason.UNUSED: lasting & unused_since(at - UNUSED),
    }


def _reasons(credential: JwtCredential) -> tuple[AttentionReason, ...]:
    return tuple(reason for reason in AttentionReason if getattr(credential, f"holds_{reason}"))


# The filters of the organization's list that show these credentials.
IN_ORGANIZATION: Mapping[AttentionReason, CredentialFilter] = {
    AttentionReason.REFUSED: CredentialFilter(refused_often=True),
    AttentionReason.EXPIRING: CredentialFilter(expiring_days=EXPIRES_SOON.days),
    AttentionReason.NEVER_EXPIRES: CredentialFilter(
        status="active", never_expires=True, environment=Environment.PRODUCTION.value
    ),
    AttentionReason.UNUSED: CredentialFilter(status="active", unused_days=UNUSED.days),
}


def _in_organization(
    environment: Environment | None,
) -> Mapping[AttentionReason, CredentialFilter]:
    if environment is None:
        return IN_ORGANIZATION
    return {
        reason: replace(wanted, environment=environment.value)
        for reason, wanted in IN_ORGANIZATION.items()
        if wanted.environment in ("", environment)
    }


class _CountOf(Subquery):
    """How many rows a query finds, as a column. Counting stops at the limit of the query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def organization_attention(
    organization: Organization,
    *,
    credentials: bool,
    beside: Mapping[str, QuerySet[Any]],
    environment: Environment | None = None,
    at: datetime | None = None,
) -> dict[str, int]:
    """Counts of credentials for each reason, and of the rows in `beside`.

    One query. Each count stops at a hundred, so it reads that many entries of an index at most.
    """
    found: dict[str, QuerySet[Any]] = dict(beside)
    if credentials:
        at = at or timezone.now()
        for reason, wanted in _in_organization(environment).items():
            found[reason] = matching_credentials(organization, wanted, at=at)
    counts = {
        f"{name}_found": _CountOf(rows.order_by().values("pk")[: MANY + 1])
        for name, rows in found.items()
    }
    row = Organization.objects.annotate(**counts).values(*counts).get(pk=organization.pk)
    return {name: row[f"{name}_found"] for name in found}
