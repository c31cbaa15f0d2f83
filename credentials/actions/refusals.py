"""Records the requests that the APIs refused. Programs call this, so it has no actor."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Subquery

from credentials.actions.pauses import note_missed_pauses
from credentials.models import Client, JwtCredential, Refusal
from credentials.models.refusals import OFTEN, OFTEN_WITHIN, Refused

# We update a credential that is refused all the time once an hour. So it can leave the list of
# credentials that are refused often up to an hour early.
NOTED_EVERY = timedelta(hours=1)


@transaction.atomic
def record_refusals(refused: Iterable[Refused]) -> int:
    rows = _written(list(refused))
    note_missed_pauses(rows)
    note_often_refused({row.credential_id for row in rows if row.credential_id is not None})
    return len(rows)


def _written(batch: list[Refused]) -> list[Refusal]:
    # Only the IDs of rows that exist, because the database doesn't check these foreign keys.
    clients = Client.objects.in_bulk(
        {one.presented_client_id for one in batch if one.presented_client_id},
        field_name="client_id",
    )
    credentials = JwtCredential.objects.only("pk").in_bulk(
        {pk for one in batch if (pk := _uuid_or_none(one.credential_id)) is not None}
    )
    rows = []
    for one in batch:
        client = clients.get(one.presented_client_id)
        pk = _uuid_or_none(one.credential_id)
        found = {
            "client": client,
            "is_authentic": one.is_authentic and client is not None,
            "credential_id": pk if pk in credentials else None,
        }
        rows.append(Refusal(**asdict(one) | found))
    return Refusal.objects.bulk_create(rows)


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@transaction.atomic
def note_often_refused(credential_ids: Iterable[UUID]) -> None:
    # In the order of their keys, as everywhere, so that two processes don't wait for each other.
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
