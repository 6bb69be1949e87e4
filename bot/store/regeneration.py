"""The newest question of a conversation, to be asked again."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import SETTLED, TurnStatus
from bot.store.conversations import ConversationKey
from bot.store.schema import turns

NEWEST = text(
    """
    SELECT turns.id, turns.event_key, turns.text, turns.prompt, turns.status, turns.finish_reason,
        CASE turns.status WHEN 'answered' THEN turns.id ELSE coalesce(turns.regenerates, turns.id)
        END AS replaced,
        turns.continues, (turns.media <> '[]' OR EXISTS (
            SELECT FROM turns AS merged
            WHERE merged.conversation_id = turns.conversation_id AND merged.seq < turns.seq
              AND merged.merged_into = turns.id AND merged.media <> '[]'
        )) AS had_pictures
    FROM conversations JOIN turns ON turns.conversation_id = conversations.id
    WHERE conversations.messenger = :messenger AND conversations.tenant = :tenant
      AND conversations.key = :key AND turns.epoch = conversations.epoch
      AND turns.status <> 'merged'
    ORDER BY turns.seq DESC LIMIT 1
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "tenant", "key")))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestTurn:
    """The newest turn of a conversation's epoch."""

    id: UUID
    event_key: str
    #: The turn whose answer the next one replaces: where this one was to replace an earlier answer
    #: and brought none, that is still the earlier turn.
    replaced: UUID
    text: str
    prompt: str | None  #: what the model read, where it is not ``text``
    settled: bool
    finish_reason: str | None
    continues: UUID | None  #: the turn whose answer it goes on with
    had_pictures: bool  #: which are gone: they were kept for its answer alone


async def is_asked(
    connection: AsyncConnection, messenger: str, tenant: str, event_key: str
) -> bool:
    """Whether the event is a turn."""
    found = select(turns.c.id).where(
        turns.c.messenger == messenger,
        turns.c.tenant == tenant,
        turns.c.event_key == event_key,
    )
    return await connection.scalar(found) is not None


async def newest_turn(
    connection: AsyncConnection, conversation: ConversationKey
) -> NewestTurn | None:
    """The newest turn since the last reset; None: there is none."""
    row = (await connection.execute(NEWEST, conversation.values)).one_or_none()
    if row is None:
        return None
    return NewestTurn(
        id=row.id,
        event_key=row.event_key,
        replaced=row.replaced,
        text=row.text,
        prompt=row.prompt,
        settled=TurnStatus(row.status) in SETTLED,
        finish_reason=row.finish_reason,
        continues=row.continues,
        had_pictures=row.had_pictures,
    )
