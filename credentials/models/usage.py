from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from django.db.models import Max, Sum
from django.utils import timezone

RECENT = timedelta(days=30)


@dataclass(frozen=True)
class ClientUse:
    """How one client used a credential lately."""

    client_id: str
    application_name: str
    exchanges: int
    last_at: datetime


class ExchangeUsageQuerySet(models.QuerySet["ExchangeUsage"]):
    def recent_by_client(self, credential_id: UUID, at: datetime | None = None) -> list[ClientUse]:
        """Which clients exchanged the credential in the last 30 days, the latest first."""
        since = ((at or timezone.now()) - RECENT).date()
        rows = (
            self.filter(credential=credential_id, day__gte=since)
            .values_list("client__client_id", "client__application__name")
            .annotate(total=Sum("exchanges"), last=Max("last_at"))
            .order_by("-last")
        )
        return [ClientUse(*row) for row in rows]

    def count_exchange(
        self, credential_id: UUID, client_pk: int, *, at: datetime | None = None, times: int = 1
    ) -> None:
        """Add to the day's counter in one statement; informational, never decides about access.

        The first exchange of a day is also noted on the credential.
        """
        at = at or timezone.now()
        table = connection.ops.quote_name(self.model._meta.db_table)
        uuid_value = connection.ops.adapt_unknown_value(credential_id)
        if not connection.features.has_native_uuid_field:
            uuid_value = credential_id.hex
        greatest = "MAX" if connection.vendor == "sqlite" else "GREATEST"
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (credential_id, client_id, day, exchanges, last_at)"  # noqa: S608 - the table name is ours
                " VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (credential_id, client_id, day) DO UPDATE SET"
                f" exchanges = {table}.exchanges + excluded.exchanges,"
                f" last_at = {greatest}({table}.last_at, excluded.last_at)"
                " RETURNING exchanges",
                [
                    uuid_value,
                    client_pk,
                    connection.ops.adapt_datefield_value(at.date()),
                    times,
                    connection.ops.adapt_datetimefield_value(at),
                ],
            )
            (exchanges,) = cursor.fetchone()
        if exchanges == times:
            self._note_use(credential_id, at.date())

    def _note_use(self, credential_id: UUID, day: date) -> None:
        """Once a day and client: lists sort and filter by the day of the last use."""
        credentials = apps.get_model("credentials", "JwtCredential").objects
        credentials.filter(pk=credential_id, last_used_on__lt=day).update(last_used_on=day)

    def recent_by_credential(
        self, credential_ids: Iterable[UUID], at: datetime | None = None
    ) -> dict[UUID, list[ClientUse]]:
        """Which clients exchanged each credential in the last 30 days, the busiest first."""
        since = ((at or timezone.now()) - RECENT).date()
        rows = (
            self.filter(credential__in=list(credential_ids), day__gte=since)
            .values_list("credential_id", "client__client_id", "client__application__name")
            .annotate(total=Sum("exchanges"), last=Max("last_at"))
            .order_by("-total", "client__client_id")
        )
        found: dict[UUID, list[ClientUse]] = {}
        for credential_id, *use in rows:
            found.setdefault(credential_id, []).append(ClientUse(*use))
        return found


class ExchangeUsage(models.Model):
    """How often one client exchanged one credential on one day (UTC)."""

    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="usage"
    )
    client = models.ForeignKey("credentials.Client", on_delete=models.PROTECT, related_name="usage")
    day = models.DateField()
    exchanges = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    objects = ExchangeUsageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["credential", "client", "day"], name="exchange_usage_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.exchanges} on {self.day}"
