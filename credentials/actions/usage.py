from datetime import datetime

from django.db import transaction

from credentials.models.usage import outdated_usage


@transaction.atomic
def forget_old_usage(*, at: datetime | None = None) -> int:
    """Delete the counts and addresses that we no longer keep. Returns how many rows that was."""
    return sum(rows.delete()[0] for rows in outdated_usage(at))
