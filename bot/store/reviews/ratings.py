"""Judgements of turns that several reviewers have judged: what agreement is computed of.

Turns that were judged alike are counted by Postgres: some hundreds of rows, however many turns.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import Verdict

#: Turns of one computation: the newest; as many as a queue takes.
MAX_TURNS = 10_000
#: Kinds of turns; the rarest are left out, in whose number no coefficient shows.
MAX_KINDS = 2_000
#: Between the names, verdicts and reasons of a turn's reviewers; no text of these holds it.
_NEXT = "\x1f"

_RATED = text(
    f"""
    SELECT ratings, count(*) AS turns FROM (
        SELECT array_agg(concat_ws(E'\\x1f', reviewer_id, reviews.verdict,
            array_to_string(reviews.reasons, ',')) ORDER BY reviewer_id) AS ratings
        FROM (
            SELECT turn_id FROM judged_turns
            WHERE reviews > 1 AND (CAST(:queue_id AS bigint) IS NULL OR EXISTS (
                SELECT FROM review_items
                WHERE queue_id = :queue_id AND turn_id = judged_turns.turn_id
            ))
            ORDER BY received_at DESC, turn_id LIMIT {MAX_TURNS}
        ) AS newest
        JOIN reviews ON reviews.turn_id = newest.turn_id AND NOT reviews.declined
        GROUP BY reviews.turn_id
    ) AS rated GROUP BY ratings ORDER BY turns DESC LIMIT {MAX_KINDS}
    """
).bindparams(bindparam("queue_id", type_=BigInteger))
_NAMES = text("SELECT id, name FROM dashboard_users WHERE id = ANY(:ids)")


@dataclass(frozen=True, slots=True)
class Rating:
    """What one reviewer said of a turn."""

    reviewer: str
    verdict: Verdict
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class RatedTurns:
    """So many turns that the same reviewers judged alike."""

    ratings: tuple[Rating, ...]  #: by the reviewer's name
    turns: int


async def read_rated(connection: AsyncConnection, queue_id: int | None) -> list[RatedTurns]:
    """The ``MAX_TURNS`` newest turns of a queue, or of all, that two reviewers at least judged."""
    rows = (await connection.execute(_RATED, {"queue_id": queue_id})).all()
    kinds = [([rating.split(_NEXT) for rating in row.ratings], row.turns) for row in rows]
    ids = {int(parts[0]) for ratings, _ in kinds for parts in ratings}
    found = await connection.execute(_NAMES, {"ids": sorted(ids)})
    names = {str(row.id): row.name for row in found}
    return [
        RatedTurns(tuple(sorted((_rating(names, *parts) for parts in ratings), key=_name)), turns)
        for ratings, turns in kinds
    ]


def _rating(names: dict[str, str], reviewer: str, verdict: str, reasons: str) -> Rating:
    return Rating(names[reviewer], Verdict(verdict), frozenset(filter(None, reasons.split(","))))


def _name(rating: Rating) -> str:
    return rating.reviewer
