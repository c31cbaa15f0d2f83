import uuid
from collections.abc import Iterable

from django.core.exceptions import PermissionDenied

from accounts.models import Membership, User
from accounts.roles import ConsolePermission
from credentials.models import (
    JwtCredential,
    Rotation,
)


def require_manager(owner: Membership, actor: User) -> Membership:
    """The membership of an actor who can manage this person's credentials."""
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    manages_any = membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY)
    manages_own = membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN)
    if membership.organization_id != owner.organization_id or not (
        manages_any or (manages_own and membership == owner)
    ):
        raise PermissionDenied
    return membership


def locked_credentials(ids: Iterable[uuid.UUID]) -> list[JwtCredential]:
    """These credentials and the ones that they replace, locked for a change."""
    # Revoking a replacement changes the old credential too. All actions lock in one order, because
    # two of them could otherwise wait for each other.
    wanted = list(ids)
    rotations = Rotation.objects.filter(replacement__in=wanted)
    return list(
        JwtCredential.objects.select_for_update(of=("self",))
        .select_related("extension__account", "extension__user__membership__organization")
        .filter(pk__in=[*wanted, *rotations.values_list("replaced", flat=True)])
        .order_by("pk")
    )


def locked_credential(credential: JwtCredential) -> JwtCredential:
    return next(row for row in locked_credentials([credential.pk]) if row.pk == credential.pk)
