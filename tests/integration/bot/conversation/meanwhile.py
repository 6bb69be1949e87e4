"""What others write to a room while a message there is accepted or scheduled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bot.domain.turns import Person
from bot.privacy.retention import Retention
from bot.store import erasure, hand_over, retention_rules
from bot.store.conversations import ConversationKey
from tests.integration.bot.conversation.conversation_parts import Parts

ROOM = ConversationKey(messenger="slack", tenant="T1", key="room")
OTHER = Person(messenger="slack", tenant="T1", sender="U2")

Write = Callable[[Parts], Awaitable[object]]


async def reset(parts: Parts) -> None:
    await parts.inbox.reset(messenger="slack", tenant="T1", key="room", repeats=None)


async def call_human(parts: Parts) -> None:
    async with parts.database.begin() as connection:
        assert await hand_over.call_human(connection, ROOM, seconds=60, actor="U1")


def erase(person: Person) -> Write:
    async def erase_turns(parts: Parts) -> None:
        async with parts.database.begin() as connection:
            assert (await erasure.erase_turns(connection, person)).turns

    return erase_turns


async def delete_what_is_old(parts: Parts) -> None:
    """The retention deletes the only turn older than 30 days."""
    async with parts.database.begin() as connection:
        assert await retention_rules.set_rule(connection, "", "", 30, by="admin")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    retention = Retention(parts.database, parts.redis, now=lambda: tomorrow, pause_s=0)
    assert await retention.delete() == 1


def delete_as_the_previous_version(words: str) -> Write:
    """The previous version's retention deletes the turn with these words."""

    async def delete(parts: Parts) -> None:
        await parts.execute(
            "SELECT id FROM conversations FOR UPDATE", f"DELETE FROM turns WHERE text = '{words}'"
        )

    return delete
