"""Answers one job: generate, stream, store the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import time

import structlog

from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import (
    CANCELLED,
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
)
from inference_queue.token_stream import RENEW_S
from inference_worker import going_on
from inference_worker.computing_time import ComputingTime, Spent
from inference_worker.engines.base import Engine
from inference_worker.errors import EngineError
from inference_worker.lifecycle import Lifecycle
from inference_worker.metrics import QUEUE_WAIT_SECONDS
from inference_worker.result_writer import ResultWriter
from inference_worker.running_jobs import RunningJob
from inference_worker.throughput import ThroughputEstimator

log = structlog.get_logger(__name__)

STREAM_EVERY_S = 0.08


class JobRunner:
    """Turns leases into stored results, with one engine."""

    def __init__(
        self,
        *,
        engine: Engine,
        leases: LeaseClient,
        writer: ResultWriter,
        throughput: ThroughputEstimator,
        lifecycle: Lifecycle,
        computing: ComputingTime,
    ) -> None:
        self._engine = engine
        self._leases = leases
        self._writer = writer
        self._throughput = throughput
        self._lifecycle = lifecycle
        self._computing = computing

    async def answer(self, job: RunningJob) -> None:
        """Run the job to its end. Cancelled on request, it ends with what was written by then."""
        lease = job.lease
        with structlog.contextvars.bound_contextvars(
            job_id=str(lease.job.id), attempt=lease.attempt
        ):
            log.info("job_claimed")
            QUEUE_WAIT_SECONDS.observe(time.time() - lease.created_at.timestamp())
            written = _Written(started=time.monotonic())
            try:
                with self._computing.running() as written.spent:
                    result = await self._generate(lease, written)
                await self._store(lease, written.costed(result))
            except asyncio.CancelledError:
                if not job.cancel_requested:
                    raise
                # Renewals return the request until the result is stored: no second cancellation.
                job.stopping = True
                await self._store(lease, written.costed(written.result(self._answerer(lease.job))))

    def _answerer(self, job: Job) -> str:
        return self._engine.card.answered_by(job.adapter)

    async def _store(self, lease: Lease, result: Completion | Failure) -> None:
        await self._lifecycle.note(result)
        await self._writer.store(lease, result)

    async def _generate(self, lease: Lease, written: _Written) -> Completion | Failure:
        job = self._throughput.fit(lease.job)
        if job is None:
            return Failure(reason=FailureReason.EXPIRED, message="too late to begin")
        try:
            completion = await self._stream(lease, job, written)
        except EngineError as error:
            return error.failure
        except Exception as error:
            log.exception("engine_broke")
            return Failure(
                reason=FailureReason.ENGINE_ERROR, message=type(error).__name__, retryable=True
            )
        is_first = not self._throughput.answer_s
        self._throughput.note(completion)
        if is_first:
            await self._lifecycle.publish()
        return completion

    async def _stream(self, lease: Lease, job: Job, written: _Written) -> Completion:
        """The completion with its times, once its text has been streamed. Raises EngineError."""
        buffer = _StreamBuffer(self._leases, lease, sent_at=time.monotonic())
        events = going_on.answer(self._engine, job)
        async with contextlib.aclosing(events):
            async for event in events:
                now = time.monotonic()
                if isinstance(event, Completion):
                    return dataclasses.replace(
                        event,
                        text=storable(event.text),
                        reasoning=storable(event.reasoning),
                        first_token_ms=_first_token_ms(event, written.first_token_ms),
                        total_ms=(now - written.started) * 1000,
                    )
                text = storable(event.text)
                written.add(text, event.tokens, now)
                await buffer.add(text, now)
        raise EngineError(
            FailureReason.ENGINE_ERROR, "the engine ended without a completion", retryable=True
        )


def _first_token_ms(completion: Completion, first_shown_ms: float | None) -> float | None:
    """The engine's own time where it has one: reasoning comes before what is shown."""
    known = [ms for ms in (completion.first_token_ms, first_shown_ms) if ms is not None]
    return min(known, default=None)


@dataclasses.dataclass(slots=True)
class _Written:
    """What an answer holds so far; times are ``time.monotonic`` seconds."""

    started: float
    first_token_ms: float | None = None
    tokens: int = 0
    texts: list[str] = dataclasses.field(default_factory=list)
    spent: Spent = dataclasses.field(default_factory=Spent)

    def add(self, text: str, tokens: int, now: float) -> None:
        """Add a chunk of the answer."""
        if self.first_token_ms is None:
            self.first_token_ms = (now - self.started) * 1000
        self.texts.append(text)
        self.tokens += tokens

    def result(self, model: str) -> Completion | Failure:
        """The outcome of a job that is cancelled now; the engine has not told the prompt's size."""
        text = "".join(self.texts)
        if not text.strip():
            return CANCELLED
        return Completion(
            text=text,
            finish_reason=FinishReason.CANCELLED,
            model=model,
            prompt_tokens=0,
            completion_tokens=self.tokens,
            first_token_ms=self.first_token_ms,
            total_ms=(time.monotonic() - self.started) * 1000,
        )

    def costed(self, result: Completion | Failure) -> Completion | Failure:
        """The result with the job's shares of the worker's time; a failure has none."""
        if isinstance(result, Failure):
            return result
        cpu_ms, busy_ms = self.spent.cpu_s * 1000, self.spent.busy_s * 1000
        return dataclasses.replace(result, cpu_ms=cpu_ms, busy_ms=busy_ms)


@dataclasses.dataclass(slots=True)
class _StreamBuffer:
    """Streams the text in chunks of STREAM_EVERY_S, not token by token."""

    leases: LeaseClient
    lease: Lease
    sent_at: float
    unsent: str = ""
    sent: int = 0  #: characters
    renewed_at: float = -math.inf  #: when the stream's time was

    async def add(self, text: str, now: float) -> None:
        self.unsent += text
        if self.unsent and now - self.sent_at >= STREAM_EVERY_S:
            lasts = now - self.renewed_at < RENEW_S
            await self.leases.stream(self.lease, self.unsent, at=self.sent, lasts=lasts)
            if not lasts:
                self.renewed_at = now
            self.sent += len(self.unsent)
            self.unsent, self.sent_at = "", now


def storable(text: str) -> str:
    """The text without what Postgres refuses in JSON: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
