"""While nothing fails, the isolation of faults costs no statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from tests.integration.bot.conversation.conversation_parts import Parts, running_parts, utterance


@contextmanager
def statements(parts: Parts) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(parts.database.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(parts.database.sync_engine, "before_cursor_execute", note)


async def test_many_conversations_are_scheduled_and_settled_by_few_statements(
    database_url: str, redis_url: str
) -> None:
    async with running_parts(database_url, redis_url) as parts:
        await parts.wait("먼저")
        await parts.schedule_all()  # stores the settings of all these prompts, once
        await parts.work()
        await parts.settler.settle()
        for number in range(12):
            await parts.wait(f"말 {number}")
        ids = [row.id for row in await parts.rows("SELECT id FROM conversations")]
        with statements(parts) as seen:
            await parts.scheduler.schedule(ids)
        assert len(seen) == 4  # lock, read the waiting turns, queue them, enqueue the jobs
        await parts.work()
        with statements(parts) as seen:
            assert await parts.settler.settle() == 12
        assert len(seen) == 3  # take the jobs, lock the conversations, settle the turns
        with statements(parts) as seen:
            await parts.inbox.submit(utterance("하나 더", key="누구"))
            [accept] = seen[:1]
        assert "INSERT INTO conversations" in accept
