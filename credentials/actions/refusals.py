"""Writing down what the APIs refused, and forgetting it. Programs do it, nobody decided it."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from credentials.models import Client, JwtCredential, Refusal
from credentials.models.refusals import Refused, uuid_or_none


@transaction.atomic
def record_refusals(refused: Iterable[Refused]) -> int:
    """One row each, in one statement; client IDs and credential IDs become the rows they name."""
    batch = list(refused)
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
    return len(Refusal.objects.bulk_create(rows))


@transaction.atomic
def forget_old_refusals(*, at: datetime | None = None) -> int:
    forgotten, _ = Refusal.objects.too_old(at).delete()
    return forgotten
