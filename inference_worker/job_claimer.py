"""Claims jobs as long as there are free slots, whatever single rows Postgres refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from inference_queue.claim_order import Abilities
from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Failure
from inference_worker.faults import report_fault, report_outage
from inference_worker.isolated_claims import IsolatedClaims
from inference_worker.job_runner import JobRunner
from inference_worker.lifecycle import StopSignal
from inference_worker.running_jobs import RunningJobs
from inference_worker.throughput import ThroughputEstimator
from runtime.database import DATABASE_ERRORS

CLAIM_POLL_S = 0.5


class JobClaimer:
    """Fills the free slots until the worker is stopped."""

    def __init__(
        self,
        *,
        leases: LeaseClient,
        running: RunningJobs,
        runner: JobRunner,
        throughput: ThroughputEstimator,
        abilities: Callable[[], Abilities],
        stop: StopSignal,
        on_empty: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_empty`` is called whenever a claim found fewer jobs than there are free slots.

        ``abilities``: which jobs it can take now.
        """
        self._leases = leases
        self._running = running
        self._runner = runner
        self._throughput = throughput
        self._abilities = abilities
        self._stop = stop
        self._on_empty = on_empty
        self._claims = IsolatedClaims()

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
        claim = _Claim(
            leases=self._leases,
            typical_s=self._throughput.answer_s,
            abilities=self._abilities(),
        )
        return await self._claims.take(slots, claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    leases: LeaseClient
    typical_s: float  #: an answer's duration
    abilities: Abilities

    async def several(self, slots: int, excluded: Sequence[UUID]) -> list[Lease]:
        return await self.leases.claim(
            slots,
            typical_s=self.typical_s,
            excluded=excluded,
            abilities=self.abilities,
            on_fault=report_fault,
        )

    async def next_jobs(self, slots: int, excluded: Sequence[UUID]) -> list[UUID]:
        return await self.leases.next_jobs(
            slots,
            typical_s=self.typical_s,
            excluded=excluded,
            abilities=self.abilities,
        )

    async def one(self, job_id: UUID) -> list[Lease]:
        return await self.leases.claim_one(
            job_id,
            abilities=self.abilities,
            on_fault=report_fault,
        )

    async def reject(self, job_id: UUID, failure: Failure) -> bool:
        return await self.leases.reject(job_id, failure)
