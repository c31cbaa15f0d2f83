from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import audit, notices
from accounts.models import AuditKind, Device, User
from core import raw_secrets
from core.origin import Origin

DEVICE_TOKEN_PREFIX = "dev_"
# Fewer wrong passwords are typing mistakes.
WORTH_A_NOTICE = 5


@transaction.atomic
def note_sign_in(
    user: User,
    raw_token: str | None,
    *,
    failed_before: int = 0,
    origin: Origin,
    at: datetime | None = None,
) -> str:
    """Remember the browser of a sign-in and return the token for its cookie.

    If the browser is new for the person, this records it and tells the person, except for their
    very first browser. It also tells them about wrong passwords before.
    """
    at = at or timezone.now()
    if failed_before >= WORTH_A_NOTICE:
        notices.failed_sign_ins(user, failed_before)
    seen = {"last_seen_at": at, "ip": origin.ip, "user_agent": origin.user_agent}
    if raw_token and user.devices.with_token(raw_token).update(**seen):
        return raw_token
    # If two first sign-ins happen at the same moment, one waits and sees the other.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    is_first = not user.devices.exists()
    # We never adopt a token that we didn't make: someone else may have planted it.
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
