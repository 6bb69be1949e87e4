"""Renews the leases of the running jobs, and stops those that were cancelled or lost."""

from __future__ import annotations

from collections.abc import Sequence

from inference_queue.leases import LeaseClient
from inference_worker.faults import report_fault, report_outage
from inference_worker.running_jobs import RunningJob, RunningJobs
from runtime.database import DATABASE_ERRORS
from runtime.isolation import run_isolated
from runtime.pubsub import WakeupSubscriber

#: Also the longest time until a cancellation is heard of without Redis.
RENEW_EVERY_S = 0.8


class LeaseKeeper:
    """Renews at a fixed interval, and at once when a job somewhere is cancelled."""

    def __init__(
        self, *, leases: LeaseClient, running: RunningJobs, cancellations: WakeupSubscriber
    ) -> None:
        self._leases = leases
        self._running = running
        self._cancellations = cancellations

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self._cancellations.wait(min(RENEW_EVERY_S, self._leases.lease_s / 3))
            await self.renew()

    async def renew(self) -> None:
        """Renew each lease; one row that Postgres refuses or that is locked keeps none other.

        During an outage nothing is lost yet: a holder may still renew after the restart.
        """
        try:
            await run_isolated(
                self._running.current(),
                self._renew,
                on_fault=_report,
                # The batch and then the locked row alone may take it: both within the lease.
                timeout_s=self._leases.lease_s / 4,
            )
        except DATABASE_ERRORS as error:
            report_outage("renew", error)

    async def _renew(self, jobs: Sequence[RunningJob]) -> None:
        held = await self._leases.renew([job.lease for job in jobs])
        for job in jobs:
            if held.get(job.id, True):
                self._running.abandon(job, cancelled=job.id in held)


async def _report(job: RunningJob, error: Exception) -> None:
    report_fault("renew", error, job.id)
