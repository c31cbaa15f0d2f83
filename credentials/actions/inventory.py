from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, Membership
from accounts.roles import ConsolePermission
from core.origin import Origin
from credentials.reports.credential_list import CredentialFilter


@transaction.atomic
def export_credentials(viewer: Membership, wanted: CredentialFilter, *, origin: Origin) -> None:
    """Record, before it starts, that someone exports the list with these filters."""
    if not viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY):
        raise PermissionDenied
    audit.record(
        AuditKind.CREDENTIALS_EXPORTED,
        actor=viewer.user,
        origin=origin,
        target=viewer.organization,
        **wanted.facts,
    )
