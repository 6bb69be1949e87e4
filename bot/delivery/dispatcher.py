"""Settled turns to their messenger: exactly once, as far as HTTP allows.

A claim in Postgres precedes every call. Most are made with the settlement; the dispatcher decides
when to scan for other due deliveries, and how many are on the wire at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import structlog

from bot.delivery.claimer import DeliveryClaimer
from bot.delivery.sender import DeliverySender
from bot.delivery.wire import Wire
from bot.observability.database_errors import report_database_error
from bot.store.delivery_claims import ClaimRequest, DeliveryClaim
from runtime.activity import Activity
from runtime.database import DATABASE_ERRORS
from runtime.tasks import TaskSet
from runtime.timeouts import run_with_timeout, wait_at_most

T = TypeVar("T")
log = structlog.get_logger(__name__)

POLL_S = 0.3
MIN_POLL_S = 0.01
#: The maximum share of time spent on scans, which are slow with many pending deliveries. The pause
#: is bounded by MAX_POLL_S: a callback's end must not be missed because one scan was slow.
SCAN_DUTY_CYCLE = 0.1
MAX_POLL_S = 1.0
#: The time-out at shutdown for the calls on the wire and the records of their outcomes.
CLOSE_S = 12.0


class DeliveryDispatcher:
    """Claims due deliveries, as far as there is room on the wire, and starts their sending."""

    def __init__(
        self,
        *,
        claimer: DeliveryClaimer,
        sender: DeliverySender,
        in_flight: TaskSet,
        activity: Activity | None = None,
    ) -> None:
        """``activity``: of this bot; None: it is never idle."""
        self._activity = activity or Activity.never_idle()
        self._claimer = claimer
        self._sender = sender
        self._in_flight = in_flight
        self._named: dict[UUID, bool] = {}  # turns settled here; True: their second try
        self._blocked: list[UUID] = []
        self._wanted = asyncio.Event()
        self._next_scan_at = 0.0
        self._wire = Wire()

    async def keep_delivering(self) -> None:
        """Deliver due deliveries, until cancelled."""
        while True:
            # Shielded: a claim cut off by the process's end would never be sent.
            more = await asyncio.shield(self._in_flight.start(self._deliver_or_report()))
            if not more:
                await self._until_wanted()

    async def _deliver_or_report(self) -> bool:
        try:
            return await self.deliver_due()
        except DATABASE_ERRORS as error:
            report_database_error("claim_due", error)
            return False

    async def _until_wanted(self) -> None:
        left_s = max(self._next_scan_at - time.monotonic(), MIN_POLL_S)
        await wait_at_most(left_s, self._wanted)

    async def deliver_due(self) -> bool:
        """Start sending due deliveries, as far as there is room; whether more may be due now."""
        room = self._wire.room
        if room <= 0:
            return False
        if (began := time.monotonic()) < self._next_scan_at:
            return await self._deliver_named(room)
        self._next_scan_at = began + self._activity.poll_s(POLL_S, at_most_s=MAX_POLL_S)
        begun = await self._deliver_some(room)
        took_s = time.monotonic() - began
        pause_s = min(took_s / SCAN_DUTY_CYCLE, MAX_POLL_S)
        self._next_scan_at = max(self._next_scan_at, began + pause_s)
        return bool(self._named) or len(begun) >= room

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end, cancelled or not: what it claims would never be sent else."""
        return await self._in_flight.finish(work)

    @contextlib.contextmanager
    def claiming(self, most: int) -> Iterator[ClaimRequest]:
        """What a settlement in the context may claim of its deliveries, to ``send`` it there."""
        try:
            with self._wire.reserving(most) as room, self._claimer.naming() as name:
                yield ClaimRequest(
                    name=name, limit=room, without=self._wire.full, marking=self._claimer.marking
                )
        finally:
            if self._named:  # they may have found no room meanwhile
                self._wanted.set()

    def send(self, claims: Sequence[DeliveryClaim]) -> None:
        """Start sending claimed deliveries."""
        if claims:
            self._activity.note()
        for claim in claims:
            self._wire.add(claim)
            self._in_flight.start(self._deliver(claim))

    def deliver_soon(self, turn_ids: Iterable[UUID]) -> None:
        """Deliver these settled turns without waiting for the next scan."""
        waiting = [turn_id for turn_id in turn_ids if turn_id not in self._wire]
        if waiting:
            self._named |= dict.fromkeys(waiting, False)
            self._activity.note()
            self._wanted.set()

    async def close(self) -> None:
        """Wait for the calls on the wire and the records of their outcomes."""
        with contextlib.suppress(TimeoutError):
            await run_with_timeout(CLOSE_S, self._in_flight.wait())

    async def _deliver_named(self, room: int) -> bool:
        named = {turn_id: self._named.pop(turn_id) for turn_id in list(self._named)[:room]}
        begun = await self._deliver_some(room, list(named)) if named else set()
        if self._wire.is_busy:
            # One more try: an earlier answer of the same conversation may have blocked these, or
            # their messenger's share was full.
            self._blocked += [one for one, again in named.items() if not again and one not in begun]
        return bool(self._named)

    async def _deliver_some(self, room: int, turn_ids: list[UUID] | None = None) -> set[UUID]:
        """Claim due deliveries (of ``turn_ids``, if given) and start sending; the claimed turns."""
        wanted = room if turn_ids is None else min(room, len(turn_ids))
        with self._wire.reserving(wanted) as most:
            claims = await self._claimer.claim(most, turn_ids, without=self._wire.full)
            self.send(claims)
        return {claim.turn_id for claim in claims}

    async def _deliver(self, claim: DeliveryClaim) -> None:
        try:
            await self._sender.send(claim)
        except Exception:
            # The outcome is unknown: the claim is recovered as that of a dead process.
            log.exception("delivery_broke", turn_id=str(claim.turn_id))
        finally:
            self._wire.remove(claim)
            # There is room again, and the conversation's next answer is free to go.
            self._named |= dict.fromkeys(self._blocked, True)
            self._blocked.clear()
            self._wanted.set()
