from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Max, Q
from django.utils import timezone

from credentials.models.jwt_credentials import JwtCredential
from credentials.models.usage import (
    AddressUse,
    CallUsage,
    ExchangeUsage,
    SeenAddress,
    seen_addresses,
)

# We warn the owner this long before an old credential that is still in use stops working, or half
# the grace period before if that is shorter.
WARNING = timedelta(hours=24)


@dataclass(frozen=True)
class AppProgress:
    """When one app last used each credential since the rotation began, by exchange or call."""

    client_id: str
    application_name: str
    replaced_last_at: datetime | None
    replacement_last_at: datetime | None
    replaced_addresses: tuple[SeenAddress, ...] = ()
    """Where it used the old credential from, the latest first."""

    @property
    def has_moved(self) -> bool:
        """Whether the app used the replacement last."""
        if self.replacement_last_at is None:
            return False
        return self.replaced_last_at is None or self.replaced_last_at < self.replacement_last_at


class RotationQuerySet(models.QuerySet["Rotation"]):
    def about(self, credential: JwtCredential) -> "Rotation | None":
        """The rotation that the credential's page shows: the open one, else the latest."""
        found = (
            self.filter(Q(replaced=credential) | Q(replacement=credential))
            .select_related("replaced__revoked_by", "replacement__revoked_by", "started_by")
            .order_by("-started_at", "-pk")
        )
        rotations = list(found[:10])
        for rotation in rotations:
            # Both have one extension. Five more joins would take longer to plan than to read.
            for side in (rotation.replaced, rotation.replacement):
                if side.extension_id == credential.extension_id:
                    side.extension = credential.extension
        still_open = (rotation for rotation in rotations if rotation.is_open())
        return next(still_open, rotations[0] if rotations else None)

    def open(self, at: datetime) -> Self:
        return self.filter(
            undone_at__isnull=True,
            replaced__revoked_at__isnull=True,
            replaced__superseded_at__gt=at,
        )

    def open_by_credential(
        self, credentials: Iterable[JwtCredential], at: datetime | None = None
    ) -> "dict[UUID, Rotation]":
        """The open rotation of each of these credentials, by credential ID."""
        ids = [credential.pk for credential in credentials]
        found = self.open(at or timezone.now()).filter(Q(replaced__in=ids) | Q(replacement__in=ids))
        rotations: dict[UUID, Rotation] = {}
        for rotation in found.select_related("replaced", "replacement"):
            rotations[rotation.replaced_id] = rotations[rotation.replacement_id] = rotation
        return rotations

    def due(self, at: datetime) -> Self:
        """Closed by their deadline, while the old credential isn't marked as revoked yet."""
        return self.filter(
            undone_at__isnull=True,
            replaced__revoked_at__isnull=True,
            replaced__superseded_at__lte=at,
        )

    def to_warn_of(self, at: datetime) -> "list[tuple[Rotation, list[AppProgress]]]":
        """Those about to close whose old credential is in use, with the apps that use it."""
        closing = (
            self.open(at)
            .filter(warned_at__isnull=True, replaced__superseded_at__lte=at + WARNING)
            .select_related(
                "replaced__extension__user", "replaced__extension__account", "replacement"
            )
        )
        found = ((row, row.replaced_in_use) for row in closing if row.warns_at <= at)
        return [(row, apps) for row, apps in found if apps]


class Rotation(models.Model):
    """A replacement takes over from an old credential with the same apps and networks.

    The Auth API reads `superseded_at` of the old credential and `awaits_first_use` of the
    replacement instead of this row, so that a rotation adds no query to an exchange.
    """

    replaced = models.ForeignKey(JwtCredential, on_delete=models.PROTECT, related_name="rotations")
    replacement = models.OneToOneField(
        JwtCredential, on_delete=models.PROTECT, related_name="rotation"
    )
    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # The old credential stops working then, even if no app has used the replacement.
    deadline = models.DateTimeField()
    # How long the old credential works after the first use of the replacement. The column keeps
    # its former name, because servers of the version before read it during an update.
    grace_period = models.DurationField(db_column="drain")
    first_used_at = models.DateTimeField(null=True, blank=True)
    # The replacement was revoked before the old credential ended, which then keeps working.
    undone_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)

    objects = RotationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["replaced"],
                condition=Q(undone_at__isnull=True),
                name="rotation_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(replaced=F("replacement")), name="rotation_of_two_credentials"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.replacement} for {self.replaced}"

    @property
    def closes_at(self) -> datetime:
        """The deadline, or the end of the grace period if that comes first."""
        if self.first_used_at is None:
            return self.deadline
        return min(self.deadline, self.first_used_at + self.grace_period)

    @property
    def grace_period_in_words(self) -> str:
        hours = int(self.grace_period.total_seconds()) // 3600
        count, unit = (hours // 24, "day") if hours > 24 else (hours, "hour")
        return f"{count} {unit}{'' if count == 1 else 's'}"

    @property
    def latest_end(self) -> datetime:
        """The first expiry of the two credentials; no deadline can be later."""
        return min(self.replaced.expires_at, self.replacement.expires_at)

    @property
    def warns_at(self) -> datetime:
        """When we warn the owner if the old credential is still in use."""
        ahead = WARNING if self.first_used_at is None else min(WARNING, self.grace_period / 2)
        return self.closes_at - ahead

    def is_open(self, at: datetime | None = None) -> bool:
        """Whether the old credential still works, so that the rotation can be undone."""
        return self.undone_at is None and not self.replaced.is_ended(at)

    @property
    def closed_at(self) -> datetime | None:
        """When the old credential stopped working, if it has."""
        if self.undone_at is not None or self.is_open():
            return None
        return self.replaced.revoked_at or self.replaced.superseded_at

    @property
    def progress(self) -> list[AppProgress]:
        """The apps that used either credential since it began, those on the old one first."""
        last: dict[tuple[UUID, str], datetime] = {}
        names: dict[str, str] = {}
        for usage in (ExchangeUsage.objects.all(), CallUsage.objects.all()):
            rows = (
                usage.filter(
                    credential__in=[self.replaced_id, self.replacement_id],
                    last_at__gte=self.started_at,
                )
                .values_list("credential_id", "client__client_id", "client__application__name")
                .annotate(last=Max("last_at"))
                .order_by()
            )
            for credential_id, client_id, name, at in rows:
                key = (credential_id, client_id)
                last[key] = max(at, last.get(key, at))
                names[client_id] = name
        addresses = self._replaced_addresses()
        found = [
            AppProgress(
                client_id,
                name,
                last.get((self.replaced_id, client_id)),
                last.get((self.replacement_id, client_id)),
                tuple(seen_addresses(addresses.get(client_id, ()))),
            )
            for client_id, name in names.items()
        ]
        return sorted(
            found, key=lambda app: (app.has_moved, app.application_name.casefold(), app.client_id)
        )

    def _replaced_addresses(self) -> dict[str, list[tuple[str, datetime, str]]]:
        """The address, time and app of each use of the old credential, by client ID."""
        found: dict[str, list[tuple[str, datetime, str]]] = {}
        for row in AddressUse.objects.of(self.replaced_id, since=self.started_at):
            seen = (row.address, row.last_at, row.client.application.name)
            found.setdefault(row.client.client_id, []).append(seen)
        return found

    @property
    def replaced_in_use(self) -> list[AppProgress]:
        """The apps that used the old credential since the first use of the replacement."""
        since = self.first_used_at or self.started_at
        return [
            app
            for app in self.progress
            if app.replaced_last_at is not None and app.replaced_last_at >= since
        ]
