"""Progress tells how much is done, and about how long the rest takes."""

from __future__ import annotations

import pytest

from evaluation.progress import Progress, duration


def test_what_an_earlier_run_has_done_does_not_make_the_estimate_better() -> None:
    now, told = [0.0], list[str]()
    progress = Progress("answers", 10, done=4, clock=lambda: now[0], tell=told.append)
    for _ in range(6):
        now[0] += 10
        progress.advance()
    assert told[0] == "answers: 5 of 10, about 50 s left"
    assert told[-1] == "answers: 10 of 10, done in 60 s"


def test_quick_steps_are_told_now_and_then() -> None:
    now, told = [0.0], list[str]()
    progress = Progress("answers", 100, clock=lambda: now[0], tell=told.append)
    for _ in range(100):
        now[0] += 0.1
        progress.advance()
    assert len(told) == 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (7500, "2 h 5 min")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
