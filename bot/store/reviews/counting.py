"""What counts of a turn's reviews, computed anew whenever one of them is written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.feedback import Reason
from bot.domain.reviews import CountingVerdict, Judgement, Verdict, count_judgements

_TURN = bindparam("turn_id", type_=Uuid)
#: More reviewers than a turn ever has; the newest count.
_MAX_REVIEWS = 100

_REVIEWS = text(
    f"""
    SELECT verdict, reasons, note, correction FROM reviews
    WHERE turn_id = :turn_id AND NOT declined ORDER BY updated_at, id LIMIT {_MAX_REVIEWS}
    """
).bindparams(_TURN)
_DECIDED = text(
    "SELECT verdict, reasons, note, correction FROM review_verdicts WHERE turn_id = :turn_id"
).bindparams(_TURN)
_WRITE = text(
    """
    INSERT INTO judged_turns (turn_id, received_at, verdict, reasons, correction, authoritative,
        disputed, reviews)
    SELECT id, received_at, :verdict, :reasons, :correction, :authoritative, :disputed, :reviews
    FROM turns WHERE id = :turn_id
    ON CONFLICT (turn_id) DO UPDATE SET verdict = excluded.verdict, reasons = excluded.reasons,
        correction = excluded.correction, authoritative = excluded.authoritative,
        disputed = excluded.disputed, reviews = excluded.reviews, updated_at = now()
    """
).bindparams(
    _TURN,
    bindparam("verdict", type_=Text),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("correction", type_=Text),
    bindparam("reviews", type_=Integer),
)
_FORGET = text("DELETE FROM judged_turns WHERE turn_id = :turn_id").bindparams(_TURN)
_UPDATE_ITEMS = text(
    """
    UPDATE review_items SET
        missing = CASE WHEN :decided THEN 0
            ELSE greatest(0, review_queues.reviewers_per_turn - :reviews) END,
        holder_id = CASE WHEN holder_id = :free THEN NULL ELSE holder_id END,
        held_until = CASE WHEN holder_id = :free THEN NULL ELSE held_until END
    FROM review_queues
    WHERE review_items.turn_id = :turn_id AND review_queues.id = review_items.queue_id
    """
).bindparams(_TURN, bindparam("reviews", type_=Integer), bindparam("free", type_=BigInteger))


async def recount(connection: AsyncConnection, turn_id: UUID, *, free: int | None) -> None:
    """Write what counts of a turn whose row is locked, and how many reviews its queues miss.

    ``free``: the user whose reservations of the turn end with it.
    """
    rows = await connection.execute(_REVIEWS, {"turn_id": turn_id})
    judgements = [read_judgement(row) for row in rows]
    row = (await connection.execute(_DECIDED, {"turn_id": turn_id})).one_or_none()
    counted = count_judgements(turn_id, judgements, read_judgement(row) if row else None)
    if counted.reviews or counted.authoritative:
        await connection.execute(_WRITE, _values(counted))
    else:
        await connection.execute(_FORGET, {"turn_id": turn_id})
    needed = {"decided": counted.authoritative, "reviews": counted.reviews, "free": free}
    await connection.execute(_UPDATE_ITEMS, {"turn_id": turn_id} | needed)


def read_judgement(row: Row[Any]) -> Judgement:
    """A judgement out of its columns; a newer bot's reasons are left out."""
    known = {reason.value for reason in Reason}
    return Judgement(
        verdict=Verdict(row.verdict),
        reasons=tuple(Reason(code) for code in row.reasons if code in known),
        note=row.note,
        correction=row.correction,
    )


def _values(counted: CountingVerdict) -> dict[str, Any]:
    return {
        "turn_id": counted.turn_id,
        "verdict": counted.verdict.value if counted.verdict else None,
        "reasons": [reason.value for reason in counted.reasons],
        "correction": counted.correction,
        "authoritative": counted.authoritative,
        "disputed": counted.disputed,
        "reviews": counted.reviews,
    }
