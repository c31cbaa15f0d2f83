"""The calls to one API since yesterday, allowed and refused, in all organizations.

Calls are counted per day (UTC), so yesterday and today are the shortest period that includes the
last 24 hours.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from accounts.platform import built_in
from accounts.platform.catalog import Api
from credentials.models.refusals import Refusal, RefusedWhat
from credentials.models.usage import CallUsage

# The codes of refusals whose calls are counted, because the token was valid.
_COUNTED = ("CMN-301", "CMN-401", "CMN-402", "CMN-408")
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


@dataclass
class CallTally:
    """Calls to an API or to one operation, by their result."""

    counted: int = 0
    """Calls with a valid access token."""
    counted_refusals: int = 0
    refused: int = 0
    """Refused by us, with or without a valid token."""
    refused_by_api: int = 0
    """Refused by the API itself, which reported them."""

    @property
    def allowed(self) -> int:
        return max(0, self.counted - self.counted_refusals)

    @property
    def all_refused(self) -> int:
        return self.refused + self.refused_by_api

    @property
    def is_empty(self) -> bool:
        return not (self.counted or self.all_refused)

    def add(self, refusal: "SameRefusals") -> None:
        if refusal.is_reported:
            self.refused_by_api += refusal.count
            return
        self.refused += refusal.count
        if refusal.is_authentic and refusal.code in _COUNTED:
            self.counted_refusals += refusal.count


@dataclass(frozen=True)
class ApiCalls:
    since: datetime
    by_environment: Mapping[str, CallTally]
    by_operation: Mapping[str, CallTally]
    """By operation ID, which is empty for operations that the document doesn't describe."""
    refusals: Sequence["SameRefusals"] = field(default_factory=list)


def api_calls(api: Api, *, at: datetime | None = None) -> ApiCalls:
    """Takes two queries."""
    since = _beginning_of_yesterday(at or timezone.now())
    by_environment: dict[str, CallTally] = defaultdict(CallTally)
    by_operation: dict[str, CallTally] = defaultdict(CallTally)
    for environment, operation, calls in _counts(api, since):
        by_environment[environment].counted += calls
        by_operation[operation].counted += calls
    refusals = list(_refusals(api, since))
    for refusal in refusals:
        by_environment[refusal.environment].add(refusal)
        by_operation[refusal.operation].add(refusal)
    return ApiCalls(since, by_environment, by_operation, refusals)


def _beginning_of_yesterday(at: datetime) -> datetime:
    yesterday = at.astimezone(UTC).date() - timedelta(days=1)
    return datetime.combine(yesterday, time(), tzinfo=UTC)


def _counts(api: Api, since: datetime) -> Iterator[tuple[str, str, int]]:
    rows = (
        CallUsage.objects.filter(day__gte=since.date(), api=api.id)
        .order_by()
        .values_list("client__environment", "operation")
        .annotate(total=Sum("calls"))
    )
    for environment, operation, total in rows:
        yield environment, operation, int(total)


@dataclass(frozen=True, slots=True)
class SameRefusals:
    """A number of refusals that have these values in common."""

    environment: str
    operation: str
    what: str
    code: str
    error: str
    check_name: str
    reason: str
    is_authentic: bool
    count: int

    @property
    def is_reported(self) -> bool:
        return self.what == RefusedWhat.REPORTED


def _refusals(api: Api, since: datetime) -> Iterator[SameRefusals]:
    operation: tuple[str, ...] = ("operation",)
    ids: dict[tuple[str, str], str] = {}
    if api.id == built_in.API_ID:
        # Refusals of this API record the method and the path instead of the operation ID.
        operation = ("method", "path")
        ids = {(each.method, _shape(each.path)): each.id for each in api.operations}
    columns = ("environment", "what", "code", "error", "check_name", "reason", "is_authentic")
    rows = (
        _refusals_of(api)
        .filter(at__gte=since)
        .order_by()
        .values(*columns, *operation)
        .annotate(count=Count("pk"))
    )
    for row in rows:
        if ids:
            row["operation"] = ids.get((row.pop("method"), _shape(row.pop("path"))), "")
        yield SameRefusals(**row)


def _refusals_of(api: Api) -> QuerySet[Refusal, Any]:
    if api.id == built_in.API_ID:
        return Refusal.objects.filter(what=RefusedWhat.CALL)
    kinds = (RefusedWhat.GATEWAY, RefusedWhat.REPORTED)
    return Refusal.objects.filter(api=api.id, what__in=kinds)


def _shape(template: str) -> str:
    return _PLACEHOLDER.sub("{}", template)
