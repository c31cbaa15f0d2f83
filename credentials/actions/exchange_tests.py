from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, User
from core.origin import Origin
from credentials.actions.managed_credentials import require_manager
from credentials.models import (
    JwtCredential,
)


@transaction.atomic
def record_exchange_test(
    credential: JwtCredential, *, client_id: str, outcome: str, actor: User, origin: Origin
) -> None:
    """Record a real exchange from the console; `outcome` is an error code or `granted`."""
    require_manager(credential.owner, actor)
    audit.record(
        AuditKind.JWT_CREDENTIAL_TESTED,
        actor=actor,
        origin=origin,
        target=credential,
        client_id=client_id,
        outcome=outcome,
    )
