from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import audit
from accounts.models import AuditKind, User
from core import texts
from core.origin import Origin


@transaction.atomic
def update_profile(user: User, *, first_name: str, last_name: str, origin: Origin) -> User:
    texts.refuse_faults(first_name=first_name, last_name=last_name)
    locked = User.objects.select_for_update().get(pk=user.pk)
    before = {"first_name": locked.first_name, "last_name": locked.last_name}
    after = {"first_name": first_name.strip(), "last_name": last_name.strip()}
    changed = audit.changes(before, after)
    if not changed:
        return locked
    locked.first_name, locked.last_name = after["first_name"], after["last_name"]
    locked.full_clean(exclude=["password"])
    locked.save(update_fields=["first_name", "last_name"])
    audit.record(
        AuditKind.USER_UPDATED,
        actor=locked,
        origin=origin,
        target=locked,
        changes=changed,
    )
    return locked


def require_operator(actor: User | None) -> None:
    """Raises `PermissionDenied`. A command has no actor."""
    if actor is not None and not (actor.is_active and actor.is_staff):
        raise PermissionDenied


@transaction.atomic
def mark_operator(user: User, *, marked: bool, origin: Origin) -> User:
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.is_staff == marked:
        return locked
    locked.is_staff = marked
    locked.save(update_fields=["is_staff"])
    audit.record(
        AuditKind.OPERATOR_MARKED,
        actor=None,
        origin=origin,
        target=locked,
        is_operator=marked,
    )
    return locked
