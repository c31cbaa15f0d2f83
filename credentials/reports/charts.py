"""Bar charts of counts per day, as shapes of an SVG.

Lengths are in units of the chart's `viewBox`, about one pixel each. Two charts fit side by side on
a wide page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count

from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 360, 168
LEFT, RIGHT, TOP, BOTTOM = 36, 14, 10, 22
# How much of its day's column a bar fills.
BAR_SHARE = 0.68
MAX_STEPS = 5
DAYS_BETWEEN_LABELS = 7


@dataclass(frozen=True)
class Bar:
    """One day: its column, which shows the count on hover, and its bar, which is empty for 0."""

    day: date
    count: int
    slot_x: float
    slot_width: float
    x: float
    y: float
    width: float
    height: float
    is_last: bool

    @property
    def column(self) -> SafeString:
        """The day as an element of the SVG."""
        # A page has sixty of them, and a template would take ten times as long. The element holds
        # only numbers and a date, so there is nothing to escape.
        today, so_far = (" chart__day--today", ", so far") if self.is_last else ("", "")
        bar = (
            f'<rect class="chart__bar" x="{self.x}" y="{self.y}" width="{self.width}"'
            f' height="{self.height}"/>'
        )
        return mark_safe(  # noqa: S308 - as said above
            f'<g class="chart__day{today}">'
            f"<title>{self.day:%b} {self.day.day}, {self.day:%Y}{so_far}: {self.count:,}</title>"
            f'<rect class="chart__slot" x="{self.slot_x}" y="{TOP}" width="{self.slot_width}"'
            f' height="{HEIGHT - BOTTOM - TOP}"/>{bar if self.count else ""}</g>'
        )


@dataclass(frozen=True)
class Mark:
    """A label of an axis and its position."""

    at: float
    text: str


@dataclass(frozen=True)
class BarChart:
    name: str
    """What is counted, in the plural: `exchanges`."""
    bars: tuple[Bar, ...]
    counts: tuple[Mark, ...]
    """Gridlines, from 0 up."""
    days: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def busiest(self) -> Bar:
        """The day with most of them, the latest of several."""
        return max(self.bars, key=lambda bar: (bar.count, bar.day))


def bar_chart(name: str, counts: Sequence[tuple[date, int]]) -> BarChart:
    """A bar for each day, the oldest first; there has to be one."""
    lines = gridlines(max(amount for _, amount in counts))
    slot = (WIDTH - RIGHT - LEFT) / len(counts)
    room = HEIGHT - TOP - BOTTOM
    bars = []
    for number, (day, amount) in enumerate(counts):
        height = round(amount / lines[-1] * room, 1)
        if amount:
            height = max(height, 1.5)  # so that one in a million is visible
        bars.append(
            Bar(
                day=day,
                count=amount,
                slot_x=round(LEFT + number * slot, 1),
                slot_width=round(slot, 1),
                x=round(LEFT + (number + (1 - BAR_SHARE) / 2) * slot, 1),
                y=round(HEIGHT - BOTTOM - height, 1),
                width=round(slot * BAR_SHARE, 1),
                height=height,
                is_last=number == len(counts) - 1,
            )
        )
    return BarChart(
        name=name,
        bars=tuple(bars),
        counts=tuple(
            Mark(round(HEIGHT - BOTTOM - line / lines[-1] * room, 1), short(line)) for line in lines
        ),
        days=tuple(
            Mark(round(bar.x + bar.width / 2, 1), f"{bar.day:%b} {bar.day.day}")
            for bar in bars[::-1][::DAYS_BETWEEN_LABELS]
        ),
    )


def gridlines(most: int) -> list[int]:
    """Round numbers from 0 to the first that is not below `most`, a few of them."""
    for exponent in count():
        for factor in (1, 2, 5):
            step = factor * 10**exponent
            steps = max(-(-most // step), 1)
            if steps <= MAX_STEPS:
                return [step * number for number in range(steps + 1)]
    raise AssertionError  # the steps grow until they are few


def short(number: int) -> str:
    """`950`, `1.5k`, `20k`, `3M`: as narrow as the labels of an axis have to be."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return str(number)
