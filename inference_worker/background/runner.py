"""Does one background job: generates or renders, and tells of it only by its result."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from inference_queue.background.protocol import (
    BackgroundJob,
    BackgroundResult,
    Rendering,
    RenderJob,
)
from inference_queue.protocol import Completion, Failure, FailureReason, Job
from inference_worker import going_on
from inference_worker.computing_time import ComputingTime
from inference_worker.engines.base import Engine
from inference_worker.errors import EngineError
from inference_worker.job_runner import storable
from inference_worker.prompt.rendering import render

log = structlog.get_logger(__name__)

#: The time of one answer; it ends there as with a deadline.
MAX_ANSWER_S = 600.0


class BackgroundRunner:
    """Turns background jobs into results, with one engine."""

    def __init__(self, engine: Engine, computing: ComputingTime) -> None:
        """``computing``: live jobs that run at the same time do not pay for this one."""
        self._engine = engine
        self._computing = computing

    @property
    def renders(self) -> bool:
        """Whether the model's tokenizer and chat template are within reach."""
        return self._engine.template is not None

    @property
    def is_crowded(self) -> bool:
        """Whether answers wait for memory."""
        return self._engine.usage.waiting > 0

    async def run(self, job: BackgroundJob) -> BackgroundResult:
        """The result; a failure where the engine raises one."""
        try:
            with self._computing.running():
                if isinstance(job, RenderJob):
                    return await self._render(job)
                return await self._generate(job)
        except EngineError as error:
            return error.failure
        except Exception as error:
            log.exception("engine_broke")
            return Failure(
                reason=FailureReason.ENGINE_ERROR, message=type(error).__name__, retryable=True
            )

    async def _generate(self, job: Job) -> Completion:
        started = time.monotonic()
        limited = replace(job, deadline=datetime.now(UTC) + timedelta(seconds=MAX_ANSWER_S))
        async with contextlib.aclosing(going_on.answer(self._engine, limited)) as events:
            async for event in events:
                if isinstance(event, Completion):
                    return replace(
                        event,
                        text=storable(event.text),
                        reasoning=storable(event.reasoning),
                        total_ms=(time.monotonic() - started) * 1000,
                    )
        raise EngineError(
            FailureReason.ENGINE_ERROR, "the engine ended without a completion", retryable=True
        )

    async def _render(self, job: RenderJob) -> Rendering:
        template = self._engine.template
        if template is None:
            raise EngineError(
                FailureReason.ENGINE_UNAVAILABLE, "the model's chat template is out of reach"
            )
        rendering = await asyncio.to_thread(render, template, job)
        card = self._engine.card
        return replace(
            rendering,
            text=storable(rendering.text),
            model=card.name,
            context_window=card.context_window,
        )
