from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import audit, notices
from accounts.models import AuditKind, Device, User
from core import raw_secrets
from core.origin import Origin

DEVICE_TOKEN_PREFIX = "dev_"


@transaction.atomic
def note_sign_in(
    user: User, raw_token: str | None, *, origin: Origin, at: datetime | None = None
) -> str:
    """Remember the browser of a sign-in; answers the token that its cookie has to hold.

    A browser that is new for the person is recorded, and the person is told: but for the very
    first one, which nobody else could have been before.
    """
    at = at or timezone.now()
    seen = {"last_seen_at": at, "ip": origin.ip, "user_agent": origin.user_agent}
    if raw_token and user.devices.with_token(raw_token).update(**seen):
        return raw_token
    # Of two first sign-ins at the same moment, one waits and is told of the other.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    is_first = not user.devices.exists()
    # A token that we never made is not taken over: whoever put it there knows it.
    if not (raw_token and Device.objects.with_token(raw_token).exists()):
        raw_token = raw_secrets.generate(DEVICE_TOKEN_PREFIX)
    device = Device.objects.create(
        user=user, token_digest=raw_secrets.digest(raw_token), first_seen_at=at, **seen
    )
    audit.record(
        AuditKind.SIGNED_IN_FROM_NEW_DEVICE,
        actor=user,
        origin=origin,
        target=user,
        at=at,
        browser=device.browser,
    )
    if not is_first:
        notices.new_device(device)
    return raw_token


@transaction.atomic
def remove_forgotten_devices(*, at: datetime | None = None) -> int:
    removed, _ = Device.objects.forgotten(at).delete()
    return removed
