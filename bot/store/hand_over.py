"""Hand-overs between the bot and a human, and the other events of conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Float, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.conversation_events import EventKind
from bot.store.conversations import ConversationKey

_KEY = ("messenger", "tenant", "key")

#: A call while a human answers already only makes the time longer.
CALL_HUMAN = text(
    f"""
    WITH answering AS (
        SELECT FROM conversations
        WHERE messenger = :messenger AND tenant = :tenant AND key = :key AND human_until > now()
    ), conversation AS (
        INSERT INTO conversations (messenger, tenant, key, human_until)
        VALUES (:messenger, :tenant, :key, now() + make_interval(secs => :seconds))
        ON CONFLICT (messenger, tenant, key) DO UPDATE SET human_until = excluded.human_until
        RETURNING id
    )
    INSERT INTO conversation_events (conversation_id, kind, actor)
    SELECT id, '{EventKind.HUMAN_CALLED}', :actor FROM conversation
    WHERE NOT EXISTS (SELECT FROM answering)
    RETURNING id
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in (*_KEY, "actor")), bindparam("seconds", type_=Float)
)

END_HUMAN = text(
    f"""
    WITH conversation AS (
        UPDATE conversations SET human_until = NULL
        WHERE messenger = :messenger AND tenant = :tenant AND key = :key AND human_until > now()
        RETURNING id
    )
    INSERT INTO conversation_events (conversation_id, kind, actor)
    SELECT id, '{EventKind.HUMAN_LEFT}', :actor FROM conversation
    RETURNING id
    """
).bindparams(*(bindparam(name, type_=Text) for name in (*_KEY, "actor")))

HUMAN_ANSWERS = text(
    """
    SELECT EXISTS (
        SELECT FROM conversations
        WHERE messenger = :messenger AND tenant = :tenant AND key = :key AND human_until > now()
    )
    """
).bindparams(*(bindparam(name, type_=Text) for name in _KEY))

NOTE_EVENT = text(
    """
    INSERT INTO conversation_events (conversation_id, kind, actor, detail)
    SELECT id, :kind, :actor, :detail FROM conversations
    WHERE messenger = :messenger AND tenant = :tenant AND key = :key
    FOR KEY SHARE
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in (*_KEY, "actor", "kind")),
    bindparam("detail", type_=JSONB),
)


async def call_human(
    connection: AsyncConnection, conversation: ConversationKey, *, seconds: float, actor: str
) -> bool:
    """Silence the bot in the conversation for ``seconds``; ``actor``: the person who asked.

    False: a human answers already.
    """
    values = {**conversation.values, "seconds": seconds, "actor": actor}
    return (await connection.scalar(CALL_HUMAN, values)) is not None


async def end_human(
    connection: AsyncConnection, conversation: ConversationKey, *, actor: str
) -> bool:
    """Let the bot answer again; False: no human was called."""
    found = await connection.scalar(END_HUMAN, {**conversation.values, "actor": actor})
    return found is not None


async def human_answers(connection: AsyncConnection, conversation: ConversationKey) -> bool:
    """Whether a human answers in the conversation now."""
    return bool(await connection.scalar(HUMAN_ANSWERS, conversation.values))


async def note_event(
    connection: AsyncConnection,
    conversation: ConversationKey,
    kind: EventKind,
    *,
    actor: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Log an event of an existing conversation."""
    values = {"kind": kind.value, "actor": actor, "detail": dict(detail or {})}
    await connection.execute(NOTE_EVENT, {**conversation.values, **values})
