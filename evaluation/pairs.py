"""Two sides that answered the same questions, question by question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluation.checks import Checks, check
from evaluation.errors import EvaluationError
from evaluation.judge.scoring import scores_by_turn
from evaluation.questions import AskedTurn, Question, QuestionSet
from evaluation.records import Answer, EngineUsed, JudgeUsed
from evaluation.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side's answers; ``used``: None where a file brought them."""

    label: str
    answers: Mapping[tuple[str, int], Answer]
    name: str = ""  #: that the command gave it
    scores: Mapping[tuple[str, int], float] = field(default_factory=dict)
    used: EngineUsed | None = None
    judge: JudgeUsed | None = None  #: whose the scores are

    @classmethod
    def of(cls, run: RunFolder) -> Side:
        """The side that a run holds."""
        used = run.manifest.engine
        return cls(
            label=used.asked_for,
            answers=run.by_turn(),
            scores=scores_by_turn(run),
            used=used,
            judge=run.judge,
        )

    def answers_to(self, question: Question) -> tuple[Answer, ...]:
        """The answers to all turns; without text where there is none."""
        missing = [Answer(question=question.id, turn=n, failure="missing") for n in range(20)]
        return tuple(
            self.answers.get((question.id, turn), missing[turn])
            for turn in range(len(question.turns))
        )

    def sound(self, question: Question) -> list[bool]:
        """Of each turn, whether its answer is sound; where there is none, it is not."""
        return [found is not None and found.sound for _turn, found in self._checked(question)]

    def correct(self, question: Question) -> list[bool]:
        """Of each turn that says what is right, whether its answer is."""
        return [
            bool(found and found.correct)
            for turn, found in self._checked(question)
            if turn.can_be_checked
        ]

    def checks_of(self, question: Question) -> list[Checks]:
        """The checks of the answers that were given."""
        return [found for _turn, found in self._checked(question) if found is not None]

    def _checked(self, question: Question) -> list[tuple[AskedTurn, Checks | None]]:
        """The turns with the checks of their answers; None: there is no answer."""
        turns = zip(question.turns, self.answers_to(question), strict=True)
        return [(turn, None if one.failure else check(one, turn)) for turn, one in turns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question with what both sides answered."""

    question: Question
    baseline: tuple[Answer, ...]
    candidate: tuple[Answer, ...]

    @property
    def is_complete(self) -> bool:
        """Whether both sides answered every turn."""
        return not any(answer.failure for answer in (*self.baseline, *self.candidate))

    @property
    def is_same(self) -> bool:
        """Whether both sides gave the same answers."""
        return [one.text for one in self.baseline] == [one.text for one in self.candidate]

    @property
    def digest(self) -> str:
        """Of both answers: a judgement is of these."""
        texts = [[one.text for one in self.baseline], [one.text for one in self.candidate]]
        content = json.dumps(texts).encode()
        return hashlib.sha256(content).hexdigest()[:16]

    @property
    def can_be_judged(self) -> bool:
        """Whether there is something to compare."""
        return self.is_complete and not self.is_same


def pairs_of(questions: QuestionSet, baseline: Side, candidate: Side) -> list[Pair]:
    """The pairs of both sides, in the order of the questions."""
    return [
        Pair(
            question=one,
            baseline=baseline.answers_to(one),
            candidate=candidate.answers_to(one),
        )
        for one in questions.questions
    ]


def refuse_different_sets(baseline: RunFolder, candidate: RunFolder) -> None:
    """Raises EvaluationError unless both runs asked the same."""
    if baseline.manifest.asked.digest != candidate.manifest.asked.digest:
        raise EvaluationError(
            f"{baseline.path} and {candidate.path} asked different questions "
            f"({baseline.manifest.asked.name} and {candidate.manifest.asked.name}): have one "
            "engine answer the other's questions first."
        )
