from django.db import models
from django.utils import timezone


class AuditSeal(models.Model):
    """One link of the hash chain over the audit events; append-only by trigger, like the events.

    `digest` is the SHA-256 over the previous link's digest and the canonical JSON of the events
    `first_event_id` to `last_event_id`.
    """

    id = models.BigAutoField(primary_key=True)
    first_event_id = models.BigIntegerField()
    last_event_id = models.BigIntegerField(unique=True)
    event_count = models.PositiveIntegerField()
    previous_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"seal of events {self.first_event_id} to {self.last_event_id}"
