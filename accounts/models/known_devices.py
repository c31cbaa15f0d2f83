from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class KnownDevice(models.Model):
    """A browser that a person has signed in from; a long-lived cookie holds the raw token."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_devices"
    )
    token_digest = models.CharField(max_length=64, editable=False)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "token_digest"], name="known_device_once")
        ]

    def __str__(self) -> str:
        return f"device of {self.user}"
