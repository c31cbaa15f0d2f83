"""Dates with their time zone. We store, compute, and show all of them in UTC."""

from datetime import UTC, date, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.moments import day_in_words, in_words

register = template.Library()


@register.filter
def utc(moment: datetime | None) -> SafeString | str:
    """`Jan 11, 2026, 10:40 UTC` in a `time` element; empty for None."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" class="nowrap">{}</time>', moment.isoformat(), in_words(moment)
    )


# Plain text for places without markup, like a notice or the title of a shape.
register.filter("utc_text", in_words)
register.filter("day_name", day_in_words)


@register.filter
def utc_date(moment: datetime | date | None) -> SafeString | str:
    """`Jan 11, 2026`, for columns whose heading names the zone; empty for None."""
    if moment is None:
        return ""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return format_html(
        '<time datetime="{}" class="nowrap">{}</time>', day.isoformat(), day_in_words(day)
    )
