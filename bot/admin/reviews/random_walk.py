"""A random sample of a long log, at a cost that depends on the sample and not on the log.

Ids of turns are drawn at random, so the turns in the order of their ids are a random order: those
behind a random place are a sample in which each turn has the same chance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import blake2b
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.reviews.choosing import Choice
from bot.domain.reviews import MAX_ITEMS, Sampling
from bot.store.reviews import candidates

#: Turns that are looked at at most: where few of them meet the query, the walk by time is as short.
MAX_LOOKED_AT = 20 * candidates.BLOCK
_FIRST = UUID(int=0)


async def is_long(connection: AsyncConnection, choice: Choice) -> bool:
    """Whether the walk by ids is the shorter one: of a random sample out of many turns."""
    if choice.queue.sampling is not Sampling.RANDOM:
        return False
    return await candidates.is_larger(connection, choice.since, choice.until, than=MAX_LOOKED_AT)


async def walk(connection: AsyncConnection, choice: Choice) -> list[UUID] | None:
    """The sample, in the order of its review; None: too few of those looked at meet the query.

    The same seed begins at the same place.
    """
    size = min(choice.queue.sample_size or MAX_ITEMS, MAX_ITEMS)
    sample: list[UUID] = []
    looked_at = 0
    async for ids in _blocks(connection, place_of(choice.queue.seed), choice.block_size):
        found = await candidates.found_among(connection, choice.selection, ids)
        within = [turn for turn in found if choice.since <= turn.received_at < choice.until]
        meeting = {turn.turn_id for turn in await choice.visible(within)}
        sample += [turn_id for turn_id in ids if turn_id in meeting]
        looked_at += len(ids)
        if len(sample) >= size:
            return sample[:size]
        if looked_at >= MAX_LOOKED_AT:
            return None
    return sample


def place_of(seed: int) -> UUID:
    """Where a sample with this seed begins."""
    return UUID(bytes=blake2b(seed.to_bytes(8, signed=True), digest_size=16).digest())


async def _blocks(connection: AsyncConnection, start: UUID, size: int) -> AsyncIterator[list[UUID]]:
    """All ids once, from behind ``start`` to the last one, and from the first one to there."""
    after = start
    while ids := await candidates.next_ids(connection, after, size):
        yield ids
        after = ids[-1]
    after = _FIRST
    while ids := await candidates.next_ids(connection, after, size):
        yield [one for one in ids if one <= start]
        if ids[-1] > start:
            return
        after = ids[-1]
