"""Judgements of turns that several reviewers have judged: what agreement is computed of.

Turns that were judged alike are counted by Postgres: some hundreds of rows, however many turns.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Integer, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import Verdict

#: Turns of one computation: the newest; as many as a queue takes.
MAX_TURNS = 10_000
#: Kinds of turns; the rarest are left out, in whose number no coefficient shows.
MAX_KINDS = 2_000
#: Between the names, verdicts and reasons of a turn's reviewers; no text of these holds it.
_NEXT = "\x1f"

#: One look at the reviews for each turn, however many there are of other turns.
_RATED = """
    SELECT ratings, count(*) AS turns FROM ({newest}) AS newest CROSS JOIN LATERAL (
        SELECT array_agg(concat_ws(E'\\x1f', reviewer_id, verdict, array_to_string(reasons, ','))
            ORDER BY reviewer_id) AS ratings
        FROM reviews WHERE reviews.turn_id = newest.turn_id AND NOT declined
    ) AS rated
    WHERE array_length(ratings, 1) > 1
    GROUP BY ratings ORDER BY turns DESC LIMIT :kinds
"""
_BOUNDS = tuple(bindparam(name, type_=Integer) for name in ("kinds", "turns"))
_OF_ALL = text(
    _RATED.format(
        newest="""
            SELECT turn_id FROM judged_turns WHERE reviews > 1
            ORDER BY received_at DESC, turn_id DESC LIMIT :turns
        """
    )
).bindparams(*_BOUNDS)
_OF_QUEUE = text(
    _RATED.format(
        newest="""
            SELECT turn_id FROM review_items WHERE queue_id = :queue_id
            ORDER BY id DESC LIMIT :turns
        """
    )
).bindparams(*_BOUNDS, bindparam("queue_id", type_=BigInteger))
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
    """Turns that two reviewers at least judged: of all, the ``MAX_TURNS`` newest.

    Of a queue, those among the ``MAX_TURNS`` turns that it took last.
    """
    bounds = {"kinds": MAX_KINDS, "turns": MAX_TURNS}
    if queue_id is None:
        found = await connection.execute(_OF_ALL, bounds)
    else:
        found = await connection.execute(_OF_QUEUE, bounds | {"queue_id": queue_id})
    rows = found.all()
    kinds = [([rating.split(_NEXT) for rating in row.ratings], row.turns) for row in rows]
    ids = {int(parts[0]) for ratings, _ in kinds for parts in ratings}
    users = await connection.execute(_NAMES, {"ids": sorted(ids)})
    names = {str(row.id): row.name for row in users}
    return [
        RatedTurns(tuple(sorted((_rating(names, *parts) for parts in ratings), key=_name)), turns)
        for ratings, turns in kinds
    ]


def _rating(names: dict[str, str], reviewer: str, verdict: str, reasons: str) -> Rating:
    return Rating(names[reviewer], Verdict(verdict), frozenset(filter(None, reasons.split(","))))


def _name(rating: Rating) -> str:
    return rating.reviewer
