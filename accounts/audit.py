"""The record of who did what. `record` is called by actions, inside their transaction."""

from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, Organization, User
from accounts.origin import Origin

SYSTEM_LABEL = "Operator"


def record(
    kind: AuditKind,
    *,
    actor: User | None,
    origin: Origin,
    target: Model,
    organization: Organization | None = None,
    at: datetime | None = None,
    **details: Any,
) -> AuditEvent:
    """Append one event; `actor` is None for a command, and `details` must hold no secret."""
    return AuditEvent.objects.create(
        kind=kind,
        at=at or timezone.now(),
        organization=organization,
        actor=actor,
        actor_label=actor.email if actor else SYSTEM_LABEL,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        target_label=str(target)[:254],
        details=details,
        ip=origin.ip,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
    )


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """`{field: [old, new]}` of what differs, for the details of an update."""
    return {
        field: [before[field], value] for field, value in after.items() if before[field] != value
    }
