from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, Membership
from accounts.reports.audit_log import WantedEvents
from accounts.roles import ConsolePermission
from core.origin import Origin


@transaction.atomic
def export_audit_log(
    viewer: Membership, wanted: WantedEvents, *, form: str, origin: Origin
) -> None:
    if not viewer.may(ConsolePermission.AUDIT_VIEW):
        raise PermissionDenied
    audit.record(
        AuditKind.AUDIT_EXPORTED,
        actor=viewer.user,
        origin=origin,
        target=viewer.organization,
        format=form,
        **wanted.facts,
    )
