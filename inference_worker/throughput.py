"""Running means of this worker's answers, and how long an answer still fits a deadline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from inference_queue.protocol import Completion, Job

#: The weight of the newest answer in the running means.
SMOOTHING = 0.2
#: Shorter answers give no rate: a worker that was stopped for seconds between two tokens would
#: cut other answers for it.
MIN_RATE_TOKENS = 16
#: A shorter answer is useless: hardly a word of Korean.
MIN_ANSWER_TOKENS = 4
#: The share of the time until the deadline that is planned: answers vary.
PLANNED_SHARE = 0.9


@dataclass(slots=True)
class ThroughputEstimator:
    """Running means over the last answers; 0 until there was one."""

    answer_s: float = 0.0  #: from claim to end
    first_token_s: float = 0.0
    tokens_per_s: float = 0.0  #: of one answer, after its first token

    def note(self, completion: Completion) -> None:
        """Update the means by an answer whose times are known."""
        if completion.total_ms is None:
            return
        total_s = completion.total_ms / 1000
        first_s = (completion.first_token_ms or 0.0) / 1000
        self.answer_s = _mean(self.answer_s, total_s)
        self.first_token_s = _mean(self.first_token_s, first_s)
        if completion.completion_tokens >= MIN_RATE_TOKENS and total_s > first_s:
            rate = (completion.completion_tokens - 1) / (total_s - first_s)
            self.tokens_per_s = _mean(self.tokens_per_s, rate)

    def fit(self, job: Job) -> Job | None:
        """The job, cut to the tokens that fit before its deadline; None where too few do."""
        left_s = job.remaining_s()
        if math.isinf(left_s) or (left_s > 0 and not self.tokens_per_s):
            return job
        fits = 1 + int((left_s - self.first_token_s) * PLANNED_SHARE * self.tokens_per_s)
        if fits < min(MIN_ANSWER_TOKENS, job.sampling.max_new_tokens):
            return None
        if fits >= job.sampling.max_new_tokens:
            return job
        return replace(job, sampling=replace(job.sampling, max_new_tokens=fits))


def _mean(before: float, newest: float) -> float:
    return before + (newest - before) * SMOOTHING if before else newest
