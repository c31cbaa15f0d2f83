from typing import ClassVar

from django.db import models
from django.utils import timezone

from credentials.models.applications import Client


class AppAccess(models.TextChoices):
    ORGANIZATION = "organization", "All apps created by developers within my organization"
    SPECIFIC = "specific", "Only specific apps of my choice"


class PermittedClient(models.Model):
    """One row of a credential's list of specific apps."""

    credential = models.ForeignKey(
        "credentials.JwtCredential", on_delete=models.PROTECT, related_name="permitted"
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="permitted_by")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["credential", "client"], name="permitted_client_once")
        ]

    def __str__(self) -> str:
        return f"{self.client} for {self.credential}"
