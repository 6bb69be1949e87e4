"""What the model was asked in past turns, put together from the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.bot_config import Scope

#: The history as it was when the turn was queued: without the answers that were asked anew before.
_ASKED = (
    text(
        """
        SELECT turn.id, turn.conversation_id, turn.messenger, turn.tenant, conversations.room,
            turn.preset, turn.config_version, turn.received_at,
            coalesce(turn.prompt, turn.text) AS text,
            turn.continues IS NOT NULL AND turn.continues = last.id AS goes_on,
            coalesce(before.history, '[]') AS history
        FROM unnest(:ids) AS wanted (id)
        JOIN turns AS turn ON turn.id = wanted.id
        JOIN conversations ON conversations.id = turn.conversation_id
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_array(asked, answer) ORDER BY seq) AS history,
                max(seq) AS last_seq
            FROM (
                SELECT earlier.seq, coalesce(earlier.prompt, earlier.text) AS asked, earlier.answer
                FROM turns AS earlier
                WHERE earlier.conversation_id = turn.conversation_id
                  AND earlier.epoch = turn.epoch AND earlier.seq < turn.seq
                  AND earlier.status = 'answered'
                  AND earlier.settled_at <= coalesce(turn.queued_at, turn.received_at)
                  AND NOT EXISTS (
                    SELECT FROM turns AS again
                    WHERE again.regenerates = earlier.id AND again.seq <= turn.seq
                      AND (again.id = turn.id OR again.status = 'answered')
                  )
                ORDER BY earlier.seq DESC LIMIT :max_turns
            ) AS newest
        ) AS before ON true
        LEFT JOIN turns AS last
            ON last.conversation_id = turn.conversation_id AND last.seq = before.last_seq
        """
    )
    .bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("max_turns", type_=Integer))
    .columns(history=JSONB)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTurn:
    """A past turn with what its prompt was made of."""

    id: UUID
    conversation_id: int
    scope: Scope
    preset: str | None
    config_version: int | None  #: None: the environment alone decided
    received_at: datetime
    text: str  #: as the model read it
    goes_on: bool  #: it only asks to go on with the last answer of the history
    history: tuple[tuple[str, str], ...]  #: questions and answers, oldest first


async def asked_turns(
    connection: AsyncConnection, turn_ids: Sequence[UUID], *, max_turns: int
) -> dict[UUID, AskedTurn]:
    """The turns by id, each with up to ``max_turns`` earlier exchanges; erased ones are missing."""
    rows = await connection.execute(_ASKED, {"ids": list(turn_ids), "max_turns": max_turns})
    return {
        row.id: AskedTurn(
            id=row.id,
            conversation_id=row.conversation_id,
            scope=Scope(row.messenger, row.tenant, row.room),
            preset=row.preset,
            config_version=row.config_version,
            received_at=row.received_at,
            text=row.text,
            goes_on=bool(row.goes_on),
            history=tuple((asked, answer or "") for asked, answer in row.history),
        )
        for row in rows
    }
