"""Whether a conversation is known, for messages that only continue one."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, text

from bot.store.conversations import ConversationKey
from runtime.direct import AnyConnection

KNOWN = text(
    """
    SELECT EXISTS (
        SELECT FROM conversations
        WHERE messenger = :messenger AND tenant = :tenant AND key = :key
    )
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "tenant", "key")))


async def is_known(connection: AnyConnection, conversation: ConversationKey) -> bool:
    """Whether anybody has written in the conversation before."""
    return bool(await connection.scalar(KNOWN, conversation.values))
