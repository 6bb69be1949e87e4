"""Claims of several jobs at once, whatever single rows Postgres refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

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

L_co = TypeVar("L_co", covariant=True)


class Claim(Protocol[L_co]):
    """The statements of one queue, for what a worker can do now."""

    async def several(self, slots: int, excluded: Sequence[UUID]) -> Sequence[L_co]:
        """Lease up to ``slots`` jobs in the queue's order."""

    async def next_jobs(self, slots: int, excluded: Sequence[UUID]) -> Sequence[UUID]:
        """The jobs that ``several`` would lease. Read-only."""

    async def one(self, job_id: UUID) -> Sequence[L_co]:
        """Lease this job if it can be leased: one lease or none."""

    async def reject(self, job_id: UUID, failure: Failure) -> bool:
        """End a job that cannot be leased."""


class IsolatedClaims:
    """Remembers the rows that were refused; one that is refused three times is ended."""

    def __init__(self, *, prefix: str = "") -> None:
        """``prefix``: of the statements' names in reports."""
        self._prefix = prefix
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def take(self, slots: int, claim: Claim[L_co]) -> list[L_co]:
        """Up to ``slots`` leases. Raises what the database raises where it is gone."""
        due = self._quarantine.due_row()
        claimed = [] if due is None else await self._each([due], claim)
        if len(claimed) == slots:
            return claimed
        try:
            return [*claimed, *await self._several(slots - len(claimed), claim)]
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be done
                raise
            return claimed

    async def _several(self, slots: int, claim: Claim[L_co]) -> Sequence[L_co]:
        excluded = self._quarantine.rows
        try:
            return await claim.several(slots, excluded)
        except DATABASE_ERRORS as error:
            if is_outage(error):
                raise
        return await self._each(await claim.next_jobs(slots, excluded), claim)

    async def _each(self, ids: Sequence[UUID], claim: Claim[L_co]) -> list[L_co]:
        claimed: list[L_co] = []

        async def take(some: Sequence[UUID]) -> None:
            for job_id in some:
                claimed.extend(await claim.one(job_id))
                self._quarantine.discard(job_id)

        async def set_aside(job_id: UUID, error: Exception) -> None:
            report_fault(f"{self._prefix}claim", error, job_id)
            faults = self._quarantine.add(job_id)
            if faults >= MAX_ATTEMPTS and not isinstance(error, TimeoutError):
                await self._reject(job_id, error, claim)

        try:
            await run_isolated(ids, take, on_fault=set_aside, timeout_s=STATEMENT_TIMEOUT_S)
        except DATABASE_ERRORS:
            if not claimed:  # else what was claimed must be done
                raise
        return claimed

    async def _reject(self, job_id: UUID, cause: Exception, claim: Claim[L_co]) -> None:
        message = f"the database refused to lease the job ({sqlstate(cause) or 'no SQLSTATE'})"
        try:
            failure = Failure(reason=FailureReason.ENGINE_ERROR, message=message)
            await claim.reject(job_id, failure)
        except DATABASE_ERRORS as error:
            report_fault(f"{self._prefix}reject", error, job_id)
