"""Claims background jobs, whatever single rows Postgres refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from inference_queue.background.leases import BackgroundLease, BackgroundLeases, Offer
from inference_queue.protocol import Failure
from inference_worker.isolated_claims import IsolatedClaims


class BackgroundClaimer:
    """Leases of what a worker can do; a row that is refused three times is ended."""

    def __init__(self, leases: BackgroundLeases) -> None:
        self._leases = leases
        self._claims = IsolatedClaims(prefix="background_")

    async def claim(self, slots: int, offer: Offer) -> list[BackgroundLease]:
        """Up to ``slots`` leases. Raises what the database raises where it is gone."""
        return await self._claims.take(slots, _Claim(self._leases, offer))


@dataclass(frozen=True, slots=True)
class _Claim:
    leases: BackgroundLeases
    offer: Offer

    async def several(self, slots: int, excluded: Sequence[UUID]) -> list[BackgroundLease]:
        return await self.leases.claim(slots, self.offer, excluded=excluded)

    async def next_jobs(self, slots: int, excluded: Sequence[UUID]) -> list[UUID]:
        return await self.leases.next_jobs(slots, self.offer, excluded=excluded)

    async def one(self, job_id: UUID) -> list[BackgroundLease]:
        return await self.leases.claim(1, self.offer, only=job_id)

    async def reject(self, job_id: UUID, failure: Failure) -> bool:
        return await self.leases.reject(job_id, failure)
