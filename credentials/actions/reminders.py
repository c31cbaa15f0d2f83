"""Emails to owners before their credentials expire. A program sends them, so no event does."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from credentials import notices
from credentials.models import ExchangeUsage, JwtCredential
from credentials.models.expiration import REMINDERS

OWNERS_AT_ONCE = 200


def remind_owners(*, at: datetime | None = None) -> int:
    """Send one email to each owner. Returns how many credentials the emails are about."""
    at = at or timezone.now()
    reminded = 0
    while count := _remind_some(at):
        reminded += count
    return reminded


@transaction.atomic
def _remind_some(at: datetime) -> int:
    # A second process waits here for the locked rows, and then finds nothing due.
    due = JwtCredential.objects.due_for_reminder(at)
    owners = list(
        due.order_by().values_list("extension__user", flat=True).distinct()[:OWNERS_AT_ONCE]
    )
    if not owners:
        return 0
    found = list(
        due.filter(extension__user__in=owners)
        .select_for_update(of=("self",))
        .select_related("extension__account", "extension__user")
        .order_by("pk")  # all lock in one order, so that no two wait for each other
    )
    uses = ExchangeUsage.objects.recent_by_credential([row.pk for row in found], at)
    by_owner: dict[User, list[JwtCredential]] = {}
    for credential in sorted(found, key=lambda row: row.expires_at):
        by_owner.setdefault(credential.extension.user, []).append(credential)
    for owner, theirs in by_owner.items():
        notices.jwt_credentials_expiring(
            owner, [(credential, uses.get(credential.pk, [])) for credential in theirs], at=at
        )
    for days in REMINDERS:
        reminded = [credential.pk for credential in found if credential.due_days == days]
        JwtCredential.objects.filter(pk__in=reminded).update(reminded_days=days)
    return len(found)
