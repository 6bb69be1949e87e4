"""Who knows the outcome of a replay, and therefore votes no more. The commits are the caller's."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import replay_reveals


async def reveal(connection: AsyncConnection, replay_id: int, user: str) -> bool:
    """Note that the user may know the outcome; False: it is noted already."""
    new = insert(replay_reveals).values(replay_id=replay_id, reviewer=user)
    return bool((await connection.execute(new.on_conflict_do_nothing())).rowcount)


async def is_revealed(connection: AsyncConnection, replay_id: int, user: str) -> bool:
    """Whether the user may know the outcome."""
    columns = replay_reveals.c
    wanted = select(columns.reviewer).where(
        columns.replay_id == replay_id, columns.reviewer == user
    )
    return (await connection.execute(wanted)).first() is not None
