"""The background lane of a worker: claims what it has room for, keeps the leases, gives back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from inference_queue.background.leases import BackgroundLease, BackgroundLeases, Offer
from inference_queue.background.protocol import BackgroundResult
from inference_queue.protocol import Failure, FailureReason
from inference_queue.reaper import MAX_ATTEMPTS
from inference_worker.background.claimer import BackgroundClaimer
from inference_worker.background.runner import BackgroundRunner
from inference_worker.background.running import RunningBackground
from inference_worker.errors import ENGINE_FAULTS
from inference_worker.faults import report_fault, report_outage
from inference_worker.metrics import BACKGROUND_JOBS
from runtime.database import DATABASE_ERRORS, is_gone, sqlstate
from runtime.periodic import FailureLog, run_periodically

log = structlog.get_logger(__name__)

#: Between two looks for jobs; the end of one looks at once. While none were found, a look is rarer:
#: a background job may begin within two seconds.
POLL_S = 0.5
IDLE_POLL_S = 1.5
#: Also the longest time until a cancelled job stops.
RENEW_EVERY_S = 2.0
#: Before a job is tried again that an engine or Postgres could not take.
RETRY_S = 5.0
#: No jobs are claimed for so long after answers had to wait for memory.
CROWDED_PAUSE_S = 10.0
CROWDED_POLL_S = 0.1
#: Between two looks at a lane without jobs, which have no memory to give back.
EMPTY_POLL_S = 0.5


class BackgroundLane:
    """Runs background jobs in the slots that live jobs leave.

    ``offer``: what the worker can do now; None: nothing.
    """

    def __init__(
        self,
        *,
        leases: BackgroundLeases,
        running: RunningBackground,
        runner: BackgroundRunner,
        offer: Callable[[], Offer | None],
    ) -> None:
        self._leases = leases
        self._claimer = BackgroundClaimer(leases)
        self._running = running
        self._runner = runner
        self._offer = offer
        self._ended = asyncio.Event()
        self._crowded_until = 0.0
        running.on_end = self._ended.set
        running.give_back = self._release

    async def keep_claiming(self) -> None:
        """Fill the free slots until cancelled."""
        failures = FailureLog("background lane")
        while True:
            found = False
            with failures.guard():
                found = await self._claim()
            is_idle = not found and not len(self._running)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), IDLE_POLL_S if is_idle else POLL_S)
            self._ended.clear()
            self._running.cancel_again()

    async def keep_memory_free(self) -> None:
        """Give all jobs back while answers wait for memory, until cancelled.

        Looked at twice: for one step of the engine a live job waits for the slot that it got.
        """
        was_crowded = False
        while True:
            await asyncio.sleep(CROWDED_POLL_S if len(self._running) else EMPTY_POLL_S)
            is_crowded = len(self._running) > 0 and self._runner.is_crowded
            if is_crowded and was_crowded:
                self._running.stop_some(len(self._running))
                self._crowded_until = time.monotonic() + CROWDED_PAUSE_S
            was_crowded = is_crowded

    async def keep_renewing(self) -> None:
        """Keep the leases until cancelled; stop the jobs whose lease is lost."""
        await run_periodically(self._renew, min(RENEW_EVERY_S, self._leases.lease_s / 3))

    async def close(self, *, counts: bool) -> None:
        """Give back all jobs; ``counts``: one of them may have stuck the engine."""
        for lease in await self._running.stop():
            await self._release(lease, counts=counts)

    async def _claim(self) -> bool:
        """Claim and start what there is room for; whether there was any."""
        free, offer = self._running.free_slots, self._offer()
        if free <= 0 or offer is None or time.monotonic() < self._crowded_until:
            return False
        leases = await self._claimer.claim(free, offer)
        for lease in leases:
            if self._offer() is None:  # the worker has begun to drain
                await self._release(lease)
            else:
                self._running.start(lease, self._do)
        return bool(leases)

    async def _renew(self) -> None:
        runs = self._running.current()
        held = await self._leases.renew([run.lease for run in runs])
        for run in runs:
            if run.lease.id not in held and run in self._running.current():
                log.info("background_lease_lost", job_id=str(run.lease.id))
                self._running.abandon(run)

    async def _do(self, lease: BackgroundLease) -> None:
        result = await self._runner.run(lease.job)
        if isinstance(result, Failure) and _may_retry(lease, result):
            counts = result.reason not in ENGINE_FAULTS
            await self._release(lease, delay_s=RETRY_S, counts=counts)
            return
        kind = result.reason.value if isinstance(result, Failure) else "done"
        BACKGROUND_JOBS.labels(kind).inc()
        await self._store(lease, result)

    async def _store(self, lease: BackgroundLease, result: BackgroundResult) -> None:
        """Finish the job; waits out outages, for as long as the lease is held."""
        while True:
            try:
                await self._leases.finish(lease, result)
            except DATABASE_ERRORS as error:
                if is_gone(error):
                    report_outage("finish", error)
                    await asyncio.sleep(POLL_S)
                    continue
                report_fault("finish", error, lease.id)
                if isinstance(result, Failure):
                    return
                result = _refused(sqlstate(error) or "no SQLSTATE")
                continue
            except ValueError as error:  # a lone surrogate: it is no UTF-8
                log.error("result_not_storable", job_id=str(lease.id), error=type(error).__name__)
                if isinstance(result, Failure):
                    return
                result = _refused("not UTF-8")
                continue
            return

    async def _release(
        self, lease: BackgroundLease, *, delay_s: float = 0.0, counts: bool = False
    ) -> None:
        """Put a job back; what fails is left to the reaper."""
        BACKGROUND_JOBS.labels("given_back").inc()
        try:
            await self._leases.release(lease, delay_s=delay_s, counts=counts)
        except DATABASE_ERRORS as error:
            if is_gone(error):
                report_outage("release", error)
            else:
                report_fault("release", error, lease.id)


def _refused(cause: str) -> Failure:
    message = f"the database refused the result ({cause})"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def _may_retry(lease: BackgroundLease, failure: Failure) -> bool:
    """Whether the job is tried again; for an engine that is gone it waits without an end."""
    if failure.reason in ENGINE_FAULTS:
        return True
    return failure.retryable and lease.attempt < MAX_ATTEMPTS
