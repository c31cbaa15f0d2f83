from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, emails
from accounts.models import AccessRequest, AuditKind, Membership
from accounts.origin import Origin


@transaction.atomic
def request_access(
    membership: Membership, *, reason: str, origin: Origin, at: datetime | None = None
) -> AccessRequest:
    """Ask the account administrators for console access; one request at a time."""
    Membership.objects.select_for_update().get(pk=membership.pk)
    if membership.has_console_access:
        raise ValidationError("You already have access to the console.")
    if AccessRequest.objects.pending().filter(user=membership.user).exists():
        raise ValidationError("Your request is already with your account administrators.")
    request = AccessRequest(
        organization=membership.organization,
        user=membership.user,
        reason=reason.strip(),
        created_at=at or timezone.now(),
    )
    request.full_clean()
    request.save(force_insert=True)
    audit.record(
        AuditKind.ACCESS_REQUESTED,
        actor=membership.user,
        origin=origin,
        target=request,
        organization=membership.organization,
        at=at,
        reason=request.reason,
    )
    admins = membership.organization.memberships.account_admins().values_list(
        "user__email", flat=True
    )
    emails.access_requested(request, list(admins))
    return request
