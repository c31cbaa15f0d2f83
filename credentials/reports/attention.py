"""Which credentials somebody should look at, and why: one's own, and those of an organization."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """What is the matter with a credential, the most urgent first."""

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
    """The most urgent first, not all of them if there are many."""
    more: bool


def own_attention(owner: Membership, *, at: datetime | None = None) -> OwnAttention:
    """The owner's credentials that something is the matter with; one query."""
    at = at or timezone.now()
    conditions = _conditions(at)
    ranks = [When(condition, then=rank) for rank, condition in enumerate(conditions.values())]
    holds = {
        f"holds_{reason}": ExpressionWrapper(condition, BooleanField())
        for reason, condition in conditions.items()
    }
    found = list(
        JwtCredential.objects.of(owner)
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
    """A refusal matters of what has ended, too; the rest only of what nothing replaces already."""
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


# What the list of the organization's credentials is filtered by to see them.
IN_ORGANIZATION: Mapping[AttentionReason, CredentialFilter] = {
    AttentionReason.REFUSED: CredentialFilter(refused_often=True),
    AttentionReason.EXPIRING: CredentialFilter(expiring_days=EXPIRES_SOON.days),
    AttentionReason.NEVER_EXPIRES: CredentialFilter(
        status="active", never_expires=True, environment=Environment.PRODUCTION.value
    ),
    AttentionReason.UNUSED: CredentialFilter(status="active", unused_days=UNUSED.days),
}


class _CountOf(Subquery):
    """How many rows a query finds, as a column; a limit of the query is the most it counts to."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def organization_attention(
    organization: Organization,
    *,
    credentials: bool,
    beside: Mapping[str, QuerySet[Any]],
    at: datetime | None = None,
) -> dict[str, int]:
    """How many `credentials` there are of each reason, and rows of what is counted `beside`.

    In one query, each up to a hundred: read from its index until there are enough, whatever the
    organization holds.
    """
    found: dict[str, QuerySet[Any]] = dict(beside)
    if credentials:
        at = at or timezone.now()
        for reason, wanted in IN_ORGANIZATION.items():
            found[reason] = matching_credentials(organization, wanted, at=at)
    counts = {
        f"{name}_found": _CountOf(rows.order_by().values("pk")[: MANY + 1])
        for name, rows in found.items()
    }
    row = Organization.objects.annotate(**counts).values(*counts).get(pk=organization.pk)
    return {name: row[f"{name}_found"] for name in found}
