"""Exchanges and calls of each of the last thirty days. Days are in UTC; today is the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from credentials.models.usage import USAGE_PERIOD, first_recent_day
from credentials.reports.charts import BarChart, bar_chart

# What is counted of a day.
EXCHANGES = 0
CALLS = 1


@dataclass(frozen=True)
class UsageOfDay:
    day: date
    exchanges: int
    calls: int


@dataclass(frozen=True)
class DailyUsage:
    """Thirty days, the oldest first and today last."""

    days: Sequence[UsageOfDay]

    @property
    def exchanges(self) -> int:
        return sum(each.exchanges for each in self.days)

    @property
    def calls(self) -> int:
        return sum(each.calls for each in self.days)

    @property
    def charts(self) -> list[BarChart]:
        """One for exchanges and one for calls: there are many more of these."""
        return [
            bar_chart("exchanges", [(each.day, each.exchanges) for each in self.days]),
            bar_chart("calls", [(each.day, each.calls) for each in self.days]),
        ]

    @property
    def latest_first(self) -> Sequence[UsageOfDay]:
        return self.days[::-1]


def daily_usage(counts: dict[tuple[int, date], int], at: datetime) -> DailyUsage:
    first = first_recent_day(at)
    days = (first + timedelta(days=number) for number in range(USAGE_PERIOD.days))
    return DailyUsage(
        [
            UsageOfDay(day, counts.get((EXCHANGES, day), 0), counts.get((CALLS, day), 0))
            for day in days
        ]
    )
