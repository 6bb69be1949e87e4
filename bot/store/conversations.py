"""Conversations in Postgres: their lock, their epoch and the mark of their newest answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    DateTime,
    Text,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import RepeatWindow
from bot.store.recent_events import REPEATED
from bot.store.schema import conversations
from runtime.database import LAZY_COMMIT
from runtime.direct import AnyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationKey:
    """What identifies a conversation."""

    messenger: str
    tenant: str
    key: str

    @property
    def values(self) -> dict[str, str]:
        """The values of a statement's binds."""
        return {"messenger": self.messenger, "tenant": self.tenant, "key": self.key}


#: When a conversation's newest answered turn was settled.
HISTORY_AT = """(
    SELECT newest.settled_at FROM turns AS newest
    WHERE newest.conversation_id = conversations.id AND newest.seq = conversations.history_seq
)"""

#: Built once: building the statement takes longer than sending it.
LOCK_FREE = (
    select(conversations.c.id, LAZY_COMMIT)
    .where(conversations.c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))))
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationState:
    """A conversation as it was read."""

    id: int
    version: int  #: of its row
    messenger: str
    tenant: str
    room: str
    epoch: int
    history_seq: int  #: the seq of the epoch's newest answered turn; 0: there is none
    history_at: datetime | None  #: when that turn was settled


async def lock_free_conversations(connection: AnyConnection, ids: Iterable[int]) -> list[int]:
    """Lock the unlocked conversations until the transaction ends; their ids.

    The transaction commits lazily: the sweep repeats what a crash of Postgres undoes.
    """
    rows = await connection.execute(LOCK_FREE, {"ids": list(ids)})
    return [row.id for row in rows]


#: A reset that is taken once, in one statement.
RESET_ONCE = text(
    f"""
    WITH event AS (
        INSERT INTO recent_events AS known
            (messenger, tenant, key, event_key, received_at, until)
        VALUES (:messenger, :tenant, 'reset:' || :event, '', :received_at, :until)
        ON CONFLICT (messenger, tenant, key) DO UPDATE
        SET received_at = excluded.received_at, until = excluded.until
        WHERE NOT ({REPEATED})
        RETURNING key
    ), conversation AS (
        UPDATE conversations SET epoch = epoch + 1, history_seq = 0, updated_at = now()
        WHERE messenger = :messenger AND tenant = :tenant AND key = :key
          AND EXISTS (SELECT FROM event)
        RETURNING id
    )
    INSERT INTO conversation_events (conversation_id, kind)
    SELECT id, 'reset' FROM conversation
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in ("messenger", "tenant", "key", "event")),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("received_at", "until")),
)


async def reset(
    connection: AsyncConnection,
    *,
    messenger: str,
    tenant: str,
    key: str,
    repeats: RepeatWindow | None = None,
) -> None:
    """Begin a new epoch: earlier turns stay in the log but enter no later prompt.

    ``repeats``: a reset within the window of an earlier one changes nothing.
    """
    if repeats is None:
        await connection.execute(
            update(conversations)
            .where(
                conversations.c.messenger == messenger,
                conversations.c.tenant == tenant,
                conversations.c.key == key,
            )
            .values(epoch=conversations.c.epoch + 1, history_seq=0, updated_at=func.now())
        )
        return
    values = {"messenger": messenger, "tenant": tenant, "key": key, "event": repeats.key}
    times = {"received_at": repeats.received_at, "until": repeats.until}
    await connection.execute(RESET_ONCE, values | times)
