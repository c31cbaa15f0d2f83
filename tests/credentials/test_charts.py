"""The shapes of bar charts: what they show is what was counted."""

from datetime import date, timedelta

import pytest

from credentials.reports.charts import (
    BOTTOM,
    HEIGHT,
    MAX_STEPS,
    TOP,
    WIDTH,
    bar_chart,
    gridlines,
    short,
)

FIRST = date(2026, 2, 13)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (6, [0, 2, 4, 6]),
        (11, [0, 5, 10, 15]),
        (99, [0, 20, 40, 60, 80, 100]),
        (208, [0, 50, 100, 150, 200, 250]),
        (1_000_000, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]),
    ],
)
def test_gridlines_are_round_and_few(most: int, lines: list[int]) -> None:
    assert gridlines(most) == lines


def test_gridlines_hold_every_count() -> None:
    for most in (*range(1, 2000), 10**9 + 1, 7 * 10**12):
        lines = gridlines(most)
        assert lines[-2] < most <= lines[-1]
        assert len(lines) <= MAX_STEPS + 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1k"),
        (1500, "1.5k"),
        (20_000, "20k"),
        (2_500_000, "2.5M"),
        (3_000_000_000, "3G"),
    ],
)
def test_labels_are_short(number: int, text: str) -> None:
    assert short(number) == text


def test_bars_are_as_high_as_their_counts() -> None:
    chart = bar_chart("calls", [(day, number * 10) for number, day in enumerate(DAYS)])
    assert (chart.total, chart.busiest.day, chart.busiest.count) == (4350, DAYS[-1], 290)
    first, second, last = chart.bars[0], chart.bars[1], chart.bars[-1]
    assert first.height == 0
    assert last.height / second.height == pytest.approx(29, rel=0.02)
    assert [bar.is_last for bar in chart.bars] == [False] * 29 + [True]
    assert last.y + last.height == HEIGHT - BOTTOM
    assert last.height == pytest.approx(290 / 300 * (HEIGHT - BOTTOM - TOP), abs=0.1)
    assert [mark.text for mark in chart.counts] == ["0", "100", "200", "300"]
    assert [mark.text for mark in chart.days] == ["Mar 14", "Mar 7", "Feb 28", "Feb 21", "Feb 14"]


def test_every_shape_is_inside_the_chart() -> None:
    chart = bar_chart("calls", [(day, 7 ** (number % 9)) for number, day in enumerate(DAYS)])
    for bar in chart.bars:
        assert chart.left <= bar.slot_x <= bar.x
        assert bar.x + bar.width <= bar.slot_x + bar.slot_width <= chart.right + 0.2
        assert bar.y >= TOP
    assert all(0 < mark.at < WIDTH for mark in chart.days)
    assert all(0 < mark.at < HEIGHT for mark in chart.counts)


def test_a_count_of_one_has_a_visible_bar() -> None:
    chart = bar_chart("calls", [(DAYS[0], 0), (DAYS[1], 1), (DAYS[2], 10**6)])
    none, one, _ = chart.bars
    assert (none.height, one.height) == (0, 1.5)


def test_the_latest_of_equal_days_is_the_busiest_in_a_chart() -> None:
    assert bar_chart("calls", [(day, 3) for day in DAYS]).busiest.day == DAYS[-1]
