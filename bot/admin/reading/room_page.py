"""The page of a room: its conversations, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading.conversation_line import ConversationLine
from bot.admin.turns.queries import read_only
from bot.privacy.masking import pseudonym
from bot.store.reading import room as rooms
from bot.store.reading.room import Room, RoomConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPage:
    """What the page of a room shows."""

    name: str  #: the pseudonym
    count: int
    has_more: bool  #: than ``count``
    conversations: Sequence[ConversationLine]
    older: int | None  #: ``before`` of the next page


async def load(
    database: AsyncEngine, room: Room, before: int | None
) -> tuple[int, Sequence[RoomConversation]]:
    """The number of the room's conversations, and those of a page, with one more."""
    async with read_only(database) as connection:
        count = await rooms.count_conversations(connection, room)
        return count, await rooms.conversations_of(connection, room, before)


def compose(room: Room, count: int, found: Sequence[RoomConversation]) -> RoomPage:
    """The page."""
    shown = found[: rooms.PAGE_SIZE]
    return RoomPage(
        name=pseudonym(room.messenger, room.tenant, room.name),
        count=count,
        has_more=count == rooms.MAX_COUNTED,
        conversations=[
            ConversationLine(
                id=one.id,
                name=pseudonym(room.messenger, room.tenant, one.key),
                room_key="",
                turns=one.last_seq,
                before=one.last_seq + 1,
                since=one.created_at,
                until=one.updated_at,
            )
            for one in shown
        ],
        older=shown[-1].id if len(found) > len(shown) else None,
    )
