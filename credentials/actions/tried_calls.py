from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, User
from core.origin import Origin
from credentials.actions.managed_credentials import require_manager
from credentials.models import JwtCredential


@transaction.atomic
def record_tried_call(
    credential: JwtCredential,
    *,
    client_id: str,
    api: str,
    operation: str,
    outcome: str,
    actor: User,
    origin: Origin,
) -> None:
    """Record a call from the console; `outcome` is an error code of the exchange or `granted`."""
    owner = require_manager(credential.owner, actor)
    if owner != credential.owner or credential.environment is not Environment.SANDBOX:
        raise PermissionDenied
    audit.record(
        AuditKind.JWT_CREDENTIAL_TRIED,
        actor=actor,
        origin=origin,
        target=credential,
        client_id=client_id,
        api=api,
        operation=operation,
        outcome=outcome,
    )
