"""A person's own list of notices. Reading it is private, so no audit event records it."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from accounts.models import Notice, User


@transaction.atomic
def mark_notice_read(notice: Notice, *, actor: User, at: datetime | None = None) -> None:
    if notice.user_id != actor.pk:
        raise PermissionDenied
    actor.notices.unread().filter(pk=notice.pk).update(read_at=at or timezone.now())


@transaction.atomic
def mark_all_notices_read(
    actor: User, *, until: datetime | None = None, at: datetime | None = None
) -> int:
    """All that the person could see at `until`; what has come since stays unread."""
    at = at or timezone.now()
    return actor.notices.unread().filter(at__lte=until or at).update(read_at=at)


@transaction.atomic
def remove_outdated_notices(*, at: datetime | None = None) -> int:
    removed, _ = Notice.objects.outdated(at).delete()
    return removed
