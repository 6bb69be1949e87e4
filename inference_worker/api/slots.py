"""The slots of the endpoint's requests: what live jobs leave, first come, first served.

Requests take at most one slot fewer than the worker has, so that a live job finds one free; with a
single slot one is answered while there is nothing else to do. Live jobs are counted apart: they
start as if there were no endpoint, and the youngest requests then lose their slots.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from inference_worker.computing_time import ComputingTime
from inference_worker.running_jobs import RunningJobs

log = structlog.get_logger(__name__)

T = TypeVar("T")


class RevokedError(Exception):
    """The slot was taken away for a live job."""


class Grant:
    """The right to a slot, until it is given back or revoked."""

    def __init__(self) -> None:
        self.is_revoked = False
        self._timeout: asyncio.Timeout | None = None

    def revoke(self) -> None:
        """End the step that runs now."""
        self.is_revoked = True
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def run(self, step: Callable[[], Awaitable[T]]) -> T:
        """The outcome of a step. Raises RevokedError as soon as the slot is revoked."""
        if self.is_revoked:
            raise RevokedError
        try:
            async with asyncio.timeout(None) as self._timeout:
                return await step()
        except TimeoutError:
            if self.is_revoked:
                raise RevokedError from None
            raise
        finally:
            self._timeout = None


class RequestSlots:
    """Gives out slots; ``on_start`` is called after each.

    ``computing``: the worker's, so that live jobs are not charged with what requests cost.
    """

    def __init__(self, live: RunningJobs, computing: ComputingTime) -> None:
        self.on_start: Callable[[], None] = lambda: None
        self._live = live
        self._computing = computing
        self._grants: list[Grant] = []
        self._waiting: deque[asyncio.Future[Grant]] = deque()
        self._pause: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(not grant.is_revoked for grant in self._grants)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    @property
    def total(self) -> int:
        """How many slots the worker has."""
        return self._live.slots

    @property
    def free(self) -> int:
        """How many more requests may start now."""
        if self._pause is not None:
            return 0
        held = len(self._grants)
        unused = self._live.slots - len(self._live) - held
        return max(0, min(max(1, self._live.slots - 1) - held, unused))

    @property
    def may_want_slot_of_job(self) -> bool:
        """Whether anything may wait for the slot of the live job that has just ended.

        Where a slot was free before, the last claim has found no job that waits.
        """
        return bool(self._waiting) or self._live.free_slots <= 1

    @asynccontextmanager
    async def hold(self, *, again: bool) -> AsyncIterator[Grant]:
        """Wait for a slot and hold it. ``again``: before all others, after it was revoked."""
        grant = await self._acquire(again=again)
        try:
            with self._computing.running():
                yield grant
        finally:
            self._grants.remove(grant)
            self.fill()

    def fill(self) -> None:
        """Give out what is free: called when requests come or end, and when no live jobs wait."""
        while self.free > 0 and self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                grant = Grant()
                self._grants.append(grant)
                future.set_result(grant)
                self.on_start()

    def make_room(self) -> None:
        """Revoke the youngest where live jobs need their slots."""
        excess = len(self._live) + len(self) - self._live.slots
        if excess > 0:
            self._revoke(excess)

    def give_way(self, pause_s: float) -> None:
        """Revoke the youngest, and start none for a while: a live job waits for memory."""
        self._revoke(1)
        if self._pause is not None:
            self._pause.cancel()
        self._pause = asyncio.get_running_loop().call_later(pause_s, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self.fill()

    def _revoke(self, count: int) -> None:
        youngest = [grant for grant in self._grants if not grant.is_revoked][::-1][:count]
        for grant in youngest:
            grant.revoke()
        if youngest:
            log.info("api_slots_revoked", requests=len(youngest))

    async def _acquire(self, *, again: bool) -> Grant:
        future: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if again else self._waiting.append)(future)
        self.fill()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # granted in the same moment
                self._grants.remove(future.result())
            elif future in self._waiting:
                self._waiting.remove(future)
            self.fill()
            raise
