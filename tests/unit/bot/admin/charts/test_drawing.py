"""Charts as SVG paths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admin.charts.drawing import HEIGHT, bars, ceiling, lines


@given(st.just(0.0) | st.floats(min_value=1e-6, max_value=1e15))
def test_an_axis_holds_the_highest_value_and_is_not_much_longer(highest: float) -> None:
    top = ceiling(highest)
    assert top >= highest
    assert highest == 0 or top <= highest * 2.01


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (1, 1), (3, 4), (47, 60), (950, 1000)])
def test_an_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert ceiling(highest) == top


def test_a_line_has_gaps_where_nothing_was_counted() -> None:
    [shape] = lines([[10, 5, None, 0, None]], top=10)
    assert shape.path == "M5 0L15 50M35 100h1"
    assert shape.name == "s1"


def test_bars_stand_on_each_other() -> None:
    low, high = bars([[4, 0], [6, 10]], top=10)
    assert low.path == "M1 100V60h8V100z"
    assert high.path == "M1 60V0h8V60zM11 100V0h8V100z"


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=20))
def test_nothing_is_drawn_outside(values: list[float | None]) -> None:
    [shape] = lines([values], top=7)
    heights = [float(y) for y in re.findall(r"[ML]\d+ ([\d.-]+)", shape.path)]
    assert all(0 <= y <= HEIGHT for y in heights)
