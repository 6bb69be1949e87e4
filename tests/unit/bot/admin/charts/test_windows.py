"""The ranges of time of the charts, as the URL names them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.admin.charts.windows import LENGTHS, BadWindow, Window
from bot.admin.web.labels import KST

NOW = datetime(2026, 11, 26, 15, 20, 33, tzinfo=UTC)  #: after midnight in Seoul


def window(**query: str) -> Window:
    return Window.parse(query, {"kakao"}, NOW)


@pytest.mark.parametrize("name", LENGTHS)
def test_a_window_ends_with_the_step_that_is_now(name: str) -> None:
    steps = window(range=name).steps
    step = timedelta(seconds=LENGTHS[name][1])
    assert steps[-1] <= NOW < steps[-1] + step
    assert len(steps) * step == timedelta(seconds=LENGTHS[name][0])
    assert 60 <= len(steps) <= 168


def test_days_begin_at_midnight_in_korea() -> None:
    last = window(range="90d").steps[-1].astimezone(KST)
    assert (last.day, last.hour, last.minute) == (27, 0, 0)


def test_the_window_before_ends_where_this_one_begins() -> None:
    this = window(range="6h")
    query = dict(part.split("=") for part in this.moved(-1).replace("%3A", ":").split("&"))
    before = Window.parse(query, set(), NOW)
    assert before.until == this.span.since


def test_the_address_keeps_what_is_not_changed() -> None:
    asked = window(range="7d", messenger="kakao", end="2026-11-01T09:30")
    assert asked.query(range="1d") == "range=1d&messenger=kakao&end=2026-11-01T09%3A30"
    assert asked.query(end="") == "range=7d&messenger=kakao"


@pytest.mark.parametrize(
    "query",
    [
        {"range": "1y"},
        {"messenger": "line"},
        {"end": "yesterday"},
        {"end": "2026-13-01T00:00"},
        {"end": "0001-01-01T00:00"},
        {"end": "9999-12-31T23:59"},
    ],
)
def test_what_cannot_be_read_is_told(query: dict[str, str]) -> None:
    with pytest.raises(BadWindow):
        window(**query)
