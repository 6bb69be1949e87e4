"""A replay of the dashboard as it is downloaded: pairs of answers, with the people's votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.comparing import PairVerdict
from evaluation.errors import EvaluationError
from evaluation.pairs import Pair, Side
from evaluation.questions import AskedTurn, Question, QuestionSet, file_sha256
from evaluation.records import Answer
from evaluation.reports.models import AgreementPart
from inference_queue.protocol import FinishReason
from measures.agreement import estimate, kappa_of

#: What somebody prefers.
BASELINE, CANDIDATE, NEITHER = "baseline", "candidate", "neither"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    replay: int | None = None
    turn: str
    question: str
    old_answer: str
    new_answer: str
    old_model: str | None = None
    new_model: str | None = None
    old_tokens: int | None = None
    new_tokens: int | None = None
    old_ms: float | None = None
    new_ms: float | None = None
    votes_old: int
    votes_new: int
    votes_tie: int
    votes_both_bad: int

    @property
    def preferred(self) -> str | None:
        """What most people prefer; None: nobody voted."""
        total = self.votes_old + self.votes_new + self.votes_tie + self.votes_both_bad
        if not total:
            return None
        if self.votes_old > total / 2:
            return BASELINE
        return CANDIDATE if self.votes_new > total / 2 else NEITHER


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFile:
    """A replay: the old answers are the baseline, the new ones the candidate.

    Of two replays the new answers of both are; nobody has voted on these.
    """

    id: int | None = None
    questions: QuestionSet
    baseline: Side
    candidate: Side
    votes: Mapping[str, str]  #: what people prefer, by question


def read_replay(path: Path) -> ReplayFile:
    """The replay in a JSONL file. Raises EvaluationError."""
    rows = _rows(path)
    questions = _questions(rows)
    return ReplayFile(
        id=rows[0].replay,
        questions=QuestionSet(name=path.name, sha256=file_sha256(path), questions=tuple(questions)),
        baseline=_side(rows, "old"),
        candidate=_side(rows, "new"),
        votes={row.turn: row.preferred for row in rows if row.preferred},
    )


def read_two_replays(baseline: Path, candidate: Path) -> ReplayFile:
    """The new answers of two replays to the questions that both asked. Raises EvaluationError."""
    old, new = _rows(baseline), _rows(candidate)
    common = {row.turn for row in old} & {row.turn for row in new}
    if not common:
        raise EvaluationError(
            f"{baseline} and {candidate} have no question in common: ask the same data set again "
            "in both."
        )
    kept, others = ([row for row in rows if row.turn in common] for rows in (old, new))
    questions = QuestionSet(
        name=f"{baseline.name}, {candidate.name}",
        sha256=file_sha256(baseline),
        questions=tuple(_questions(kept)),
    )
    return ReplayFile(
        questions=questions,
        baseline=_side(kept, "new", label=f"{baseline.stem}: "),
        candidate=_side(others, "new", label=f"{candidate.stem}: "),
        votes={},
    )


def agreement(
    pairs: Sequence[Pair], judged: Mapping[str, PairVerdict], votes: Mapping[str, str]
) -> AgreementPart:
    """How far the judge and the people agree, on the pairs that both judged."""
    names = [pair.question.id for pair in pairs]
    both = [(_preferred(judged[n]), votes[n]) for n in names if n in judged and n in votes]
    found = estimate(Counter(both), kappa_of)
    return AgreementPart(
        pairs=len(both),
        same=sum(one == other for one, other in both),
        kappa=found.value,
        low=found.low,
        high=found.high,
    )


def _preferred(verdict: PairVerdict) -> str:
    if not verdict.agrees or not verdict.difference:
        return NEITHER
    return CANDIDATE if verdict.difference > 0 else BASELINE


def _rows(path: Path) -> list[_Row]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{path} cannot be read: check --replay.") from None
    try:
        rows = [_Row.model_validate_json(line) for line in lines if line.strip()]
    except ValidationError:
        raise EvaluationError(
            f"{path} is not a replay: download one from the dashboard as JSONL."
        ) from None
    if not rows:
        raise EvaluationError(f"{path} has no pairs: download a replay that has answers.")
    return rows


def _questions(rows: Sequence[_Row]) -> list[Question]:
    return [Question(id=row.turn, turns=(AskedTurn(text=row.question or "-"),)) for row in rows]


def _side(rows: Sequence[_Row], name: str, *, label: str = "") -> Side:
    answers = {
        (row.turn, 0): Answer(
            question=row.turn,
            turn=0,
            text=getattr(row, f"{name}_answer"),
            finish_reason=FinishReason.STOP,
            completion_tokens=getattr(row, f"{name}_tokens") or 0,
            total_ms=getattr(row, f"{name}_ms"),
        )
        for row in rows
    }
    models = Counter(getattr(row, f"{name}_model") or "-" for row in rows)
    return Side(label=label + ", ".join(sorted(models)), answers=answers)
