"""May the new model go to the people? A comparison as an exit status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from evaluation.comparing import Measure
from evaluation.reports.models import ComparisonReport, IntervalPart
from measures.verdict import Verdict

#: What counts as equal, on the scale of each measure: points of ten, or a share.
TOLERANCES = {Measure.JUDGE: 0.25, Measure.SCORE: 0.25, Measure.CORRECT: 0.02}
#: The least share of the pairs with different answers that has to be judged.
MIN_JUDGED = 0.8


class Gate(IntEnum):
    """The exit status."""

    PASSES = 0  #: better, or equal within bounds
    WORSE = 1
    CANNOT_TELL = 2
    NOT_MEASURED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a gate lets through; ``tolerance`` None: the measure's own."""

    tolerance: float | None = None
    min_judged: float = MIN_JUDGED
    cannot_tell: int = Gate.CANNOT_TELL  #: the exit status for this outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, and a sentence that says why."""

    gate: Gate
    why: str

    def exit_status(self, bounds: Bounds) -> int:
        """Of the process."""
        return bounds.cannot_tell if self.gate is Gate.CANNOT_TELL else self.gate


def decide(report: ComparisonReport, bounds: Bounds) -> Decision:
    """Whether the candidate may replace the baseline."""
    parts = {one.name: one.overall for one in report.measures}
    sound = parts.get(Measure.SOUND)
    if sound and sound.verdict is Verdict.WORSE:
        share = f"{-sound.mean:.0%}"
        return Decision(
            Gate.WORSE, f"{share} more of the candidate's answers are empty, looping or cut."
        )
    # Right answers alone are not what was asked of a gate that names a judge.
    is_judged = report.judge is not None or report.primary == Measure.JUDGE
    if is_judged and report.judged < bounds.min_judged * report.to_judge:
        return Decision(
            Gate.NOT_MEASURED,
            f"Only {report.judged:,} of {report.to_judge:,} pairs were judged: start the same "
            "command again, or look at the judge.",
        )
    if report.primary is None:
        return Decision(
            Gate.NOT_MEASURED,
            "There is nothing to decide by: name a --judge that answers, or use questions with a "
            "reference or a pattern.",
        )
    part = parts[report.primary]
    if report.primary == Measure.SCORE and part.pairs < bounds.min_judged * report.asked.questions:
        return Decision(
            Gate.NOT_MEASURED,
            f"Only {part.pairs:,} of {report.asked.questions:,} questions have scores in both "
            "runs: start their commands again, or look at the judge.",
        )
    return _by_measure(Measure(report.primary), part, bounds)


def _by_measure(measure: Measure, part: IntervalPart, bounds: Bounds) -> Decision:
    tolerance = TOLERANCES[measure] if bounds.tolerance is None else bounds.tolerance
    shown = f"{part.mean:+.2f} on {part.pairs:,} questions"
    if part.low is None or part.high is None:
        return Decision(Gate.CANNOT_TELL, "There are too few questions: ask more.")
    interval = f"95 % from {part.low:+.2f} to {part.high:+.2f}"
    if part.verdict is Verdict.BETTER:
        return Decision(Gate.PASSES, f"The candidate is better: {shown}, {interval}.")
    if part.low >= -tolerance:
        return Decision(
            Gate.PASSES, f"The candidate is no worse than {tolerance:g}: {shown}, {interval}."
        )
    if part.verdict is Verdict.WORSE:
        return Decision(Gate.WORSE, f"The candidate is worse: {shown}, {interval}.")
    return Decision(
        Gate.CANNOT_TELL,
        f"It cannot be told: {shown}, {interval}; more than {tolerance:g} worse is possible. Ask "
        "more questions, or allow a larger --tolerance.",
    )
