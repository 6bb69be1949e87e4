"""Judgements of turns for tests, as reviewers and people leave them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.schema import feedback, judged_turns, turns


async def judge(
    database: AsyncEngine,
    turn_id: UUID,
    verdict: str | None = "good",
    *,
    correction: str | None = None,
) -> None:
    """What counts of a turn's reviews."""
    row = {
        "turn_id": turn_id,
        "received_at": select(turns.c.received_at).where(turns.c.id == turn_id).scalar_subquery(),
        "verdict": verdict,
        "correction": correction,
        "reasons": ["wrong"] if verdict == "bad" else [],
        "reviews": 1,
    }
    async with database.begin() as connection:
        await connection.execute(insert(judged_turns).values(row))


async def vote(database: AsyncEngine, turn_id: UUID, vote: str, *, voter: str = "person-1") -> None:
    """A person's vote."""
    row = {"turn_id": turn_id, "voter": voter, "vote": vote}
    async with database.begin() as connection:
        await connection.execute(insert(feedback).values(row))
