from datetime import UTC, date, datetime, time

from django.core.exceptions import ValidationError

from core.moments import day_in_words
from credentials.models.expiration import NEVER


def end_of(expires_on: date | None, at: datetime) -> datetime:
    return NEVER if expires_on is None else end_of_day(expires_on, at, field="expires_on")


def end_of_day(day: date, at: datetime, *, field: str) -> datetime:
    """The last second of the day, so that "until 31 March" includes 31 March."""
    if day < at.astimezone(UTC).date():
        raise ValidationError({field: "This date is in the past. Choose today or later."})
    if day >= NEVER.date():
        raise ValidationError(
            {
                field: f"Choose a date before {day_in_words(NEVER)}"
                ", or leave this empty if it should never expire."
            }
        )
    return datetime.combine(day, time(23, 59, 59), UTC)
