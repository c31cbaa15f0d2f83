"""Forgetting old usage: programs count it, and `tick` forgets it."""

from datetime import datetime

from django.db import transaction

from credentials.models.usage import outdated_usage


@transaction.atomic
def forget_old_usage(*, at: datetime | None = None) -> int:
    """Remove days of counts and addresses that are kept no longer."""
    return sum(rows.delete()[0] for rows in outdated_usage(at))
