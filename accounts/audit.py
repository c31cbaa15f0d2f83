"""The record of who did what. `record` is called by actions, inside their transaction."""

from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, Organization, User
from core.origin import Origin

SYSTEM_LABEL = "Operator"


def record(
    kind: AuditKind,
    *,
    actor: User | None,
    origin: Origin,
    target: Model,
    organization: Organization | None = None,
    at: datetime | None = None,
    actor_label: str = SYSTEM_LABEL,
    **details: Any,
) -> AuditEvent:
    """Append one event; `details` must hold no secret.

    Without `actor` it was a command, or whoever `actor_label` says.
    """
    return AuditEvent.objects.create(
        kind=kind,
        at=at or timezone.now(),
        organization=organization,
        actor=actor,
        actor_label=actor.email if actor else actor_label,
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
