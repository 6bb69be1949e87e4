"""The conversations of a messenger's room, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import conversations

PAGE_SIZE = 50
#: What is counted, at most.
MAX_COUNTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room of a messenger, such as a channel of Slack."""

    messenger: str
    tenant: str
    name: str  #: the messenger's id; never empty


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomConversation:
    """A conversation in a room."""

    id: int
    key: str
    last_seq: int
    created_at: datetime
    updated_at: datetime


def _is_in(room: Room) -> ColumnElement[bool]:
    return and_(
        conversations.c.messenger == room.messenger,
        conversations.c.tenant == room.tenant,
        conversations.c.room == room.name,
        conversations.c.room != "",  # the index holds no others
    )


async def count_conversations(connection: AsyncConnection, room: Room) -> int:
    """The conversations of the room, up to ``MAX_COUNTED``."""
    some = select(literal(1)).where(_is_in(room)).limit(MAX_COUNTED).subquery()
    return await connection.scalar(select(func.count()).select_from(some)) or 0


async def conversations_of(
    connection: AsyncConnection, room: Room, below: int | None
) -> Sequence[RoomConversation]:
    """The newest conversations with an id below this one, ``PAGE_SIZE`` and one more."""
    wanted = _is_in(room)
    if below is not None:
        wanted = and_(wanted, conversations.c.id < below)
    columns = [conversations.c[name] for name in RoomConversation.__dataclass_fields__]
    statement = (
        select(*columns).where(wanted).order_by(conversations.c.id.desc()).limit(PAGE_SIZE + 1)
    )
    return [RoomConversation(**row._mapping) for row in await connection.execute(statement)]
