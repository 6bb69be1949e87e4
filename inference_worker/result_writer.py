"""Stores the outcome of a job under its lease, or releases the job for another attempt."""

from __future__ import annotations

import asyncio
import time

import structlog

from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Completion, Failure, FailureReason
from inference_queue.reaper import MAX_ATTEMPTS
from inference_worker.errors import ENGINE_FAULTS
from inference_worker.faults import report_fault, report_outage
from inference_worker.metrics import record_outcome
from runtime.backoff import exponential_backoff_s
from runtime.database import DATABASE_ERRORS, is_gone, sqlstate
from runtime.fault_kind import FaultKind, fault_kind

log = structlog.get_logger(__name__)

RETRY_S = 0.5
#: Delay before a job is tried again: 1, 2, 4, 8, 8, ... seconds.
BACKOFF_BASE_S = 1.0
BACKOFF_MAX_S = 8.0
#: With less time to its deadline a job is not tried again.
MIN_REMAINING_S = 1.0


class ResultWriter:
    """Writes results; waits out outages, and never leaves a job without an outcome for a fault.

    ``patience_s``: how long a job is retried for an engine that cannot be reached.
    """

    def __init__(self, leases: LeaseClient, *, patience_s: float) -> None:
        self._leases = leases
        self._patience_s = patience_s

    async def store(self, lease: Lease, result: Completion | Failure) -> None:
        """Finish the job, or release it for another attempt; keeps trying during an outage.

        A result that Postgres refuses is replaced by a failure, which ends the job.
        """
        fault = await self._write(lease, result)
        if fault is None:
            return
        message = f"the database refused the result ({sqlstate(fault) or 'no SQLSTATE'})"
        refused = Failure(reason=FailureReason.ENGINE_ERROR, message=message)
        if await self._write(lease, refused) is not None:
            log.error("result_lost", job_id=str(lease.job.id))

    async def release(self, lease: Lease, *, counts: bool) -> None:
        """Put a job back that this worker cannot end. What fails is left to the reaper."""
        try:
            await self._leases.release(lease, counts=counts)
        except DATABASE_ERRORS as error:
            if is_gone(error):
                report_outage("release", error)
            else:
                report_fault("release", error, lease.job.id)

    async def _write(self, lease: Lease, result: Completion | Failure) -> BaseException | None:
        """None once it is written, or the lease lost; the fault where Postgres refuses it."""
        retry = isinstance(result, Failure) and self._may_retry(lease, result)
        faults = 0
        while True:
            try:
                held = await self._write_once(lease, result, retry=retry)
            except DATABASE_ERRORS as error:
                if is_gone(error):
                    report_outage("release" if retry else "finish", error)
                else:
                    report_fault("release" if retry else "finish", error, lease.job.id)
                    faults += 1
                    if faults == MAX_ATTEMPTS or fault_kind(error) is not FaultKind.TRANSIENT:
                        return error
                await asyncio.sleep(RETRY_S)
                continue
            _record(result, held=held)
            return None

    async def _write_once(self, lease: Lease, result: Completion | Failure, *, retry: bool) -> bool:
        if not (retry and isinstance(result, Failure)):
            return await self._leases.finish(lease, result)
        delay_s = exponential_backoff_s(lease.attempt, base_s=BACKOFF_BASE_S, max_s=BACKOFF_MAX_S)
        counts = result.reason not in ENGINE_FAULTS
        return await self._leases.release(lease, delay_s=delay_s, counts=counts)

    def _may_retry(self, lease: Lease, failure: Failure) -> bool:
        if lease.job.remaining_s() < MIN_REMAINING_S:
            return False
        if failure.reason in ENGINE_FAULTS:  # never the job's fault: an operator may mend it
            return time.time() - lease.created_at.timestamp() < self._patience_s
        return failure.retryable and lease.attempt < MAX_ATTEMPTS


def _record(result: Completion | Failure, *, held: bool) -> None:
    record_outcome(result)
    outcome = result.reason if isinstance(result, Failure) else result.finish_reason
    log.info("job_finished" if held else "lease_lost", outcome=outcome.value)
