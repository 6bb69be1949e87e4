"""Asks an engine all questions of a run that it has not answered yet."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from evaluation.concurrently import run_all
from evaluation.engines import OpenEngine
from evaluation.errors import EvaluationError
from evaluation.progress import Progress
from evaluation.questions import Question
from evaluation.records import Answer
from evaluation.run_folder import RunFolder
from inference_queue.protocol import Completion, Failure, FailureReason, Job, Message, Role
from inference_worker.errors import ENGINE_FAULTS, EngineError
from inference_worker.job_runner import storable
from runtime.backoff import exponential_backoff_s

#: The time of one answer, as in the background lane.
MAX_ANSWER_S = 600.0
#: The failure of a turn that stands behind one without an answer.
EARLIER_TURN = "earlier_turn"
#: Reasons for no answer that stay when the question is asked again.
OF_THE_QUESTION = frozenset(
    one.value
    for one in (FailureReason.PROMPT_TOO_LONG, FailureReason.INVALID_JOB, FailureReason.NO_VISION)
)
#: So many other failures in a row are the engine's.
MAX_FAILURES = 5
#: Between two attempts at an engine that cannot answer now, seconds.
_BASE_S, _MAX_S = 0.5, 10.0


class Answering:
    """One engine and one run. ``patience_s``: how long a silent engine is asked again."""

    def __init__(self, opened: OpenEngine, run: RunFolder, *, patience_s: float = 60.0) -> None:
        self._opened = opened
        self._run = run
        self._patience_s = patience_s
        self._answered = _lasting(run.by_turn())
        self._failures = 0  # in a row
        self._progress = Progress("answers", run.questions.turns, done=len(self._answered))

    async def answer_all(self, *, at_once: int) -> None:
        """Answer what is left. Raises EvaluationError; what is answered by then is kept."""
        left = [one for one in self._run.questions.questions if not self._is_done(one)]
        await run_all(left, self._answer, at_once=at_once)

    def _is_done(self, question: Question) -> bool:
        return all((question.id, turn) in self._answered for turn in range(len(question.turns)))

    async def _answer(self, question: Question) -> None:
        """All turns of a question, each with the answers before it."""
        messages = self._before(question)
        for number, turn in enumerate(question.turns):
            messages.append(Message(Role.USER, turn.text))
            answer = self._answered.get((question.id, number))
            if answer is None:
                answer = await self._ask(question, number, messages)
                self._keep(answer)
            if answer.failure:
                self._give_up(question, number + 1)
                return
            messages.append(Message(Role.ASSISTANT, answer.text))

    def _give_up(self, question: Question, first: int) -> None:
        """Without an answer the turns behind it cannot be asked."""
        for number in range(first, len(question.turns)):
            if (question.id, number) not in self._answered:
                self._keep(Answer(question=question.id, turn=number, failure=EARLIER_TURN))

    def _keep(self, answer: Answer) -> None:
        self._run.answers.append(answer)
        self._answered[answer.question, answer.turn] = answer
        self._progress.advance()

    def _before(self, question: Question) -> list[Message]:
        """The system prompt, unless the question brings its own, and what was said before."""
        said = [Message(one.role, one.content) for one in question.history]
        system = self._opened.used.system_prompt
        if system and all(one.role is not Role.SYSTEM for one in said):
            return [Message(Role.SYSTEM, system), *said]
        return said

    async def _ask(self, question: Question, turn: int, messages: Sequence[Message]) -> Answer:
        seed = _seed(self._run.manifest.seed, question.id, turn)
        job = Job(
            id=uuid4(),
            messages=tuple(messages),
            sampling=self._opened.sampling(seed),
            adapter=self._opened.adapter,
        )
        began, attempt = time.monotonic(), 0
        while True:
            try:
                return await self._generate(question, turn, job)
            except EngineError as error:
                failure = error.failure
                if failure.reason not in ENGINE_FAULTS and not failure.retryable:
                    return self._failed(question, turn, failure)
                if time.monotonic() - began > self._patience_s:
                    raise self._cannot_answer(failure.message) from None
            attempt += 1
            await asyncio.sleep(exponential_backoff_s(attempt, base_s=_BASE_S, max_s=_MAX_S))

    async def _generate(self, question: Question, turn: int, job: Job) -> Answer:
        started = time.monotonic()
        limited = replace(job, deadline=datetime.now(UTC) + timedelta(seconds=MAX_ANSWER_S))
        async with contextlib.aclosing(self._opened.engine.generate(limited)) as events:
            async for event in events:
                if isinstance(event, Completion):
                    self._failures = 0
                    milliseconds = (time.monotonic() - started) * 1000
                    return _answer(question.id, turn, event, milliseconds)
        raise self._cannot_answer("it ended without an answer")

    def _failed(self, question: Question, turn: int, failure: Failure) -> Answer:
        """No answer, for a reason of the question's own, as far as one can tell."""
        self._failures = 0 if failure.reason.value in OF_THE_QUESTION else self._failures + 1
        if self._failures >= MAX_FAILURES:
            raise self._cannot_answer(failure.message)
        return Answer(question=question.id, turn=turn, failure=failure.reason.value)

    def _cannot_answer(self, why: str) -> EvaluationError:
        return EvaluationError(
            f"The engine {self._opened.used.asked_for} cannot answer: {why}. "
            f"{len(self._answered):,} of {self._run.questions.turns:,} answers are kept in "
            f"{self._run.path}: start the same command again to go on."
        )


def _lasting(kept: dict[tuple[str, int], Answer]) -> dict[tuple[str, int], Answer]:
    """Without the turns that failed for what may be the engine's reason, and those behind."""
    again: dict[str, int] = {}
    for one in kept.values():
        if one.failure and one.failure not in (*OF_THE_QUESTION, EARLIER_TURN):
            again[one.question] = one.turn
    return {
        key: one for key, one in kept.items() if one.turn < again.get(one.question, one.turn + 1)
    }


def _answer(question: str, turn: int, completion: Completion, total_ms: float) -> Answer:
    return Answer(
        question=question,
        turn=turn,
        text=storable(completion.text),
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        dropped_messages=completion.dropped_messages,
        total_ms=total_ms,
    )


def _seed(run: int, question: str, turn: int) -> int:
    """Each answer has its own seed, the same in every run of the same seed."""
    digest = hashlib.sha256(f"{run}:{question}:{turn}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
