"""The gate's exit status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evaluation.gate import Bounds, Decision, Gate, decide
from evaluation.records import Asked, JudgeUsed
from evaluation.reports.models import ComparisonReport, IntervalPart, MeasurePart, SidePart
from measures.verdict import Verdict

SIDE = SidePart(
    label="x", used=None, answers=40, failures={}, empty=0, looping=0, cut=0, asks_for_score=0,
    correct=None, hangul=None, characters=None, tokens=None, tokens_per_second=None, score=None,
)  # fmt: skip


def part(name: str, low: float | None, high: float | None) -> MeasurePart:
    verdict = Verdict.CANNOT_TELL
    if low is not None and high is not None:
        verdict = Verdict.BETTER if low > 0 else Verdict.WORSE if high < 0 else verdict
    overall = IntervalPart(
        pairs=40, clusters=40, mean=((low or 0) + (high or 0)) / 2, standard_error=0.1, low=low,
        high=high, p_value=0.01, detectable=0.3, verdict=verdict,
    )  # fmt: skip
    return MeasurePart(name=name, overall=overall, categories={})


def decided(*measures: MeasurePart, bounds: Bounds | None = None, **changes: Any) -> Decision:
    primary = next((one.name for one in measures if one.name != "sound"), None)
    fields: dict[str, Any] = {
        "version": "0", "created_at": datetime.now(UTC), "seed": 0, "judge": None,
        "asked": Asked(name="q", sha256="", digest="", questions=40),
        "baseline": SIDE, "candidate": SIDE, "measures": list(measures), "primary": primary,
        "verdict": None, "to_judge": 40, "judged": 40, "agreeing_orders": 40, "not_judged": {},
        "agreement": None, "pairs": [],
    }  # fmt: skip
    return decide(ComparisonReport(**(fields | changes)), bounds or Bounds())


@pytest.mark.parametrize(
    ("low", "high", "gate"),
    [
        (0.5, 1.5, Gate.PASSES),
        (0.0, 0.0, Gate.PASSES),
        (-0.2, 0.4, Gate.PASSES),  # at worst a little worse
        (-0.2, -0.1, Gate.PASSES),
        (-1.5, -0.5, Gate.WORSE),
        (-0.5, 0.5, Gate.CANNOT_TELL),
        (None, None, Gate.CANNOT_TELL),
    ],
)
def test_the_interval_decides(low: float | None, high: float | None, gate: Gate) -> None:
    assert decided(part("judge", low, high)).gate is gate


def test_a_larger_tolerance_lets_more_through() -> None:
    assert decided(part("judge", -0.5, 0.5), bounds=Bounds(tolerance=0.6)).gate is Gate.PASSES


def test_a_share_has_a_smaller_tolerance_than_points() -> None:
    assert decided(part("correct", -0.2, 0.2)).gate is Gate.CANNOT_TELL


def test_more_broken_answers_are_worse_whatever_the_judge_says() -> None:
    decision = decided(part("judge", 0.5, 1.5), part("sound", -0.4, -0.2))
    assert decision.gate is Gate.WORSE
    assert "30%" in decision.why


def test_without_a_measure_nothing_is_decided() -> None:
    decision = decided(part("sound", 0, 0))
    assert decision.gate is Gate.NOT_MEASURED
    assert "--judge" in decision.why


def test_a_judge_that_mostly_fails_decides_nothing() -> None:
    decision = decided(part("judge", 0.5, 1.5), judged=31)
    assert decision.gate is Gate.NOT_MEASURED
    assert "31 of 40" in decision.why


def test_a_judge_that_never_answers_leaves_the_decision_to_nothing_else() -> None:
    judge = JudgeUsed(url="http://127.0.0.1:9/v1", model="judge", prompt_version=1, seed=0)
    decision = decided(part("correct", 0.1, 0.3), judge=judge, judged=0)
    assert decision.gate is Gate.NOT_MEASURED
    assert "0 of 40" in decision.why
    assert decided(part("correct", 0.1, 0.3), judged=0).gate is Gate.PASSES


def test_scores_of_few_questions_decide_nothing() -> None:
    asked = Asked(name="q", sha256="", digest="", questions=60)
    assert decided(part("score", 0.5, 1.5), asked=asked).gate is Gate.NOT_MEASURED
    assert decided(part("score", 0.5, 1.5)).gate is Gate.PASSES


def test_the_status_for_cannot_tell_is_the_deployments_choice() -> None:
    decision = decided(part("judge", -0.5, 0.5))
    assert decision.exit_status(Bounds()) == 2
    assert decision.exit_status(Bounds(cannot_tell=0)) == 0
