"""Judgements of turns that several reviewers have judged: what agreement is computed of."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import Verdict

#: Read at once: the newest turns'.
MAX_RATINGS = 40_000

_RATINGS = text(
    f"""
    SELECT judged_turns.turn_id, dashboard_users.name AS reviewer, reviews.verdict, reviews.reasons
    FROM judged_turns
    JOIN reviews ON reviews.turn_id = judged_turns.turn_id AND NOT reviews.declined
    JOIN dashboard_users ON dashboard_users.id = reviews.reviewer_id
    WHERE judged_turns.reviews > 1 AND (CAST(:queue_id AS bigint) IS NULL OR EXISTS (
        SELECT FROM review_items
        WHERE queue_id = :queue_id AND turn_id = judged_turns.turn_id
    ))
    ORDER BY judged_turns.received_at DESC, judged_turns.turn_id, dashboard_users.name
    LIMIT {MAX_RATINGS}
    """
).bindparams(bindparam("queue_id", type_=BigInteger))


@dataclass(frozen=True, slots=True)
class Rating:
    """What one reviewer said of one turn."""

    turn_id: UUID
    reviewer: str
    verdict: Verdict
    reasons: frozenset[str]


async def read_ratings(connection: AsyncConnection, queue_id: int | None) -> list[Rating]:
    """The ratings of a queue's turns, or of all, those of one turn in a row; newest turns first."""
    rows = await connection.execute(_RATINGS, {"queue_id": queue_id})
    return [
        Rating(row.turn_id, row.reviewer, Verdict(row.verdict), frozenset(row.reasons))
        for row in rows
    ]
