from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, Extension, PlatformAccount
from accounts.platform import built_in
from core import texts
from core.origin import Origin

BUSINESS_ADDRESS_FIELDS = (
    "company",
    "email",
    "main_site_name",
    "country",
    "state",
    "city",
    "street",
    "zip",
)


@transaction.atomic
def update_business_address(
    actor_extension: Extension,
    values: Mapping[str, str],
    *,
    origin: Origin,
    via: str,
    at: datetime | None = None,
) -> PlatformAccount:
    """`via` is the client ID of the caller. Raises `ValidationError` by field name."""
    if not actor_extension.role.covers(built_in.EDIT_COMPANY_INFO):
        raise PermissionDenied
    account = (
        PlatformAccount.objects.select_for_update(of=("self",))
        .select_related("organization")
        .get(pk=actor_extension.account_id)
    )
    before = {field: getattr(account, field) for field in BUSINESS_ADDRESS_FIELDS}
    after = before | {field: values[field] for field in BUSINESS_ADDRESS_FIELDS if field in values}
    changed = audit.changes(before, after)
    texts.refuse_faults(**{field: after[field] for field in changed})
    for field, value in after.items():
        setattr(account, field, value)
    account.full_clean()
    if changed:
        account.save(update_fields=list(changed))
        audit.record(
            AuditKind.PLATFORM_ACCOUNT_UPDATED,
            actor=actor_extension.user,
            origin=origin,
            target=account,
            at=at,
            environment=account.environment,
            client_id=via,
            changes=changed,
        )
    return account
