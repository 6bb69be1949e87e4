"""A job that continues, where the engine cannot go on: its request to go on is answered instead."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import structlog

from inference_queue.protocol import Completion, FailureReason, FinishReason, Job
from inference_worker.engines.base import Delta, Engine
from inference_worker.errors import EngineError

log = structlog.get_logger(__name__)

#: The server or the template refuses an open answer, the question alone is too long for the
#: context, or the server takes the whole rest for reasoning.
_CANNOT_GO_ON = (
    FailureReason.INVALID_JOB,
    FailureReason.PROMPT_TOO_LONG,
    FailureReason.ENGINE_ERROR,
)


async def answer(engine: Engine, job: Job) -> AsyncGenerator[Delta | Completion, None]:
    """The events of ``Engine.generate``. Raises EngineError."""
    if job.continues:
        has_output = False
        try:
            async with aclosing(engine.generate(job)) as events:
                async for event in events:
                    if _adds_nothing(event):
                        break
                    has_output = True
                    yield event
                else:
                    return
            reason = "nothing to add"
        except EngineError as error:
            failure = error.failure
            if has_output or failure.retryable or failure.reason not in _CANNOT_GO_ON:
                raise
            reason = failure.message
        log.info("asked_to_go_on", reason=reason)
        job = replace(job, continues=False)
    async with aclosing(engine.generate(job)) as events:
        async for event in events:
            yield event


def _adds_nothing(event: Delta | Completion) -> bool:
    """Whether the model found its answer complete: an empty answer is none."""
    if isinstance(event, Delta):
        return False
    return event.finish_reason is FinishReason.STOP and not event.text.strip()
