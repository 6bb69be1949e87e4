"""The writing of judgements: by reviewers, and by adjudicators, whose word counts.

Nothing is overwritten unread: a form carries the version that it was made of. A turn's row is
locked first by all who write of it, so what counts is computed by one at a time, and an erasure
waits or is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger

from bot.domain.reviews import Judgement
from bot.store.reviews.counting import recount

_TURN = bindparam("turn_id", type_=Uuid)
_QUEUE = bindparam("queue_id", type_=BigInteger)
_ME = bindparam("me", type_=BigInteger)
_JUDGEMENT = (
    bindparam("verdict", type_=Text),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("note", type_=Text),
    bindparam("correction", type_=Text),
)

_LOCK_TURN = text(
    "SELECT id FROM turns WHERE id = :turn_id AND answer IS NOT NULL FOR NO KEY UPDATE"
).bindparams(_TURN)
#: Before its items, as a deletion does: it waits until the review refers to the queue.
_LOCK_QUEUE = text(
    "SELECT closed_at IS NOT NULL FROM review_queues WHERE id = :queue_id FOR KEY SHARE"
).bindparams(_QUEUE)
_LOCK_ITEM = text(
    """
    SELECT missing,
        holder_id IS DISTINCT FROM :me AND coalesce(held_until > now(), false) AS held
    FROM review_items WHERE queue_id = :queue_id AND turn_id = :turn_id FOR UPDATE
    """
).bindparams(_TURN, _QUEUE, _ME)
_MINE = text(
    "SELECT version, declined FROM reviews WHERE turn_id = :turn_id AND reviewer_id = :me"
).bindparams(_TURN, _ME)
_WRITE = text(
    """
    INSERT INTO reviews AS known
        (turn_id, queue_id, reviewer_id, declined, verdict, reasons, note, correction)
    VALUES (:turn_id, :queue_id, :me, :declined, :verdict, :reasons, :note, :correction)
    ON CONFLICT (turn_id, reviewer_id) DO UPDATE SET declined = excluded.declined,
        verdict = excluded.verdict, reasons = excluded.reasons, note = excluded.note,
        correction = excluded.correction, version = known.version + 1, updated_at = now()
    """
).bindparams(_TURN, _QUEUE, _ME, *_JUDGEMENT)
_DECIDED = text("SELECT version FROM review_verdicts WHERE turn_id = :turn_id").bindparams(_TURN)
_DECIDE = text(
    """
    INSERT INTO review_verdicts AS known
        (turn_id, adjudicator_id, verdict, reasons, note, correction)
    VALUES (:turn_id, :me, :verdict, :reasons, :note, :correction)
    ON CONFLICT (turn_id) DO UPDATE SET adjudicator_id = excluded.adjudicator_id,
        verdict = excluded.verdict, reasons = excluded.reasons, note = excluded.note,
        correction = excluded.correction, version = known.version + 1, updated_at = now()
    """
).bindparams(_TURN, _ME, *_JUDGEMENT)


class Outcome(StrEnum):
    """What became of a judgement."""

    SAVED = "saved"
    GONE = "gone"  #: the turn was erased meanwhile, or never had an answer
    CLOSED = "closed"  #: its queue takes no more judgements
    HELD = "held"  #: somebody else is reviewing it now
    COMPLETE = "complete"  #: others have judged it meanwhile, and no further review is needed
    CHANGED = "changed"  #: it was written anew since the form was shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Who writes of what, and what was known when the form was shown."""

    turn_id: UUID
    user_id: int
    version: int  #: of the own review, or of the adjudicator's word; 0: there was none
    queue_id: int | None = None
    anyway: bool = False  #: also where no further review is needed

    @property
    def keys(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {"turn_id": self.turn_id, "queue_id": self.queue_id, "me": self.user_id}


async def save(connection: AsyncConnection, writing: Writing, judgement: Judgement) -> Outcome:
    """Write the user's own review, which ends their reservation. The commit is the caller's.

    Unless the outcome is SAVED, nothing is written.
    """
    refusal = await _refusal(connection, writing)
    if refusal is None:
        values = writing.keys | {"declined": False} | _values(judgement)
        await connection.execute(_WRITE, values)
        await recount(connection, writing.turn_id, free=writing.user_id)
    return refusal or Outcome.SAVED


async def decline(connection: AsyncConnection, writing: Writing, note: str) -> Outcome:
    """Write that the user does not want to judge the turn: it is offered to others only."""
    refusal = await _refusal(connection, replace(writing, anyway=True))
    if refusal is None:
        nothing: dict[str, Any] = {
            "declined": True,
            "verdict": None,
            "reasons": [],
            "correction": None,
        }
        await connection.execute(_WRITE, writing.keys | nothing | {"note": note})
        await recount(connection, writing.turn_id, free=writing.user_id)
    return refusal or Outcome.SAVED


async def decide(connection: AsyncConnection, writing: Writing, judgement: Judgement) -> Outcome:
    """Write what counts, whatever the reviewers say; the turn needs no further review then."""
    if await _lock_turn(connection, writing.turn_id) is None:
        return Outcome.GONE
    known = await connection.scalar(_DECIDED, {"turn_id": writing.turn_id})
    if (known or 0) != writing.version:
        return Outcome.CHANGED
    await connection.execute(_DECIDE, writing.keys | _values(judgement))
    await recount(connection, writing.turn_id, free=None)
    return Outcome.SAVED


async def _refusal(connection: AsyncConnection, writing: Writing) -> Outcome | None:
    """Why the review cannot be written; None: it can."""
    if await _lock_turn(connection, writing.turn_id) is None:
        return Outcome.GONE
    if writing.queue_id is not None and await _is_closed(connection, writing):
        return Outcome.CLOSED
    item = await _lock_item(connection, writing)
    mine = (await connection.execute(_MINE, writing.keys)).one_or_none()
    if item and item.held:
        return Outcome.HELD
    if (mine.version if mine else 0) != writing.version:
        return Outcome.CHANGED
    is_new = mine is None or mine.declined
    if item and not item.missing and is_new and not writing.anyway:
        return Outcome.COMPLETE
    return None


async def _lock_turn(connection: AsyncConnection, turn_id: UUID) -> UUID | None:
    found: UUID | None = await connection.scalar(_LOCK_TURN, {"turn_id": turn_id})
    return found


async def _is_closed(connection: AsyncConnection, writing: Writing) -> bool:
    """Whether the queue takes no more reviews: it is closed, or deleted by now."""
    closed: bool | None = await connection.scalar(_LOCK_QUEUE, {"queue_id": writing.queue_id})
    return closed is not False


async def _lock_item(connection: AsyncConnection, writing: Writing) -> Row[Any] | None:
    if writing.queue_id is None:
        return None
    return (await connection.execute(_LOCK_ITEM, writing.keys)).one_or_none()


def _values(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict.value,
        "reasons": [reason.value for reason in judgement.reasons],
        "note": judgement.note,
        "correction": judgement.correction,
    }
