"""The worker's life: loading, ready, unavailable, draining, failed; and what it publishes of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

import structlog

from inference_queue.protocol import Completion, Failure, FailureReason
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from inference_worker.background.running import RunningBackground
from inference_worker.engines.base import Engine, Usage
from inference_worker.errors import EngineError
from inference_worker.running_jobs import RunningJobs
from inference_worker.throughput import ThroughputEstimator
from runtime.backoff import exponential_backoff_s
from runtime.pubsub import WakeupSubscriber

log = structlog.get_logger(__name__)

HEARTBEAT_EVERY_S = 5.0
#: How often the engine is asked whether it can answer.
CHECK_EVERY_S = 1.0
#: Delay before the engine is started again: 1, 2, 4, 8, 8, ... seconds.
BACKOFF_BASE_S = 1.0
BACKOFF_MAX_S = 8.0


class StopSignal:
    """Asks the worker to take no more jobs, and wakes whoever waits for some."""

    def __init__(self, wake: WakeupSubscriber) -> None:
        self._wake = wake
        self._event = asyncio.Event()

    def set(self) -> None:
        """Stop; may be called twice, and from a signal handler."""
        self._event.set()
        self._wake.notify_local()

    def is_set(self) -> bool:
        """Whether the worker is to stop."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once the signal is set."""
        await self._event.wait()

    async def wait_for_work(self, poll_s: float) -> None:
        """Return when there may be work, at the latest after ``poll_s``; at once when set."""
        await self._wake.wait(poll_s)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatusSource:
    """Where a worker's status is read from."""

    engine: Engine
    engine_name: str
    running: RunningJobs
    background: RunningBackground
    throughput: ThroughputEstimator

    def status(self, worker: str, state: WorkerState, detail: str) -> WorkerStatus:
        """The status now; the model only where it has been loaded."""
        is_loaded = state not in (WorkerState.LOADING, WorkerState.FAILED)
        card = self.engine.card if is_loaded else None
        return WorkerStatus(
            id=worker,
            state=state,
            detail=detail,
            engine=self.engine_name,
            model=card.name if card else "",
            preset=card.preset if card else "",
            demo=card.demo if card else False,
            vision=card.vision if card else False,
            by_needs=True,
            slots=self.running.slots,
            busy=len(self.running),
            background=len(self.background),
            adapter=card.adapter if card else "",
            adapters=card.adapters if card else (),
            by_adapters=True,
            renders=is_loaded and self.engine.template is not None,
            answer_s=round(self.throughput.answer_s, 3),
            tokens_per_s=round(self.throughput.tokens_per_s, 3),
        )


class Lifecycle:
    """Starts and closes the engine, holds the worker's state and publishes it."""

    def __init__(self, *, source: StatusSource, heartbeat: Heartbeat, stop: StopSignal) -> None:
        self._source = source
        self._heartbeat = heartbeat
        self._stop = stop
        self._state = WorkerState.LOADING
        self._detail = ""
        self._trouble = ""  # the engine's, at the last check

    @property
    def usage(self) -> Usage:
        """What the engine is doing."""
        return self._source.engine.usage

    def status(self) -> WorkerStatus:
        """The content of the next heartbeat."""
        return self._source.status(self._heartbeat.worker, self._state, self._detail)

    async def publish(self) -> None:
        """Send a heartbeat now."""
        await self._heartbeat.publish(self.status())

    async def keep_publishing(self) -> None:
        """Send heartbeats until cancelled."""
        while True:
            await self.publish()
            await asyncio.sleep(HEARTBEAT_EVERY_S)

    async def keep_checking(self) -> None:
        """Let the status say what the engine knows without a job, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if self._state in (WorkerState.READY, WorkerState.UNAVAILABLE):
                try:
                    trouble = await self._source.engine.check()
                except Exception:  # a check that breaks must not end the worker
                    log.exception("engine_check_broke")
                    continue
                await self._heed(trouble)

    async def start_engine(self) -> bool:
        """Load the model, again and again while that may help; False where stopped before.

        Raises EngineError where only an operator can help.
        """
        attempt = 0
        while not self._stop.is_set():
            attempt += 1
            try:
                if not await self._start_unless_stopped():
                    return False
            except EngineError as error:
                await self._note_failed_start(error.failure)
                if not error.failure.retryable:
                    raise
                await self._pause(attempt)
                continue
            self._state, self._detail = WorkerState.READY, ""
            self._source.running.limit(self._source.engine.card.at_once)
            status = self.status()
            log.info("worker_ready", model=status.model, slots=status.slots)
            await self.publish()
            return True
        return False

    async def note(self, result: Completion | Failure) -> None:
        """Let the log and the status say whether the engine answers."""
        state, detail = WorkerState.READY, ""
        if isinstance(result, Failure):
            log.warning("job_failed", reason=result.reason.value, error=result.message)
            if result.reason is FailureReason.ENGINE_UNAVAILABLE:
                state, detail = WorkerState.UNAVAILABLE, result.message
        if self._state not in (state, WorkerState.DRAINING):
            self._state, self._detail = state, detail
            await self.publish()

    async def _heed(self, trouble: str) -> None:
        before, self._trouble = self._trouble, trouble
        if self._state is WorkerState.READY and trouble:
            self._state, self._detail = WorkerState.UNAVAILABLE, trouble
        elif self._state is WorkerState.UNAVAILABLE and before and not trouble:
            self._state, self._detail = WorkerState.READY, ""
        else:
            return
        await self.publish()

    def begin_draining(self) -> None:
        """The running jobs end, and no new ones are taken."""
        self._state = WorkerState.DRAINING

    async def end(self, *, close_engine: bool) -> None:
        """Withdraw from the registry, unless an operator is to read why it failed."""
        if self._state is not WorkerState.FAILED:
            await self._heartbeat.withdraw()
        if close_engine:
            await self._source.engine.close()

    async def _start_unless_stopped(self) -> bool:
        start = asyncio.create_task(self._source.engine.start(self._report_progress))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not start.done():
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
            return False
        start.result()
        return True

    async def _note_failed_start(self, failure: Failure) -> None:
        waiting = "waiting for the engine: " if failure.retryable else ""
        self._report_progress(waiting + failure.message)
        if not failure.retryable:
            self._state = WorkerState.FAILED
            await self.publish()

    def _report_progress(self, sentence: str) -> None:
        self._detail = sentence
        log.info("model_progress", progress=sentence)

    async def _pause(self, attempt: int) -> None:
        delay_s = exponential_backoff_s(attempt, base_s=BACKOFF_BASE_S, max_s=BACKOFF_MAX_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), delay_s)
