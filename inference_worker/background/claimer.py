"""Claims background jobs, whatever single rows Postgres refuses."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from inference_queue.background.leases import BackgroundLease, BackgroundLeases, Offer
from inference_queue.protocol import Failure, FailureReason
from inference_queue.reaper import MAX_ATTEMPTS
from inference_worker.faults import report_fault
from runtime.database import DATABASE_ERRORS, sqlstate
from runtime.isolation import is_outage, run_isolated
from runtime.quarantine import Quarantine

STATEMENT_TIMEOUT_S = 5.0
#: Pause before a job that could not be claimed is tried again: 1, 2, 4, ... 60 seconds.
QUARANTINE_BASE_S = 1.0
QUARANTINE_MAX_S = 60.0


class BackgroundClaimer:
    """Leases of what a worker can do; a row that is refused three times is ended."""

    def __init__(self, leases: BackgroundLeases) -> None:
        self._leases = leases
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def claim(self, slots: int, offer: Offer) -> list[BackgroundLease]:
        """Up to ``slots`` leases. Raises what the database raises where it is gone."""
        due = self._quarantine.due_row()
        claimed = [] if due is None else await self._claim_each([due], offer)
        if len(claimed) == slots:
            return claimed
        try:
            return claimed + await self._claim_batch(slots - len(claimed), offer)
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be done
                raise
            return claimed

    async def _claim_batch(self, slots: int, offer: Offer) -> list[BackgroundLease]:
        excluded = self._quarantine.rows
        try:
            return await self._leases.claim(slots, offer, excluded=excluded)
        except DATABASE_ERRORS as error:
            if is_outage(error):
                raise
        ids = await self._leases.next_jobs(slots, offer, excluded=excluded)
        return await self._claim_each(ids, offer)

    async def _claim_each(self, ids: Sequence[UUID], offer: Offer) -> list[BackgroundLease]:
        claimed: list[BackgroundLease] = []

        async def claim(some: Sequence[UUID]) -> None:
            for job_id in some:
                claimed.extend(await self._leases.claim(1, offer, only=job_id))
                self._quarantine.discard(job_id)

        try:
            await run_isolated(ids, claim, on_fault=self._set_aside, timeout_s=STATEMENT_TIMEOUT_S)
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be done
                raise
        return claimed

    async def _set_aside(self, job_id: UUID, error: Exception) -> None:
        report_fault("background_claim", error, job_id)
        faults = self._quarantine.add(job_id)
        if faults >= MAX_ATTEMPTS and not isinstance(error, TimeoutError):
            await self._reject(job_id, error)

    async def _reject(self, job_id: UUID, cause: Exception) -> None:
        message = f"the database refused to lease the job ({sqlstate(cause) or 'no SQLSTATE'})"
        try:
            failure = Failure(reason=FailureReason.ENGINE_ERROR, message=message)
            await self._leases.reject(job_id, failure)
        except DATABASE_ERRORS as error:
            report_fault("background_reject", error, job_id)
