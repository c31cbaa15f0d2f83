"""Writing down what the APIs refused, and forgetting it. Programs do it, nobody decided it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Subquery

from credentials.models import Client, JwtCredential, Refusal
from credentials.models.refusals import OFTEN, OFTEN_WITHIN, Refused, uuid_or_none

# What is refused all the time is noted once an hour: so much too early it may leave the lists.
NOTED_EVERY = timedelta(hours=1)


@transaction.atomic
def record_refusals(refused: Iterable[Refused]) -> int:
    """One row each, in one statement; then which credentials are refused often by now."""
    rows = _written(list(refused))
    note_often_refused({row.credential_id for row in rows if row.credential_id is not None})
    return len(rows)


def _written(batch: list[Refused]) -> list[Refusal]:
    """Client IDs and credential IDs become the rows they name."""
    clients = Client.objects.in_bulk(
        {one.presented_client_id for one in batch if one.presented_client_id},
        field_name="client_id",
    )
    credentials = JwtCredential.objects.only("pk").in_bulk(
        {pk for one in batch if (pk := uuid_or_none(one.credential_id)) is not None}
    )
    rows = []
    for one in batch:
        client = clients.get(one.presented_client_id)
        pk = uuid_or_none(one.credential_id)
        rows.append(
            Refusal(
                request_id=one.request_id,
                at=one.at,
                environment=one.environment,
                what=one.what,
                method=one.method,
                path=one.path,
                status=one.status,
                error=one.error,
                code=one.code,
                message=one.message,
                check_name=one.check,
                reason=one.reason,
                presented_client_id=one.presented_client_id,
                client=client,
                is_authentic=one.is_authentic and client is not None,
                credential=credentials.get(pk) if pk else None,
                missing=one.missing,
                address=one.address,
            )
        )
    return Refusal.objects.bulk_create(rows)


@transaction.atomic
def note_often_refused(credential_ids: Iterable[UUID]) -> None:
    """Note until when credentials count as refused often: that long after the tenth last refusal.

    In the order of their keys, as everyone locks them.
    """
    latest = Refusal.objects.filter(credential=OuterRef("pk")).order_by("-id")
    found = (
        JwtCredential.objects.filter(pk__in=list(credential_ids))
        .annotate(tenth_last_at=Subquery(latest.values("at")[OFTEN - 1 : OFTEN]))
        .filter(tenth_last_at__isnull=False)
        .order_by("pk")
        .values_list("pk", "refused_often_until", "tenth_last_at")
    )
    for pk, noted, tenth_last_at in found:
        until = tenth_last_at + OFTEN_WITHIN
        if noted is None or until - noted >= NOTED_EVERY:
            JwtCredential.objects.filter(pk=pk).update(refused_often_until=until)


@transaction.atomic
def forget_old_refusals(*, at: datetime | None = None) -> int:
    forgotten, _ = Refusal.objects.too_old(at).delete()
    return forgotten
