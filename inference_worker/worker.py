"""The worker: claim as many jobs as there are free slots, generate, stream, finish.

Knows the queue and one engine; what a messenger or a conversation is, it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Completion, Failure, FailureReason, Job
from inference_queue.reaper import reap
from inference_queue.worker_registry import Heartbeat, WorkerStatus
from inference_worker.engines.base import Delta, Engine, EngineError, Usage
from inference_worker.errors import EngineStuckError
from inference_worker.metrics import QUEUE_WAIT_SECONDS, note_end
from inference_worker.throughput import ThroughputEstimator
from runtime.database import DATABASE_ERRORS, is_gone
from runtime.pubsub import WakeupSubscriber
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

CLAIM_POLL_S = 0.5
REAP_EVERY_S = 1.0
WATCH_EVERY_S = 1.0
STREAM_EVERY_S = 0.08
RENEW_EVERY_S = 0.8
ANNOUNCE_EVERY_S = 5.0
#: Seconds before an answer whose engine does not respond is tried again, at most.
BACKOFF_MAX_S = 8.0
#: What says nothing about the job: it is tried again as long as the worker's patience lasts.
ENGINE_FAULTS = (FailureReason.ENGINE_UNAVAILABLE, FailureReason.ENGINE_OVERLOADED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTimeouts:
    """How long a worker waits, in seconds: the settings of the same names."""

    drain_s: float
    patience_s: float
    stuck_s: float


class Worker:
    """One process's share of the work."""

    def __init__(
        self,
        *,
        engine: Engine,
        engine_name: str,
        leases: LeaseClient,
        announcer: Heartbeat,
        database: AsyncEngine,
        wake: WakeupSubscriber,
        slots: int,
        waits: WorkerTimeouts,
    ) -> None:
        self._engine = engine
        self._engine_name = engine_name
        self._leases = leases
        self._announcer = announcer
        self._database = database
        self._wake = wake
        self._slots = slots
        self._drain_s = waits.drain_s
        self._patience_s = waits.patience_s
        self._stuck_s = waits.stuck_s
        self._stuck = False
        self._running: dict[UUID, tuple[Lease, asyncio.Task[None]]] = {}
        self._cancelled: set[UUID] = set()
        self._stopping = asyncio.Event()
        self._state = "loading"
        self._detail = ""
        self._pace = ThroughputEstimator()

    @property
    def usage(self) -> Usage:
        """What its engine is doing."""
        return self._engine.usage

    @property
    def is_stuck(self) -> bool:
        """Whether its engine makes no steps any more: only a new process helps."""
        return self._stuck

    def stop(self) -> None:
        """Take no more jobs; ``run`` returns once the running ones are done or given back."""
        self._stopping.set()
        self._wake.notify_local()

    async def run(self) -> None:
        """Load the model and work until ``stop``.

        Raises EngineError where it cannot be loaded, and EngineStuckError once its jobs have been
        given back because it makes no steps any more.
        """
        background = [
            asyncio.create_task(self._announce()),
            asyncio.create_task(self._keep_leases()),
            asyncio.create_task(self._reap()),
            asyncio.create_task(self._watch()),
        ]
        for task in background:
            task.add_done_callback(self._stop_with)
        try:
            if await self._start_engine():
                await self._claim_until_stopped()
                await self._drain()
        finally:
            await cancel_and_wait(*background)
            if self._state != "failed":
                await self._announcer.withdraw()
            if not self._stuck:  # it would wait for the step that does not end
                await self._engine.close()
            await self._leases.close()
        if self._stuck:
            raise EngineStuckError(
                FailureReason.ENGINE_ERROR, f"the engine has made no step for {self._stuck_s:g} s"
            )

    def _stop_with(self, task: asyncio.Task[None]) -> None:
        """A worker that cannot renew its leases must not go on."""
        if not task.cancelled() and (error := task.exception()):
            log.error("background_broke", error=repr(error))
            self.stop()

    async def _start_engine(self) -> bool:
        """Load the model, again and again where waiting may help; False when told to stop."""
        delay_s = 1.0
        while not self._stopping.is_set():
            start = asyncio.create_task(self._engine.start(self._tell))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not start.done():
                start.cancel()
                await asyncio.gather(start, return_exceptions=True)
                return False
            try:
                start.result()
            except EngineError as error:
                self._tell(error.failure.message)
                if not error.failure.retryable:
                    await self._fail(error.failure.message)
                    raise
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay_s)
                delay_s = min(delay_s * 2, BACKOFF_MAX_S)
                continue
            self._state, self._detail = "ready", ""
            log.info("worker_ready", model=self._engine.card.name, slots=self._slots)
            await self._announcer.announce(self.presence())
            return True
        return False

    def _tell(self, sentence: str) -> None:
        """Say how the loading goes: in the log, and to everybody who asks for the presence."""
        self._detail = sentence
        log.info("model_progress", progress=sentence)

    async def _fail(self, sentence: str) -> None:
        self._state, self._detail = "failed", sentence
        await self._announcer.announce(self.presence())

    async def _claim_until_stopped(self) -> None:
        while not self._stopping.is_set():
            free = self._slots - len(self._running)
            if free > 0 and await self._claim(free) == free:
                continue
            await self._wake.wait(CLAIM_POLL_S)

    async def _claim(self, free: int) -> int:
        try:
            claimed = await self._leases.claim(free, typical_s=self._pace.answer_s)
        except DATABASE_ERRORS as error:
            log.warning("database_gone", error=type(error).__name__)
            await asyncio.sleep(CLAIM_POLL_S)
            return 0
        for lease in claimed:
            if lease.job.id in self._running:
                # Our own lease ran out while Postgres was away: the new one counts.
                self._abandon(lease.job.id, cancelled=False)
            task = asyncio.create_task(self._answer(lease), name=f"job {lease.job.id}")
            self._running[lease.job.id] = (lease, task)
        return len(claimed)

    async def _answer(self, lease: Lease) -> None:
        with structlog.contextvars.bound_contextvars(
            job_id=str(lease.job.id), attempt=lease.attempt
        ):
            log.info("job_claimed")
            QUEUE_WAIT_SECONDS.observe(time.time() - lease.created_at.timestamp())
            try:
                await self._store(lease, await self._generate(lease))
            except asyncio.CancelledError:
                if lease.job.id not in self._cancelled:
                    raise
                await self._store(
                    lease, Failure(reason=FailureReason.CANCELLED, message="cancelled on request")
                )
            finally:
                if self._running[lease.job.id][0] is lease:
                    del self._running[lease.job.id]
                self._cancelled.discard(lease.job.id)
                self._wake.notify_local()

    async def _generate(self, lease: Lease) -> Completion | Failure:
        job = self._pace.fit(lease.job)
        if job is None:
            return Failure(reason=FailureReason.EXPIRED, message="too late to begin")
        try:
            completion = await self._stream(lease, job)
        except EngineError as error:
            return error.failure
        except Exception as error:
            log.exception("engine_broke")
            return Failure(
                reason=FailureReason.ENGINE_ERROR, message=type(error).__name__, retryable=True
            )
        unknown = not self._pace.answer_s
        self._pace.note(completion)
        if unknown:
            await self._announcer.announce(self.presence())
        return completion

    async def _stream(self, lease: Lease, job: Job) -> Completion:
        started = time.monotonic()
        first_token_ms: float | None = None
        unsent, sent_at = "", started
        pieces: AsyncGenerator[Delta | Completion, None] = self._engine.generate(job)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                now = time.monotonic()
                if isinstance(piece, Completion):
                    total_ms = (now - started) * 1000
                    return dataclasses.replace(
                        piece,
                        text=storable(piece.text),
                        first_token_ms=first_token_ms,
                        total_ms=total_ms,
                    )
                if first_token_ms is None:
                    first_token_ms = (now - started) * 1000
                unsent += storable(piece.text)
                if unsent and now - sent_at >= STREAM_EVERY_S:
                    await self._leases.stream(lease, unsent)
                    unsent, sent_at = "", now
        raise EngineError(FailureReason.ENGINE_ERROR, "the engine fell silent", retryable=True)

    async def _store(self, lease: Lease, result: Completion | Failure) -> None:
        """Finish the job, or give it back for another try; keeps trying while the lease holds."""
        await self._note(result)
        while True:
            try:
                if isinstance(result, Failure) and self._try_again(lease, result):
                    delay_s = min(2.0 ** (lease.attempt - 1), BACKOFF_MAX_S)
                    counts = result.reason not in ENGINE_FAULTS
                    held = await self._leases.give_back(lease, delay_s=delay_s, counts=counts)
                else:
                    held = await self._leases.finish(lease, result)
            except DATABASE_ERRORS as error:
                if not is_gone(error):
                    raise
                log.warning("database_gone", error=type(error).__name__)
                await asyncio.sleep(CLAIM_POLL_S)
                continue
            note_end(result)
            outcome = result.reason if isinstance(result, Failure) else result.finish_reason
            log.info("job_finished" if held else "lease_lost", outcome=outcome.value)
            return

    def _try_again(self, lease: Lease, failure: Failure) -> bool:
        if not failure.retryable or lease.job.remaining_s() < 1.0:
            return False
        if failure.reason in ENGINE_FAULTS:
            return time.time() - lease.created_at.timestamp() < self._patience_s
        return lease.attempt < 3

    async def _note(self, result: Completion | Failure) -> None:
        """Let the log, and the presence, say whether the engine answers."""
        state, detail = "ready", ""
        if isinstance(result, Failure):
            log.warning("job_failed", reason=result.reason.value, error=result.message)
            if result.reason is FailureReason.ENGINE_UNAVAILABLE:
                state, detail = "unavailable", result.message
        if self._state not in (state, "draining"):
            self._state, self._detail = state, detail
            await self._announcer.announce(self.presence())

    async def _drain(self) -> None:
        """Let the running jobs end; those that take too long go back unpunished."""
        self._state = "draining"
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=0 if self._stuck else self._drain_s)
        left = list(self._running.values())
        for _, task in left:
            task.cancel()
        await asyncio.gather(*(task for _, task in left), return_exceptions=True)
        for lease, _ in left:
            with contextlib.suppress(*DATABASE_ERRORS):
                # Where the engine is stuck, it may be this job's doing: not for ever.
                await self._leases.give_back(lease, counts=self._stuck)
        log.info("worker_drained", given_back=len(left))

    async def _announce(self) -> None:
        while True:
            await self._announcer.announce(self.presence())
            await asyncio.sleep(ANNOUNCE_EVERY_S)

    async def _keep_leases(self) -> None:
        """Every second: so long does it take at most to hear of a cancellation."""
        while True:
            await asyncio.sleep(min(RENEW_EVERY_S, self._leases.lease_s / 3))
            with contextlib.suppress(*DATABASE_ERRORS):
                await self._renew()

    async def _renew(self) -> None:
        held = {job_id: lease for job_id, (lease, _) in self._running.items()}
        alive = await self._leases.renew(held.values())
        for job_id in held:
            if job_id in self._running and alive.get(job_id, True):
                self._abandon(job_id, cancelled=job_id in alive)

    def _abandon(self, job_id: UUID, *, cancelled: bool) -> None:
        """Stop generating: somebody cancelled the job, or another worker has it by now."""
        if cancelled:
            self._cancelled.add(job_id)
        log.warning("job_abandoned", job_id=str(job_id), cancelled=cancelled)
        self._running[job_id][1].cancel()

    async def _watch(self) -> None:
        """Notice an engine that makes no steps any more, and end without it."""
        while not self._stuck:
            await asyncio.sleep(min(WATCH_EVERY_S, self._stuck_s / 3))
            silent_s = self._engine.usage.silent_s
            self._stuck = silent_s > self._stuck_s
        log.error("engine_stuck", silent_s=round(silent_s, 1))
        self.stop()

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            with contextlib.suppress(*DATABASE_ERRORS):
                async with self._database.begin() as connection:
                    await reap(connection)

    def presence(self) -> WorkerStatus:
        """What it says of itself."""
        known = self._state not in ("loading", "failed")
        card = self._engine.card if known else None
        return WorkerStatus(
            id=self._announcer.worker,
            state=self._state,
            detail=self._detail,
            engine=self._engine_name,
            model=card.name if card else "",
            preset=card.preset if card else "",
            demo=card.demo if card else False,
            slots=self._slots,
            busy=len(self._running),
            answer_s=round(self._pace.answer_s, 3),
            tokens_per_s=round(self._pace.tokens_per_s, 3),
        )


def storable(text: str) -> str:
    """The text without what Postgres refuses in JSON: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
