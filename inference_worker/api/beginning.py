"""How the engine is asked: for an answer or a text, with or without its tokens' probabilities."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from functools import partial

from inference_queue.protocol import Completion, FinishReason, Job
from inference_worker.api.answering import Begin
from inference_worker.api.errors import ApiError
from inference_worker.engines.base import CompletingEngine, Delta, Engine, PlainRequest
from inference_worker.engines.token_scores import (
    NO_SCORES,
    ScoredCompletion,
    ScoringEngine,
    WantedScores,
)


def begin_chat(engine: Engine, job: Job, wanted: WantedScores | None) -> Begin:
    """Answers the messages of a job. Raises ApiError where scores are wanted and there are none."""
    scoring = _scoring(engine, wanted)

    def begin(deadline: datetime) -> AsyncGenerator[Delta | Completion, None]:
        asked = replace(job, deadline=deadline)
        return scoring.score(asked, wanted) if scoring and wanted else engine.generate(asked)

    return begin


def begin_plain(
    engine: Engine, request: partial[PlainRequest], wanted: WantedScores | None
) -> Begin:
    """Goes on with a text; ``request`` lacks its deadline. Raises ApiError where none can."""
    scoring = _scoring(engine, wanted)
    if not isinstance(engine, CompletingEngine):
        sentence = "This engine has no plain completions: use /v1/chat/completions."
        raise ApiError(400, sentence, "unsupported")

    def begin(deadline: datetime) -> AsyncGenerator[Delta | Completion, None]:
        asked = request(deadline=deadline)
        return scoring.score(asked, wanted) if scoring and wanted else engine.complete(asked)

    return begin


def without_answer(completion: Completion) -> Completion:
    """Only the prompt of a completion: nothing was to be written."""
    bare = replace(completion, text="", completion_tokens=0, finish_reason=FinishReason.LENGTH)
    return replace(bare, ids=(), scores=()) if isinstance(bare, ScoredCompletion) else bare


def _scoring(engine: Engine, wanted: WantedScores | None) -> ScoringEngine | None:
    if wanted is None:
        return None
    if not isinstance(engine, ScoringEngine):
        raise ApiError(400, f"{NO_SCORES}.", "unsupported")
    return engine
