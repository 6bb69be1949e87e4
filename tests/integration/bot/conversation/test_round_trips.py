"""While nothing fails, the isolation of faults costs no statement."""

from __future__ import annotations

import pytest

from bot.conversation import settler
from tests.integration.bot.conversation.conversation_parts import running_parts, utterance
from tests.support.seen_statements import seen_statements
from tests.support.settling import Route


@pytest.mark.parametrize("route", Route)
async def test_many_conversations_are_scheduled_and_settled_by_few_statements(
    database_url: str, redis_url: str, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler, "SETTLE_POLL_S", 600.0)
    async with running_parts(database_url, redis_url) as parts:
        await parts.wait("먼저")
        await parts.schedule_all()  # stores the settings of all these prompts, once
        await parts.work()
        await parts.settler.settle()
        for number in range(12):
            await parts.wait(f"말 {number}")
        ids = [row.id for row in await parts.rows("SELECT id FROM conversations")]
        with seen_statements(parts.database) as seen:
            await parts.scheduler.schedule(ids)
        assert len(seen) == 2  # read the waiting turns, queue them with their jobs
        await parts.work()
        causes = await parts.causes() if route is Route.UNREAD else set()
        with seen_statements(parts.database) as seen:
            assert await parts.settler.settle_woken(causes) == 12
        assert len(seen) == (1 if route is Route.UNREAD else 2)  # read the jobs, settle the turns
        with seen_statements(parts.database) as seen:
            await parts.inbox.submit(utterance("하나 더", key="누구"))
            await parts.scheduler.close()
        [accept, queue] = seen  # which tells what a read would find
        assert "INSERT INTO conversations" in accept
        assert "INSERT INTO jobs" in queue
