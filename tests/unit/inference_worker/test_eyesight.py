"""Which worker takes jobs with pictures, and when one that sees nothing declines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from redis.exceptions import RedisError

from inference_queue.worker_registry import WorkerState, WorkerStatus
from inference_worker.eyesight import GRACE_S, Eyesight

BLIND = WorkerStatus(id="blind", state=WorkerState.READY)
SEEING = WorkerStatus(id="seeing", state=WorkerState.READY, vision=True)
LOADING = WorkerStatus(id="seeing", state=WorkerState.LOADING)


class Room:
    """Some workers, and a clock."""

    def __init__(self, own: WorkerStatus, *others: WorkerStatus) -> None:
        self.now = 0.0
        self.others: Sequence[WorkerStatus] | Exception = others
        self.own = own
        self.eyesight = Eyesight(lambda: self.own, self.peers, clock=lambda: self.now)

    async def peers(self) -> Sequence[WorkerStatus]:
        if isinstance(self.others, Exception):
            raise self.others
        return [self.own, *self.others]

    async def after(self, seconds: float) -> bool:
        """Whether it takes pictures, having looked then."""
        self.now += seconds
        await self.eyesight.look()
        return self.eyesight.abilities().sees


async def test_a_worker_that_sees_takes_pictures_at_once() -> None:
    assert Room(SEEING).eyesight.abilities().sees


@pytest.mark.parametrize("other", [SEEING, LOADING], ids=["ready", "loading its model"])
async def test_a_text_worker_leaves_them_to_one_that_sees(other: WorkerStatus) -> None:
    room = Room(BLIND, other)
    assert not room.eyesight.abilities().sees
    assert not await room.after(10 * GRACE_S)


async def test_where_nobody_sees_any_more_it_takes_them_to_decline() -> None:
    room = Room(BLIND, SEEING)
    assert not await room.after(5)
    room.others = (BLIND,)
    assert not await room.after(GRACE_S - 1)
    assert await room.after(1)
    room.others = (SEEING,)
    assert not await room.after(1)


async def test_without_redis_it_believes_what_it_knew() -> None:
    room = Room(BLIND, SEEING)
    assert not await room.after(1)
    room.others = RedisError("gone")
    assert not await room.after(10 * GRACE_S)


async def test_pictures_for_an_adapter_wait_only_while_somebody_sees_with_it() -> None:
    """One that sees and lacks the adapter would never claim them."""
    own = replace(BLIND, by_adapters=True, adapters=("support", "sales"))
    room = Room(own, replace(SEEING, by_adapters=True, adapters=("sales",)))
    assert not await room.after(1)
    assert room.eyesight.abilities().unseen == []
    assert not await room.after(GRACE_S)
    assert room.eyesight.abilities().unseen == ["support"]
    room.others = (LOADING,)
    await room.after(1)
    assert room.eyesight.abilities().unseen == []
    room.own = replace(own, vision=True)
    room.others = ()
    assert await room.after(2 * GRACE_S)
    assert room.eyesight.abilities().unseen == [], "it claims them all, and answers"
