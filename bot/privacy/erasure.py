"""The erasure of a person: texts, answers, votes and what runs, in Postgres and Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import ReplyHandle
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym
from bot.privacy.redis_copies import forget_copies
from bot.store import blocked_people, erasure
from bot.store.datasets.leaving import leave, leave_files
from bot.store.erasure import ErasedBatch
from bot.store.replays import items as replay_items
from bot.store.search.naming import erase_searches
from runtime.database import sqlstate
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: SQLSTATEs: a deadlock, a serialization failure.
ROLLED_BACK = frozenset({"40P01", "40001"})
REPEAT_AFTER_S = (0.05, 0.2, 0.5, 1.0)

Cancel = Callable[[UUID], Awaitable[bool]]
#: Hears what is erased so far.
Progress = Callable[[Counter[str]], Awaitable[None]]
#: Takes back a message: the messenger, its place and its id.
Withdraw = Callable[[str, ReplyHandle, str], Coroutine[Any, Any, None]]


class Eraser:
    """Erases people, each in a task of its own that outlives its request."""

    def __init__(
        self, *, database: AsyncEngine, redis: Redis, cancel: Cancel, withdraw: Withdraw
    ) -> None:
        """``cancel`` stops a turn that has no result yet; ``withdraw`` must not raise."""
        self._database = database
        self._redis = redis
        self._cancel = cancel
        self._withdraw = withdraw
        self._tasks = TaskSet()
        self._running: dict[Person, asyncio.Task[None]] = {}
        self._wanted: set[Person] = set()

    async def erase(self, person: Person, *, wait_s: float) -> bool:
        """Begin to erase the person; whether it is done within ``wait_s``.

        It goes on after that. Raises database errors that come within the time. Requests that come
        during an erasure share the one after it: a person cannot have many at work.
        """
        self._wanted.add(person)
        task = self._running.get(person)
        if task is None:
            task = self._tasks.start(self._erase_while_wanted(person), name="erase")
            self._running[person] = task
        done, _ = await asyncio.wait([task], timeout=wait_s)
        if not done:
            return False
        task.result()
        return True

    async def erase_all(
        self,
        person: Person,
        *,
        actor: str = "",
        counts: Counter[str] | None = None,
        progress: Progress | None = None,
    ) -> UUID:
        """Erase everything about the person; the receipt's id. Raises database errors.

        A failure leaves a part behind, and the next request erases the rest. ``actor``: who had it
        done; empty: the person. ``counts``: what an attempt before has erased; they grow, and
        ``progress`` hears of it after each batch.
        """
        counts = Counter() if counts is None else counts
        touched: set[int] = set()
        # Counted before they go with their turns.
        counts["items"] += await _repeated(lambda: self._leave_datasets(person))
        more, stopped = True, set[UUID]()
        while more:
            # What the person sends meanwhile is erased too.
            stopped.update(await self._cancel_running(person))
            batch = await _repeated(lambda: self._erase_batch(person, stopped))
            counts.update(turns=batch.turns, conversations=batch.conversations)
            counts["jobs"] += await self._erase_jobs(batch)
            await forget_copies(self._redis, batch.windows, batch.job_ids)
            for handle, message_id in batch.unfinished:
                taken_back = self._withdraw(person.messenger, handle, message_id)
                self._tasks.start(taken_back, name="withdraw")
            touched |= {conversation_id for conversation_id, _ in batch.windows}
            more = batch.more
            if progress:
                await progress(counts)
        await self._erase_quotes(person, touched, counts)
        counts["jobs"] += await _repeated(self._cancel_replayed)
        receipt = await _repeated(lambda: self._finish(person, counts, actor))
        log.info("person_erased", receipt=str(receipt), **counts)
        return receipt

    async def _leave_datasets(self, person: Person) -> int:
        async with self._database.begin() as connection:
            return await leave(connection, person.key)

    async def _cancel_replayed(self) -> int:
        """Remove what replays still ask of the erased turns, and of others that quoted them."""
        async with self._database.begin() as connection:
            return await replay_items.cancel_orphaned(connection)

    async def _finish(self, person: Person, counts: Counter[str], actor: str) -> UUID:
        name = pseudonym(person.messenger, person.tenant, person.sender)
        async with self._database.begin() as connection:
            counts["votes"] = await erasure.erase_mentions(connection, person)
            counts["installations"] = await erasure.erase_installer(connection, person)
            counts["searches"] = await erase_searches(connection, person, name)
            counts["items"] += await leave(connection, person.key)
            counts["exports"] = await leave_files(connection, person.key)
            await blocked_people.forget(connection, person)
            return await erasure.write_receipt(connection, person, counts, actor)

    async def close(self) -> None:
        """Wait for the erasures that have begun."""
        await self._tasks.wait_for_started()

    async def _erase_while_wanted(self, person: Person) -> None:
        try:
            while person in self._wanted:
                self._wanted.discard(person)
                await self.erase_all(person)
        finally:
            self._wanted.discard(person)
            del self._running[person]

    async def _cancel_running(self, person: Person) -> list[UUID]:
        """Stop what has no result; the turns, whose answers may be shown before they are erased."""
        async with self._database.connect() as connection:
            running = await erasure.unsettled_turns(connection, person)
        for turn_id in running:
            await self._cancel(turn_id)
        return running

    async def _erase_batch(self, person: Person, stopped: Collection[UUID]) -> ErasedBatch:
        async with self._database.begin() as connection:
            # First of all, as their steps do: the jobs of the background lane go with the turns.
            await replay_items.hold_person(connection, person)
            batch = await erasure.erase_turns(connection, person, stopped)
            ids = [conversation_id for conversation_id, _ in batch.windows]
            erased = await erasure.erase_conversations(connection, ids)
        return replace(batch, conversations=erased)

    async def _erase_jobs(self, batch: ErasedBatch) -> int:
        async with self._database.begin() as connection:
            return await erasure.erase_jobs(connection, batch.job_ids)

    async def _erase_quotes(
        self, person: Person, conversations: set[int], counts: Counter[str]
    ) -> None:
        for conversation_id in conversations:
            # One conversation a transaction: settlements lock several, in another order.
            counts["quotes"] += await _repeated(
                partial(self._erase_quotes_in, person, conversation_id)
            )

    async def _erase_quotes_in(self, person: Person, conversation_id: int) -> int:
        async with self._database.begin() as connection:
            await replay_items.reask(connection, conversation_id)
            return await erasure.erase_quotes(connection, person, conversation_id)


async def _repeated(work: Callable[[], Awaitable[T]]) -> T:
    """Do a transaction again that Postgres has rolled back, since two waited for each other."""
    for pause_s in REPEAT_AFTER_S:
        try:
            return await work()
        except DBAPIError as error:
            if sqlstate(error) not in ROLLED_BACK:
                raise
            log.info("erase_repeated", sqlstate=sqlstate(error))
        await asyncio.sleep(pause_s)
    return await work()
