"""What the model was asked in past turns: what was recorded, or what the log tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.bot_config import Scope
from bot.store import prompt_settings
from bot.store.prompt_settings import PromptSettings

#: More than any setting lets into a prompt.
MAX_RECORDED = 200

#: The history that was recorded; for turns of before there were records, as it was when the turn
#: was queued: without the answers that were asked anew before.
_ASKED = (
    text(
        """
        SELECT turn.id, turn.messenger, turn.tenant, conversations.room,
            turn.preset, turn.config_version, turn.received_at, turn.prompt_settings,
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
                WHERE earlier.conversation_id = turn.conversation_id AND earlier.seq < turn.seq
                  AND earlier.seq >= CASE WHEN turn.history_seqs IS NULL THEN 0
                      ELSE coalesce(turn.history_seqs[1], turn.seq) END
                  AND CASE WHEN turn.history_seqs IS NOT NULL
                      THEN earlier.seq = ANY(turn.history_seqs)
                      ELSE earlier.epoch = turn.epoch AND earlier.status = 'answered'
                        AND earlier.settled_at <= coalesce(turn.queued_at, turn.received_at)
                        AND NOT EXISTS (
                          SELECT FROM turns AS again
                          WHERE again.regenerates = earlier.id AND again.seq <= turn.seq
                            AND (again.id = turn.id OR again.status = 'answered')
                        ) END
                ORDER BY earlier.seq DESC
                LIMIT CASE WHEN turn.history_seqs IS NULL THEN :max_turns ELSE :max_recorded END
            ) AS newest
        ) AS before ON true
        LEFT JOIN turns AS last
            ON last.conversation_id = turn.conversation_id AND last.seq = before.last_seq
        """
    )
    .bindparams(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("max_turns", type_=Integer),
        bindparam("max_recorded", type_=Integer),
    )
    .columns(history=JSONB)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTurn:
    """A past turn with what its prompt was made of."""

    id: UUID
    scope: Scope
    preset: str | None
    config_version: int | None  #: None: the environment alone decided
    settings: PromptSettings | None  #: as recorded; None: it is older than records
    received_at: datetime
    text: str  #: as the model read it
    goes_on: bool  #: it only asks to go on with the last answer of the history
    history: tuple[tuple[str, str], ...]  #: questions and answers, oldest first


async def asked_turns(
    connection: AsyncConnection,
    turn_ids: Sequence[UUID],
    *,
    max_turns: int,
    max_recorded: int = MAX_RECORDED,
) -> dict[UUID, AskedTurn]:
    """The turns by id, each with its earlier exchanges; erased ones are missing.

    ``max_turns`` bounds a history that was not recorded, ``max_recorded`` one that was.
    """
    values = {"ids": list(turn_ids), "max_turns": max_turns, "max_recorded": max_recorded}
    rows = (await connection.execute(_ASKED, values)).all()
    digests = {row.prompt_settings for row in rows if row.prompt_settings}
    recorded = {digest: await prompt_settings.find(connection, digest) for digest in digests}
    return {
        row.id: AskedTurn(
            id=row.id,
            scope=Scope(row.messenger, row.tenant, row.room),
            preset=row.preset,
            config_version=row.config_version,
            settings=recorded.get(row.prompt_settings),
            received_at=row.received_at,
            text=row.text,
            goes_on=bool(row.goes_on),
            history=tuple((asked, answer or "") for asked, answer in row.history),
        )
        for row in rows
    }
