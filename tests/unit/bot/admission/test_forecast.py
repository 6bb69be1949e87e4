"""Admission by predicted finish: in time, straight to the button, or "busy" at the door."""

from __future__ import annotations

import pytest

from bot.admission.forecast import Capacity, minutes


@pytest.mark.parametrize(
    ("running", "in_front", "starts_in_s"),
    [(0, 0, 0), (3, 0, 0), (4, 0, 2.5), (4, 1, 5), (4, 7, 20), (0, 4, 2.5)],
)
def test_a_job_starts_when_those_in_front_have_had_their_slots(
    running: int, in_front: int, starts_in_s: float
) -> None:
    assert Capacity(slots=4, answer_s=10).starts_in_s(running, in_front) == starts_in_s


def test_without_workers_or_measures_nobody_is_sent_away() -> None:
    assert Capacity().starts_in_s(5, 1000) == 0
    assert Capacity(slots=4).starts_in_s(5, 1000) == 0


def test_people_are_told_whole_minutes() -> None:
    assert [minutes(s) for s in (0, 59, 60, 61, 200)] == [1, 1, 1, 2, 4]
