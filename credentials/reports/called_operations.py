"""How often each operation of each API was called in the last thirty days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Sum
from django.utils import timezone

from accounts.platform import built_in
from credentials.models.usage import Called, CallUsage, first_recent_day

OPERATIONS_SHOWN = 20
UNLISTED = "Other operations"


@dataclass(frozen=True)
class CalledOperation:
    called: Called
    calls: int
    last_at: datetime

    def __str__(self) -> str:
        return f"{' '.join(filter(None, self.called))}: {self.calls}"

    @property
    def api(self) -> str:
        """The label of the API, or its ID if the platform no longer has it."""
        api = settings.PLATFORM.apis.get(self.called.api)
        if self.called.api == built_in.API_ID and settings.PLATFORM.built_in_api:
            return built_in.LABEL
        return api.label if api else self.called.api

    @property
    def name(self) -> str:
        if not self.called.operation:
            return UNLISTED
        return self._summary or self.called.operation

    @property
    def id(self) -> str:
        """The ID of the operation; empty if the name is the ID."""
        return self.called.operation if self._summary else ""

    @property
    def _summary(self) -> str:
        api = settings.PLATFORM.apis.get(self.called.api)
        operation = api.operation(self.called.operation) if api else None
        return operation.summary if operation else ""


@dataclass(frozen=True)
class CalledOperations:
    shown: Sequence[CalledOperation] = ()
    """The most called ones."""
    more: int = 0


def called_operations(counts: Mapping[Called, tuple[int, datetime]]) -> CalledOperations:
    """`counts` says how often each was called, and when last."""
    found = [CalledOperation(called, *count) for called, count in counts.items()]
    found.sort(key=lambda each: (-each.calls, each.called))
    return CalledOperations(found[:OPERATIONS_SHOWN], len(found[OPERATIONS_SHOWN:]))


def operations_by_credential(
    credential_ids: Iterable[UUID], *, at: datetime | None = None
) -> dict[UUID, list[CalledOperation]]:
    """What each credential called, the most called operation first, in one query."""
    rows = (
        CallUsage.objects.filter(
            credential__in=list(credential_ids), day__gte=first_recent_day(at or timezone.now())
        )
        .order_by()
        .values_list("credential_id", "api", "operation")
        .annotate(total=Sum("calls"), last=Max("last_at"))
        .order_by("-total", "api", "operation")
    )
    found: dict[UUID, list[CalledOperation]] = {}
    for credential_id, api, operation, total, last in rows:
        called = CalledOperation(Called(api, operation), int(total), last)
        found.setdefault(credential_id, []).append(called)
    return found
