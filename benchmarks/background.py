"""What live traffic notices of background jobs: its p95 with and without them, interleaved.

Each block sends the same questions at the same pace, and each question takes the engine the same
time in every block. With background jobs the lane is never empty. A live answer is timed from the
webhook's receipt to its POST; its wait, which is a small part of that, until the engine has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure, median, percentile, say
from benchmarks.interleaved import geometric_mean, upper_bound
from benchmarks.load import Load
from benchmarks.overhead import until_posted
from benchmarks.raw_http import QUESTION
from benchmarks.stack import Served, fire, running_bot, running_stores, running_worker, until_ready
from benchmarks.stand_ins import StandIns, running_stand_ins
from inference_queue.background import client
from inference_queue.background.protocol import Target
from inference_queue.protocol import Job, Message, Role
from runtime.database import connect_database
from runtime.tasks import cancel_and_wait

GOAL = "without background jobs; goal: the 95 % bound below 1.25"
SLOTS = 4
#: Of one answer, on the average: half a second to one and a half times as much.
ANSWER_S = 0.6
#: Background jobs in the lane; their numbers are above those of all live questions.
WAITING, FIRST_NUMBER = 50, 1_000_000

_RECEIVED = text(
    "SELECT text, extract(epoch FROM received_at) FROM turns WHERE sender LIKE :people"
).bindparams(bindparam("people"))


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work: two blocks a pair."""

    pairs: int = 20
    rate: float = 4.0
    seconds: float = 10.0


async def bench(size: Size) -> list[Figure]:
    """The live p95 of each block, and how many background jobs were done beside it."""
    async with (
        running_stand_ins(ANSWER_S) as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin) as bot,
        running_worker(stores, stand_ins.origin, slots=SLOTS),
    ):
        await until_ready(bot)
        database = connect_database(stores.postgres.url, pool_size=4)
        blocks = _Blocks(size, bot, stand_ins, database)
        try:
            await blocks.run(0, loaded=False)  # compiles statements, fills pools
            for number in range(1, size.pairs + 1):
                for loaded in (number % 2 == 0, number % 2 == 1):
                    await blocks.run(number, loaded=loaded)
        finally:
            await database.dispose()
    return blocks.figures()


class _Blocks:
    """The blocks on one running stack, and what they measured."""

    def __init__(self, size: Size, bot: Served, stand_ins: StandIns, database: AsyncEngine) -> None:
        self._size = size
        self._bot = bot
        self._stand_ins = stand_ins
        self._database = database
        self._p95: dict[bool, list[float]] = {True: [], False: []}
        self._wait_p95: dict[bool, list[float]] = {True: [], False: []}
        self._done: list[float] = []

    async def run(self, number: int, *, loaded: bool) -> None:
        """One block of a pair; pair 0 only warms up."""
        self._stand_ins.forget()
        kind = "with" if loaded else "without"
        load = Load(
            port=self._bot.port,
            kind="slack",
            run=f"{kind}{number}x",
            origin=self._stand_ins.origin,
            clients=4,
            seconds=self._size.seconds,
            rate=self._size.rate,
        )
        async with self._background() if loaded else contextlib.nullcontext():
            hits = await fire(load)
            await self._until_answered(hits.answered)
        received = await self._received(load.run)
        posts = self._stand_ins.posts
        took = [(posts[n][0] - at) * 1000 for n, at in received.items() if n in posts]
        if number == 0:
            return
        starts = self._stand_ins.starts
        waited = [(starts[n] - at) * 1000 for n, at in received.items() if n in starts]
        self._p95[loaded].append(percentile(took, 95))
        self._wait_p95[loaded].append(percentile(waited, 95))
        done = sum(n >= FIRST_NUMBER for n in self._stand_ins.ends)
        if loaded:
            self._done.append(done / self._size.seconds)
        say(
            f"pair {number} {kind}: p95 {percentile(took, 95):.0f} ms, "
            f"of the wait {percentile(waited, 95):.0f} ms, {done} background jobs"
        )

    def figures(self) -> list[Figure]:
        """The ratio with its bound, and both medians."""
        having, lacking = self._p95[True], self._p95[False]
        ratios = [one / other for one, other in zip(having, lacking, strict=True)]
        return [
            Figure("background.live_p95", median(having), "ms", GOAL, geometric_mean(ratios)),
            Figure("background.live_p95.bound", upper_bound(ratios), "times", GOAL),
            Figure("background.live_p95.without", median(lacking), "ms"),
            Figure("background.wait_p95", median(self._wait_p95[True]), "ms"),
            Figure("background.wait_p95.without", median(self._wait_p95[False]), "ms"),
            Figure("background.jobs", median(self._done), "a second", "beside live traffic"),
        ]

    async def _until_answered(self, count: int) -> None:
        # Background jobs have no POST: those that are posted are the live ones.
        await until_posted(self._stand_ins, count)

    async def _received(self, run: str) -> dict[int, float]:
        async with self._database.connect() as connection:
            rows = (await connection.execute(_RECEIVED, {"people": f"U{run}%"})).all()
        return {int(question.rpartition("#")[2]): float(at) for question, at in rows}

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        """Keep the lane full; at the end nothing of it is left."""
        batch_id = uuid4()
        await self._top_up(batch_id, FIRST_NUMBER)
        feeding = asyncio.create_task(self._feed(batch_id))
        try:
            yield
        finally:
            await cancel_and_wait(feeding)
            async with self._database.begin() as connection:
                await client.cancel(connection, batch_id)
            await asyncio.sleep(3.0)  # the worker finds its leases gone

    async def _feed(self, batch_id: UUID) -> None:
        number = FIRST_NUMBER + WAITING
        while True:
            await asyncio.sleep(0.25)
            number += await self._top_up(batch_id, number)

    async def _top_up(self, batch_id: UUID, number: int) -> int:
        async with self._database.begin() as connection:
            await client.take_finished(connection, batch_id, WAITING)
            counts = await client.count(connection, batch_id)
            missing = max(0, WAITING - counts.total)
            jobs = [_question(number + one) for one in range(missing)]
            await client.enqueue(connection, batch_id, jobs, Target())
        return missing


def _question(number: int) -> Job:
    return Job(id=uuid4(), messages=(Message(Role.USER, f"{QUESTION} #{number}"),))
