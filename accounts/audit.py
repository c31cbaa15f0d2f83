"""The record of who did what. `record` is called by actions, inside their transaction."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.options import Options
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, User
from core.origin import Origin

logger = structlog.get_logger(__name__)

SYSTEM_LABEL = "Operator"


class AuditTarget(Protocol):
    """A model instance that events can be about."""

    pk: Any

    @property
    def _meta(self) -> "Options[Any]": ...

    @property
    def organization_id(self) -> UUID | None:
        """The organization whose audit log shows the event; None if it concerns none of them."""


def record(
    kind: AuditKind,
    *,
    actor: User | None,
    origin: Origin,
    target: AuditTarget,
    at: datetime | None = None,
    actor_label: str = SYSTEM_LABEL,
    **details: Any,
) -> AuditEvent:
    """Append one event to the log of the target's organization; `details` must hold no secret.

    Without `actor`, the event is by a command, or by the person that `actor_label` describes.
    """
    event = AuditEvent.objects.create(
        kind=kind,
        at=at or timezone.now(),
        organization_id=target.organization_id,
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
    # Not before the commit, because a rollback takes the event back. No names, only IDs.
    line = {
        "kind": event.kind,
        "actor_id": str(event.actor_id or ""),
        "target": f"{event.target_type} {event.target_id}",
        "organization_id": str(event.organization_id or ""),
        "client_id": str(details.get("client_id", "")),
        "ip": origin.ip,
        "request_id": origin.request_id,
    }
    transaction.on_commit(lambda: logger.info("audit_event", **line))
    return event


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    # Only the fields that differ.
    return {
        field: [before[field], value] for field, value in after.items() if before[field] != value
    }
