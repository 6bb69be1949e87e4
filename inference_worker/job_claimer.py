"""Claims jobs as long as there are free slots, whatever single rows Postgres refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Failure, FailureReason
from inference_queue.reaper import MAX_ATTEMPTS
from inference_worker.eyesight import Eyesight
from inference_worker.faults import report_fault, report_outage
from inference_worker.job_runner import JobRunner
from inference_worker.lifecycle import StopSignal
from inference_worker.running_jobs import RunningJobs
from inference_worker.throughput import ThroughputEstimator
from runtime.database import DATABASE_ERRORS, sqlstate
from runtime.isolation import is_outage, run_isolated
from runtime.quarantine import Quarantine

CLAIM_POLL_S = 0.5
STATEMENT_TIMEOUT_S = 5.0
#: Pause before a job that could not be claimed is tried again: 1, 2, 4, ... 60 seconds.
QUARANTINE_BASE_S = 1.0
QUARANTINE_MAX_S = 60.0


class JobClaimer:
    """Fills the free slots until the worker is stopped."""

    def __init__(
        self,
        *,
        leases: LeaseClient,
        running: RunningJobs,
        runner: JobRunner,
        throughput: ThroughputEstimator,
        eyesight: Eyesight,
        stop: StopSignal,
        on_empty: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_empty`` is called whenever a claim found fewer jobs than there are free slots."""
        self._leases = leases
        self._running = running
        self._runner = runner
        self._throughput = throughput
        self._eyesight = eyesight
        self._stop = stop
        self._on_empty = on_empty
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def run(self) -> None:
        """Claim and start jobs until the stop signal."""
        while not self._stop.is_set():
            free = self._running.free_slots
            if free > 0 and await self._fill(free) == free:
                continue
            if free > 0:
                self._on_empty()
            await self._stop.wait_for_work(CLAIM_POLL_S)

    async def _fill(self, free: int) -> int:
        try:
            claimed = await self._claim(free)
        except DATABASE_ERRORS as error:
            report_outage("claim", error)
            await asyncio.sleep(CLAIM_POLL_S)
            return 0
        for lease in claimed:
            self._running.start(lease, self._runner.answer)
        return len(claimed)

    async def _claim(self, slots: int) -> list[Lease]:
        """Up to ``slots`` leases. Raises what the database raises where it is gone."""
        due = self._quarantine.due_row()
        claimed = [] if due is None else await self._claim_each([due])
        if len(claimed) == slots:
            return claimed
        try:
            return claimed + await self._claim_batch(slots - len(claimed))
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be answered
                raise
            return claimed

    async def _claim_batch(self, slots: int) -> list[Lease]:
        typical_s, excluded = self._throughput.answer_s, self._quarantine.rows
        sees = self._eyesight.takes_pictures
        try:
            return await self._leases.claim(
                slots, typical_s=typical_s, excluded=excluded, sees=sees, on_fault=report_fault
            )
        except DATABASE_ERRORS as error:
            if is_outage(error):
                raise
        ids = await self._leases.next_jobs(slots, typical_s=typical_s, excluded=excluded, sees=sees)
        return await self._claim_each(ids)

    async def _claim_each(self, ids: Sequence[UUID]) -> list[Lease]:
        claimed: list[Lease] = []

        async def claim(some: Sequence[UUID]) -> None:
            for job_id in some:
                sees = self._eyesight.takes_pictures
                claimed.extend(
                    await self._leases.claim_one(job_id, sees=sees, on_fault=report_fault)
                )
                self._quarantine.discard(job_id)

        try:
            await run_isolated(ids, claim, on_fault=self._set_aside, timeout_s=STATEMENT_TIMEOUT_S)
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be answered
                raise
        return claimed

    async def _set_aside(self, job_id: UUID, error: Exception) -> None:
        report_fault("claim", error, job_id)
        faults = self._quarantine.add(job_id)
        if faults >= MAX_ATTEMPTS and not isinstance(error, TimeoutError):
            await self._reject(job_id, error)

    async def _reject(self, job_id: UUID, cause: Exception) -> None:
        message = f"the database refused to lease the job ({sqlstate(cause) or 'no SQLSTATE'})"
        try:
            failure = Failure(reason=FailureReason.ENGINE_ERROR, message=message)
            await self._leases.reject(job_id, failure)
        except DATABASE_ERRORS as error:
            report_fault("reject", error, job_id)
