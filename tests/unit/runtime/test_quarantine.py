"""Rows left out after a fault."""

from __future__ import annotations

from uuid import uuid4

from runtime.quarantine import MAX_ROWS, Quarantine


def test_a_row_is_left_out_until_an_attempt_succeeds() -> None:
    quarantine, row = Quarantine(base_s=0, max_s=0), uuid4()
    assert quarantine.due_row() is None
    assert [quarantine.add(row), quarantine.add(row)] == [1, 2]
    assert list(quarantine.rows) == [row]
    assert quarantine.due_row() == row
    quarantine.discard(row)
    assert list(quarantine.rows) == []


def test_a_row_is_not_due_during_its_pause() -> None:
    quarantine = Quarantine(base_s=3600, max_s=3600)
    quarantine.add(uuid4())
    assert quarantine.due_row() is None


def test_beyond_the_bound_the_oldest_row_takes_part_again() -> None:
    quarantine, rows = Quarantine(base_s=1, max_s=1), [uuid4() for _ in range(MAX_ROWS + 1)]
    for row in rows:
        quarantine.add(row)
    assert quarantine.rows == tuple(rows[1:])
