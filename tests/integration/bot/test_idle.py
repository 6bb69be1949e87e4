"""A bot that nobody has spoken to for long: its polls are slow, and nothing is answered later."""

from __future__ import annotations

import asyncio

import pytest

from runtime import activity
from tests.support.stack import running_stack, running_worker, served

NOWHERE = "redis://127.0.0.1:1/0"
#: No poll of an idle bot ends within the test.
NEVER_S = 3600.0


@pytest.fixture
def idle_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "IDLE_POLL_S", NEVER_S)
    monkeypatch.setattr(activity, "BUSY_S", 0.0)


@pytest.mark.usefixtures("idle_from_the_start")
async def test_a_message_wakes_an_idle_bot_without_redis(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        served() as made,
        running_stack(database_url, NOWHERE) as stack,
        running_worker(database_url, NOWHERE, made[1]),
    ):
        monkeypatch.setattr(activity, "BUSY_S", 60.0)
        await stack.say_slack("거기 있어?")
        async with asyncio.timeout(60):
            post = await stack.slack.next_post()
        assert post.markdown == "에코: 거기 있어?"


@pytest.mark.usefixtures("idle_from_the_start")
async def test_an_idle_bot_answers_what_came_in_at_another_one(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served() as made, running_stack(database_url, NOWHERE) as stack:
        async with running_stack(database_url, NOWHERE) as other:
            await other.say_slack("답해 줘")  # which stops before there is a worker
        monkeypatch.setattr(activity, "BUSY_S", 60.0)
        async with running_worker(database_url, redis_url, made[1]):
            await stack.until("SELECT 1 FROM turns WHERE status = 'answered'", 60)
