"""Has the judge score every answer of a run, one by one."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.concurrently import run_all
from evaluation.judge.judging import Judge
from evaluation.judge.prompts import SCORE_NAMES, score_prompt
from evaluation.progress import Progress, say
from evaluation.questions import Question
from evaluation.records import Answer, Score
from evaluation.run_folder import RunFolder

#: The score of an answer without text: nobody needs to be asked.
EMPTY_SCORE = 1.0


class Scoring:
    """One judge and one run; scores that are there already stay."""

    def __init__(self, judge: Judge, run: RunFolder) -> None:
        self._judge = judge
        self._run = run
        self._answers = run.by_turn()
        self._scored = {(one.question, one.turn) for one in run.scores.read()}
        given = sum(not one.failure for one in self._answers.values())
        self._progress = Progress("scores", given, done=len(self._scored))

    async def score_all(self, *, at_once: int) -> None:
        """Score what is left. What an outage prevented is not recorded, and told."""
        left = [
            (question, turn)
            for question in self._run.questions.questions
            for turn in range(len(question.turns))
            if (question.id, turn) not in self._scored and (question.id, turn) in self._answers
        ]
        await run_all(left, self._score, at_once=at_once)
        if self._judge.is_down:
            say("The judge does not answer: start the same command again once it does.")

    async def _score(self, which: tuple[Question, int]) -> None:
        question, turn = which
        answers = [self._answers.get((question.id, number)) for number in range(turn + 1)]
        given = [one for one in answers if one is not None and not one.failure]
        if len(given) <= turn:
            return  # an answer that failed is nobody's to judge
        score = await self._ask(question, turn, given)
        if score.reason is None or not score.reason.is_outage:
            self._run.scores.append(score)
            self._progress.advance()

    async def _ask(self, question: Question, turn: int, given: list[Answer]) -> Score:
        if not given[-1].text.strip():
            return Score(question=question.id, turn=turn, score=EMPTY_SCORE)
        prompt = score_prompt(question, given, seed=self._judge.seed)
        judged = await self._judge.scores(prompt, SCORE_NAMES)
        return Score(
            question=question.id,
            turn=turn,
            score=judged.scores[0] if judged.scores else None,
            reason=judged.reason,
            said=judged.said,
        )


def scores_by_turn(run: RunFolder) -> Mapping[tuple[str, int], float]:
    """The scores that there are, by question and turn."""
    return {
        (one.question, one.turn): one.score for one in run.scores.read() if one.score is not None
    }
