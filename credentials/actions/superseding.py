"""When a credential stops because another one replaces it: the only writer of `superseded_at`."""

from datetime import datetime

from django.db import transaction

from credentials.actions.managed_credentials import locked_credential
from credentials.models import JwtCredential, Rotation


@transaction.atomic
def supersede(rotation: Rotation, *, at: datetime) -> None:
    # An exchange reads the row of the credential and never that of the rotation.
    rotation.replaced.superseded_at = at
    rotation.replaced.save(update_fields=["superseded_at"])


@transaction.atomic
def stop_superseding(rotation: Rotation, *, at: datetime) -> None:
    # The replacement was revoked, so the old credential continues as before.
    rotation.undone_at = at
    rotation.save(update_fields=["undone_at"])
    JwtCredential.objects.filter(pk=rotation.replaced_id).update(superseded_at=None)


@transaction.atomic
def note_first_use(credential: JwtCredential, *, at: datetime) -> JwtCredential:
    """The replacement as it is now: revoked, if that happened first.

    Called in the transaction of its first exchange, which starts the grace period of the old
    credential. The rows of both decide, never the usage counters.
    """
    # The second of two simultaneous first uses waits here, and finds nothing left to do.
    locked = locked_credential(credential)
    if locked.is_revoked or not locked.awaits_first_use:
        return locked
    JwtCredential.objects.filter(pk=locked.pk).update(awaits_first_use=False)
    rotation = Rotation.objects.select_related("replaced").get(replacement=locked)
    rotation.first_used_at = at
    rotation.save(update_fields=["first_used_at"])
    if rotation.is_open(at):
        supersede(rotation, at=rotation.closes_at)
    return locked
