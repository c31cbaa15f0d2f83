"""The first exchange of a replacement, which starts the drain of what it replaces.

Decided by the rows of the two credentials and never by the usage counters, in the transaction of
that exchange. No other exchange comes here.
"""

from datetime import datetime

from django.db import transaction

from credentials.actions.managed_credentials import locked_credential
from credentials.models import JwtCredential, Rotation


@transaction.atomic
def note_first_use(credential: JwtCredential, *, at: datetime) -> JwtCredential:
    """The credential as it is now: revoked, if that was faster.

    Of two first uses at once the second waits for the first, and finds nothing left to do.
    """
    locked = locked_credential(credential)
    if locked.is_revoked or not locked.awaits_first_use:
        return locked
    JwtCredential.objects.filter(pk=locked.pk).update(awaits_first_use=False)
    rotation = Rotation.objects.select_related("replaced").get(replacement=locked)
    rotation.first_used_at = at
    rotation.save(update_fields=["first_used_at"])
    if rotation.is_open(at):
        JwtCredential.objects.filter(pk=rotation.replaced_id).update(
            superseded_at=rotation.closes_at
        )
    return locked
