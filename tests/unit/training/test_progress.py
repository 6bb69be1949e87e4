"""A line for people: the step, what is measured, and how long it takes still."""

from __future__ import annotations

import pytest

from training.progress import Progress


@pytest.mark.parametrize(
    ("step", "seconds", "left"),
    [(10, 5.0, "about 45 s left"), (10, 60.0, "about 9 min left"), (5, 600.0, "about 3 h 10 min")],
)
def test_the_estimate_is_by_the_steps_of_this_process(step: int, seconds: float, left: str) -> None:
    line = Progress(started_s=100.0).line(step, 100, 100.0 + seconds, {})
    assert line.startswith(f"step {step}/100 · {left}")


def test_steps_before_an_interruption_count_for_nothing() -> None:
    line = Progress(started_s=0.0, first_step=50).line(75, 100, 10.0, {"loss": 0.51234})
    assert line == "step 75/100 · loss 0.512 · about 10 s left"
    assert Progress(started_s=0.0, first_step=75).line(75, 100, 10.0, {}) == "step 75/100"
