import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.models import AuditKind, Extension, PlatformAccount
from accounts.models.platform_accounts import EXTERNAL_ID_LENGTH
from core.origin import Origin

Holder = Extension | PlatformAccount
# Every proxy forwards these characters in a header unchanged.
_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@transaction.atomic
def set_external_id(holder: Holder, external_id: str, *, origin: Origin) -> Holder:
    """Set the API company's own identifier for an extension or account; empty removes it.

    APIs rely on it to identify their callers, so the console has no form for it. Raises
    `ValidationError` if another extension or account in the environment has the same one.
    """
    _require_valid(external_id)
    locked: Holder = _beside(holder).select_for_update(of=("self",)).get(pk=holder.pk)
    changed = audit.changes({"external_id": locked.external_id}, {"external_id": external_id})
    if not changed:
        return locked
    locked.external_id = external_id
    try:
        with transaction.atomic():
            locked.save(update_fields=["external_id"])
    except IntegrityError as error:
        other = _beside(holder).filter(external_id=external_id).first()
        raise ValidationError(
            f"{other or 'Another one'} already has the external ID {external_id}."
        ) from error
    is_person = isinstance(locked, Extension)
    audit.record(
        AuditKind.EXTENSION_IDENTIFIED if is_person else AuditKind.PLATFORM_ACCOUNT_IDENTIFIED,
        actor=None,
        origin=origin,
        target=locked,
        environment=locked.environment,
        changes=changed,
    )
    return locked


def _require_valid(external_id: str) -> None:
    if len(external_id) > EXTERNAL_ID_LENGTH:
        raise ValidationError(f"An external ID can have at most {EXTERNAL_ID_LENGTH} characters.")
    if external_id and not _PRINTABLE.fullmatch(external_id):
        raise ValidationError(
            "An external ID can have only printable ASCII characters, and no space at either end."
        )


def _beside(holder: Holder) -> QuerySet[Any]:
    """All extensions, or all accounts, in the same environment."""
    if isinstance(holder, Extension):
        extensions = Extension.objects.in_environment(holder.environment)
        return extensions.select_related("account", "user")
    accounts = PlatformAccount.objects.filter(environment=holder.environment)
    return accounts.select_related("organization")
