"""How dates and times read on pages and in emails: in UTC, with the zone."""

from datetime import UTC, date, datetime


def in_words(moment: datetime) -> str:
    """`Jan 11, 2026, 10:40 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{day_in_words(moment)}, {moment:%H:%M} UTC"


def day_in_words(day: date) -> str:
    """`Jan 11, 2026`."""
    return f"{day:%b} {day.day}, {day:%Y}"
