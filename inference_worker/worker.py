"""The worker: claims as many jobs as it has free slots, generates, streams, stores.

Knows the queue and one engine, but no messenger and no conversation.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.leases import BackgroundLeases, Offer
from inference_queue.leases import LeaseClient
from inference_queue.protocol import FailureReason
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from inference_worker.api.memory import MemoryKeeper
from inference_worker.api.routes import Served
from inference_worker.api.slots import RequestSlots
from inference_worker.background.lane import BackgroundLane
from inference_worker.background.reaper import BackgroundReaper
from inference_worker.background.runner import BackgroundRunner
from inference_worker.background.running import RunningBackground
from inference_worker.computing_time import ComputingTime
from inference_worker.engines.base import Engine, Usage
from inference_worker.errors import EngineStuckError
from inference_worker.eyesight import Eyesight
from inference_worker.job_claimer import JobClaimer
from inference_worker.job_runner import JobRunner
from inference_worker.lease_keeper import LeaseKeeper
from inference_worker.lifecycle import Lifecycle, StatusSource, StopSignal
from inference_worker.queue_reaper import QueueReaper
from inference_worker.result_writer import ResultWriter
from inference_worker.running_jobs import RunningJobs
from inference_worker.throughput import ThroughputEstimator
from inference_worker.watchdog import Watchdog
from runtime.pubsub import WakeupSubscriber
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTimeouts:
    """How long a worker waits, in seconds: the settings of the same names."""

    drain_s: float
    patience_s: float
    stuck_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConnections:
    """What a worker is connected to; the caller opens and closes it."""

    leases: LeaseClient
    heartbeat: Heartbeat
    database: AsyncEngine
    wake: WakeupSubscriber  #: on WAKE_CHANNEL
    cancellations: WakeupSubscriber  #: on CANCEL_CHANNEL


class Worker:
    """One process's share of the work, composed of its parts."""

    def __init__(
        self,
        *,
        engine: Engine,
        engine_name: str,
        connections: WorkerConnections,
        slots: int,
        timeouts: WorkerTimeouts,
    ) -> None:
        leases, throughput = connections.leases, ThroughputEstimator()
        self._engine = engine
        self._stop = stop = StopSignal(connections.wake)
        self._watchdog = Watchdog(engine, stuck_s=timeouts.stuck_s, stop=stop)
        running = RunningJobs(slots=slots)
        self._requests = requests = RequestSlots(running, computing := ComputingTime())
        running.on_end = lambda: _after_a_job(requests, connections.wake)
        background = RunningBackground(_Foreground(running, requests))
        requests.on_start = background.make_room
        running.on_start = lambda: _make_room(requests, background)
        source = StatusSource(
            engine=engine,
            engine_name=engine_name,
            running=running,
            background=background,
            throughput=throughput,
        )
        lifecycle = Lifecycle(source=source, heartbeat=connections.heartbeat, stop=stop)
        self._lifecycle = lifecycle
        writer = ResultWriter(leases, patience_s=timeouts.patience_s)
        runner = JobRunner(
            engine=engine,
            leases=leases,
            writer=writer,
            throughput=throughput,
            lifecycle=lifecycle,
            computing=computing,
        )
        eyesight = Eyesight(lifecycle.status, connections.heartbeat.peers)
        self._claimer = JobClaimer(
            leases=leases,
            running=running,
            runner=runner,
            throughput=throughput,
            abilities=eyesight.abilities,
            stop=stop,
            on_empty=requests.fill,
        )
        self._lane = lane = _lane(
            connections, BackgroundRunner(engine, computing), background, lifecycle, eyesight
        )
        self._drain = _Drain(running=running, writer=writer, timeout_s=timeouts.drain_s)
        keeper = LeaseKeeper(
            leases=leases, running=running, cancellations=connections.cancellations
        )
        self._background: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
            lifecycle.keep_publishing,
            lifecycle.keep_checking,
            keeper.run,
            eyesight.keep_looking,
            QueueReaper(connections.database).run,
            lane.keep_claiming,
            lane.keep_renewing,
            lane.keep_memory_free,
            MemoryKeeper(engine, running, requests, background).run,
            BackgroundReaper(connections.database).run,
            self._watchdog.run,
        )

    @property
    def served(self) -> Served:
        """What an endpoint answers with (WORKER_API_PORT)."""
        return Served(engine=self._engine, slots=self._requests, status=self.status)

    @property
    def usage(self) -> Usage:
        """What its engine is doing."""
        return self._lifecycle.usage

    @property
    def is_stuck(self) -> bool:
        """Whether its engine makes no steps any more: only a new process helps."""
        return self._watchdog.is_stuck

    def status(self) -> WorkerStatus:
        """The content of its next heartbeat."""
        return self._lifecycle.status()

    def stop(self) -> None:
        """Take no more jobs; ``run`` returns once the running ones are done or released."""
        self._stop.set()

    async def run(self) -> None:
        """Load the model and work until ``stop``.

        Raises EngineError where it cannot be loaded, and EngineStuckError once its jobs have been
        released because the engine makes no steps any more.
        """
        background = [asyncio.create_task(run()) for run in self._background]
        for task in background:
            task.add_done_callback(self._stop_after_error)
        try:
            if await self._lifecycle.start_engine():
                await self._claimer.run()
                self._lifecycle.begin_draining()
                await self._lane.close(counts=self.is_stuck)
                await self._drain.run(is_stuck=self.is_stuck)
        finally:
            await cancel_and_wait(*background)
            # A stuck engine would be waited for: its step does not end.
            await self._lifecycle.end(close_engine=not self.is_stuck)
        if self.is_stuck:
            raise EngineStuckError(
                FailureReason.ENGINE_ERROR,
                f"the engine has made no step for {self._watchdog.stuck_s:g} s",
            )

    def _stop_after_error(self, task: asyncio.Task[None]) -> None:
        """A worker that cannot renew its leases must not go on."""
        if not task.cancelled() and (error := task.exception()):
            log.error("background_broke", error=repr(error))
            self.stop()


@dataclasses.dataclass(frozen=True, slots=True)
class _Foreground:
    """Live jobs and requests of the endpoint together: background jobs give way to both."""

    live: RunningJobs
    requests: RequestSlots

    @property
    def slots(self) -> int:
        return self.live.slots

    def __len__(self) -> int:
        return len(self.live) + len(self.requests)


def _after_a_job(requests: RequestSlots, wake: WakeupSubscriber) -> None:
    """Called when a live job has ended. Otherwise a new job wakes the worker itself."""
    if requests.may_want_slot_of_job:
        wake.notify_local()


def _make_room(requests: RequestSlots, background: RunningBackground) -> None:
    """Called when a live job starts."""
    requests.make_room()
    background.make_room()


def _lane(
    connections: WorkerConnections,
    runner: BackgroundRunner,
    running: RunningBackground,
    lifecycle: Lifecycle,
    eyesight: Eyesight,
) -> BackgroundLane:
    """The lane of background jobs, under the name and with the leases of the live ones."""
    live = connections.leases
    return BackgroundLane(
        leases=BackgroundLeases(connections.database, worker=live.worker, lease_s=live.lease_s),
        running=running,
        runner=runner,
        offer=lambda: _offer(lifecycle.status(), eyesight),
    )


def _offer(status: WorkerStatus, eyesight: Eyesight) -> Offer | None:
    """What it can do in the background; None while it takes no jobs."""
    if status.state is not WorkerState.READY:
        return None
    abilities = eyesight.abilities()
    return Offer(
        model=status.model,
        preset=status.preset,
        engine=status.engine,
        adapter=status.adapter,
        adapters=status.adapters,
        renders=status.renders,
        sees=abilities.sees,
        unseen=tuple(abilities.unseen),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Drain:
    """The end of the work: running jobs end in time, or go back to the queue."""

    running: RunningJobs
    writer: ResultWriter
    timeout_s: float

    async def run(self, *, is_stuck: bool) -> None:
        """Release what takes too long; its attempt is forgiven."""
        unfinished = await self.running.stop(0 if is_stuck else self.timeout_s)
        for lease in unfinished:
            # A job that may have stuck the engine must not do so for ever: its attempt counts.
            await self.writer.release(lease, counts=is_stuck)
        log.info("worker_drained", given_back=len(unfinished))
