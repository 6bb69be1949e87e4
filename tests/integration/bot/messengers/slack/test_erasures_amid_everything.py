"""People who ask, stop, vote and are erased, all at once: nothing is lost, blocked or left open."""

from __future__ import annotations

import asyncio
import random

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.messengers.slack import simulated_interactions as interactions
from bot.messengers.slack.controls import ERASE_ACTION, STOP_ACTION, VOTE_ACTION
from tests.support.slack_chat import SlackChat
from tests.support.stack import SLACK_TOKEN, running_stack, served

WORDS = ["다시", "그만", "새 대화", "챗봇", "질문", "질문", "질문"]
DEEDS = 8


def press(user: str, channel: str, action: str, value: str) -> dict[str, object]:
    return interactions.block_actions(
        user,
        {"type": "button", "action_id": action, "value": value, "block_id": "b"},
        channel=channel,
        message={"ts": "1700000000.000100"},
    )


async def live(chat: SlackChat, user: str, seed: int) -> list[int]:
    """One person's minute; the statuses of all requests."""
    chance = random.Random(seed)
    direct = chat.direct(user)
    roots = {
        "C1": await chat.say(user, "C1", f"{chat.mention} 안녕"),
        direct: await chat.say(user, direct, "안녕"),
    }
    statuses = []
    for number in range(DEEDS):
        await asyncio.sleep(chance.random() * 0.4)
        room, root = chance.choice([*roots.items()])
        word = chance.choice(WORDS)
        text = f"{word} {number}" if word == "질문" else word
        bodies = chat.people.write(user, room, text, root)
        presses = [press(user, "C1", ERASE_ACTION, "erase")] * (3 if chance.random() < 0.3 else 0)
        for row in await chat.stack.rows("SELECT id FROM turns LIMIT 2"):
            action = chance.choice([(STOP_ACTION, f"{row.id}"), (VOTE_ACTION, f"bad:{row.id}")])
            presses.append(press(user, room, *action))
        sent = [*map(chat.send, bodies), *map(chat.interact, presses)]
        statuses += [said.status for said in await asyncio.gather(*sent)]
    return statuses


@pytest.mark.parametrize("direct_messages", ["threads", "one"])
async def test_nothing_is_left_half_done(
    database_url: str, redis_url: str, direct_messages: str
) -> None:
    async with (
        served() as (server, engine),
        running_stack(
            database_url,
            redis_url,
            engine,
            slack_bot_token=SecretStr(SLACK_TOKEN),
            slack_channel_answers="edits",
            slack_direct_messages=direct_messages,
        ) as stack,
    ):
        chat = SlackChat(stack)
        server.reply = lambda _: "가나다라마바사 " * 6
        server.delay_per_token_s = 0.01
        with capture_logs() as logs:
            lives = [live(chat, f"U{number}", number) for number in range(8)]
            statuses = [status for one in await asyncio.gather(*lives) for status in one]
            async with asyncio.timeout(60):
                while await stack.rows(
                    "SELECT 1 FROM turns JOIN deliveries ON turn_id = id "
                    "WHERE state IN ('pending', 'sending')"
                ) or any("live answer" in task.get_name() for task in asyncio.all_tasks()):
                    await asyncio.sleep(0.1)
        assert set(statuses) == {200}
        faults = {"task_failed", "database_fault", "store_fault", "store_down"}
        assert [one for one in logs if one["event"] in faults] == []
        messages = [
            message
            for room in chat.workspace.directory.rooms.values()
            for message in room.messages.values()
        ]
        assert [one.text for one in messages if one.stream or one.text.endswith(" …")] == []
