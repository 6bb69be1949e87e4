"""Votes on answers in Postgres: one row per person and answer, changeable."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.feedback import Feedback

#: Only answers of the place that the vote comes from count: ids in buttons can be made up. A vote
#: that turns good forgets the reasons; a bad one without reasons keeps those given before. The lock
#: waits for an erasure of the turn: afterwards there is no such answer.
VOTE = text(
    """
    INSERT INTO feedback AS known (turn_id, voter, vote, reasons, note)
    SELECT turns.id, :voter, :vote, :reasons, :note
    FROM turns JOIN conversations ON conversations.id = turns.conversation_id
    WHERE turns.id = :turn_id AND turns.answer IS NOT NULL
      AND turns.messenger = :messenger AND turns.tenant = :tenant
      AND (CAST(:key AS text) IS NULL OR conversations.key = :key)
      AND (CAST(:room AS text) IS NULL OR conversations.room = :room)
    FOR KEY SHARE OF turns
    ON CONFLICT (turn_id, voter) DO UPDATE SET vote = excluded.vote, updated_at = now(),
        reasons = CASE
            WHEN excluded.vote = 'good' THEN '{}'
            WHEN excluded.reasons = '{}' THEN known.reasons
            ELSE excluded.reasons
        END,
        note = CASE
            WHEN excluded.vote = 'good' THEN ''
            WHEN excluded.note = '' THEN known.note
            ELSE excluded.note
        END
    RETURNING turn_id
    """
).bindparams(
    bindparam("turn_id", type_=Uuid),
    bindparam("reasons", type_=ARRAY(Text)),
    *(bindparam(name, type_=Text) for name in ("voter", "vote", "note", "messenger", "tenant")),
    *(bindparam(name, type_=Text) for name in ("key", "room")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a vote was given: a conversation by its key, or a room; None: anywhere there."""

    messenger: str
    tenant: str
    key: str | None = None
    room: str | None = None


async def vote(connection: AsyncConnection, feedback: Feedback, place: Place) -> bool:
    """Record or change a vote; False: the place has no such answer, and nothing changed."""
    values = {
        "turn_id": feedback.turn_id,
        "voter": feedback.voter,
        "vote": feedback.vote.value,
        "reasons": [reason.value for reason in feedback.reasons],
        "note": feedback.note,
        "messenger": place.messenger,
        "tenant": place.tenant,
        "key": place.key,
        "room": place.room,
    }
    found: UUID | None = await connection.scalar(VOTE, values)
    return found is not None
