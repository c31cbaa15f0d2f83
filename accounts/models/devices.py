from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from core import browsers, raw_secrets

# Longer than browsers keep a cookie: they forget it after 400 days.
DEVICES_KEPT = timedelta(days=400)


class DeviceQuerySet(models.QuerySet["Device"]):
    def with_token(self, raw_token: str) -> Self:
        return self.filter(token_digest=raw_secrets.digest(raw_token))

    def forgotten(self, at: datetime | None = None) -> Self:
        """Not seen for a long time, except for a person's last browser."""
        # Without it, their next sign-in would count as the first one, which tells no one.
        later = Device.objects.filter(
            models.Q(last_seen_at__gt=models.OuterRef("last_seen_at"))
            | models.Q(last_seen_at=models.OuterRef("last_seen_at"), pk__gt=models.OuterRef("pk")),
            user=models.OuterRef("user"),
        )
        return self.filter(
            models.Exists(later), last_seen_at__lt=(at or timezone.now()) - DEVICES_KEPT
        )


class Device(models.Model):
    """A browser in which a person signed in, known by the random token in its cookie.

    Of the id only the digest is kept. Two people who share a browser have a row each.
    """

    # The unique constraint begins with it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="devices",
        db_index=False,
    )
    token_digest = models.CharField(max_length=64, editable=False)
    user_agent = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "token_digest"], name="device_once_per_person")
        ]
        indexes: ClassVar = [
            models.Index(fields=["token_digest"], name="device_by_token"),
            models.Index(fields=["last_seen_at"], name="device_by_age"),
        ]

    def __str__(self) -> str:
        return self.browser

    @property
    def browser(self) -> str:
        return browsers.described(self.user_agent)
