"""Every date with its zone: dates and times are stored, computed and shown in UTC."""

from datetime import UTC, date, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def utc(moment: datetime | None) -> SafeString | str:
    """`Jan 11, 2026, 10:40 UTC` in a `time` element; empty for None."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    text = f"{moment:%b} {moment.day}, {moment:%Y, %H:%M} UTC"
    return format_html('<time datetime="{}" class="nowrap">{}</time>', moment.isoformat(), text)


@register.filter
def day_name(day: date) -> str:
    """`Jan 11, 2026`, as plain text where no element can stand, like the title of a shape."""
    return f"{day:%b} {day.day}, {day:%Y}"


@register.filter
def utc_date(moment: datetime | date | None) -> SafeString | str:
    """`Jan 11, 2026`, for columns whose heading names the zone; empty for None."""
    if moment is None:
        return ""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return format_html(
        '<time datetime="{}" class="nowrap">{}</time>', day.isoformat(), day_name(day)
    )
