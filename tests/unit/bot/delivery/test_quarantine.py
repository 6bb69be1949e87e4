"""Rows at fault sit out for a growing while, and no more of them than a process may remember."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bot.delivery import quarantine
from bot.delivery.quarantine import MAX_ROWS, Quarantine


class Clock:
    """A stand-in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(quarantine, "time", clock)
    return clock


def test_a_row_sits_out_twice_as_long_each_time_and_five_minutes_at_most(clock: Clock) -> None:
    rows, bad = Quarantine(), uuid4()
    for rest_s in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        rows.add(bad)
        clock.now += rest_s - 0.1
        assert rows.due_row() is None
        clock.now += 0.1
        assert rows.due_row() == bad
        # It shares no statement with others before it was tried alone.
        assert rows.rows == (bad,)


def test_a_row_that_takes_part_again_begins_with_the_short_rest(clock: Clock) -> None:
    rows, bad = Quarantine(), uuid4()
    rows.add(bad)
    rows.add(bad)
    rows.discard(bad)
    assert rows.rows == ()
    rows.add(bad)
    clock.now += 2
    assert rows.due_row() == bad


def test_only_so_many_rows_are_remembered_and_the_oldest_is_let_go() -> None:
    rows, first = Quarantine(), uuid4()
    rows.add(first)
    for _ in range(MAX_ROWS):
        rows.add(uuid4())
    assert len(rows.rows) == MAX_ROWS
    assert first not in rows.rows
