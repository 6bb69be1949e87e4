"""Asks the judge until it gives a verdict, or until it is clear that it gives none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.judge.client import KEPT_CHARS, ChatMessage, JudgeClient, JudgeError
from evaluation.judge.prompts import PROMPT_VERSION
from evaluation.judge.verdicts import read_scores
from evaluation.records import NotJudged
from inference_worker.job_runner import storable
from runtime.backoff import exponential_backoff_s

#: Questions for one verdict.
ATTEMPTS = 3
_BASE_S, _MAX_S = 0.5, 8.0
#: After so many verdicts in a row that an outage prevented, the judge counts as down.
MAX_OUTAGES = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, or the reason why there is none."""

    scores: tuple[float, ...] = ()
    reason: NotJudged | None = None
    said: str = ""


class Judge:
    """One judge. A failure is never a score: it is retried, and then told."""

    def __init__(self, client: JudgeClient, *, seed: int, pause_s: float = _BASE_S) -> None:
        self.prompt_version = PROMPT_VERSION
        self.seed = seed
        self._client = client
        self._pause_s = pause_s
        self._outages = 0

    @property
    def model(self) -> str:
        """The judge's model."""
        return self._client.model

    @property
    def is_down(self) -> bool:
        """Whether it is not worth asking any more in this run."""
        return self._outages >= MAX_OUTAGES

    async def scores(self, prompt: Sequence[ChatMessage], names: Sequence[str]) -> Judged:
        """The scores under these names. Raises EvaluationError for a wrong setting."""
        judged = Judged(reason=NotJudged.UNREACHABLE)
        for attempt in range(1, ATTEMPTS + 1):
            if self.is_down:
                return judged
            judged = await self._once(prompt, names, attempt)
            if judged.reason is None:
                break
            if judged.reason.is_outage and attempt < ATTEMPTS:
                pause = exponential_backoff_s(attempt, base_s=self._pause_s, max_s=_MAX_S)
                await asyncio.sleep(pause)
        is_outage = judged.reason is not None and judged.reason.is_outage
        self._outages = self._outages + 1 if is_outage else 0
        return judged

    async def _once(
        self, prompt: Sequence[ChatMessage], names: Sequence[str], attempt: int
    ) -> Judged:
        try:
            # At temperature 0 the same seed would bring the same words again.
            written = await self._client.ask(prompt, seed=self.seed + attempt - 1)
            return Judged(scores=read_scores(written, names), said=storable(written)[-KEPT_CHARS:])
        except JudgeError as error:
            return Judged(reason=error.reason, said=error.said)
