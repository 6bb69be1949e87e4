"""A running bot follows the settings in the database, and its turns name the version."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Row, text

from bot import app_keys
from bot.configs.effective import effective
from bot.domain.bot_config import Scope
from bot.store import bot_configs
from fakes.engine_server import EngineServer
from fakes.kakao import skill_request
from inference_queue.presets import PRESETS
from tests.support.stack import KAKAO_SECRET, Said, Stack, running_stack, served

ONE, OTHER = "bot-one", "bot-other"


class Bots:
    """Two Kakao bots on one deployment."""

    def __init__(self, stack: Stack, engine: EngineServer) -> None:
        self.stack = stack
        self.engine = engine
        self.asked = 0

    async def say(self, bot: str, words: str, *, user: str = "철수") -> Said:
        return await self._post(bot, skill_request(words, f"{bot} {user}"))

    async def enter(self, bot: str) -> Said:
        """Somebody enters the channel: the welcome block runs the skill."""
        request = skill_request("", f"{bot} 민지")
        request["userRequest"]["block"]["name"] = "웰컴 블록"
        return await self._post(bot, request)

    async def send_picture(self, bot: str) -> Said:
        request = skill_request("https://talk.kakaocdn.net/dna/photo.jpg", f"{bot} 민지")
        request["userRequest"]["params"]["media"] = {
            "type": "image",
            "url": "https://talk.kakaocdn.net/dna/photo.jpg",
        }
        return await self._post(bot, request)

    async def _post(self, bot: str, request: dict[str, Any]) -> Said:
        request["bot"]["id"] = bot
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        return await self.stack.post("/webhooks/kakao", json.dumps(request).encode(), headers)

    async def ask(self, bot: str, *, user: str = "철수") -> Row[Any]:
        """Ask something; the turn that was answered."""
        self.asked += 1
        words = f"질문 {self.asked}"
        await self.say(bot, words, user=user)
        return await self.stack.until(
            f"SELECT * FROM turns WHERE text = '{words}' AND status = 'answered'"
        )

    async def set(self, scope: Scope, values: Mapping[str, object]) -> int:
        async with self.stack.database.begin() as connection:
            await bot_configs.lock(connection)
            return await bot_configs.add(connection, scope, values, author="")

    async def ask_until(self, bot: str, version: int | None) -> Row[Any]:
        """The first turn that ran with the version; the bot looks for it every five seconds."""
        async with asyncio.timeout(60):
            while (turn := await self.ask(bot)).config_version != version:
                await asyncio.sleep(0.3)
        return turn

    @property
    def prompt(self) -> list[str]:
        """What the model read last."""
        return self.engine.requests[-1].contents


@pytest.fixture
async def bots(database_url: str, redis_url: str) -> AsyncIterator[Bots]:
    async with contextlib.AsyncExitStack() as exits:
        server, engine = await exits.enter_async_context(served())
        stack = await exits.enter_async_context(
            running_stack(database_url, redis_url, engine, rate_limit_per_minute=0)
        )
        yield Bots(stack, server)


async def test_a_change_reaches_the_next_turns_of_its_bot_and_of_no_other(bots: Bots) -> None:
    before = await bots.ask(ONE)
    assert (before.config_version, before.preset) == (None, "bllossom-8b")
    scope = Scope("kakao", ONE)
    version = await bots.set(
        scope,
        {
            "system_prompt": "너는 가나 은행의 상담원이야.",
            "preset": "llama3-bllossom",
            "history_turns": 1,
            "max_new_tokens": 77,
        },
    )
    turn = await bots.ask_until(ONE, version)
    assert turn.preset == "llama3-bllossom"
    assert bots.prompt[0] == "너는 가나 은행의 상담원이야."
    assert len(bots.prompt) == 4  # the system prompt, one exchange, the question
    assert bots.engine.requests[-1].body["max_tokens"] == 77
    other = await bots.ask(OTHER)
    assert (other.config_version, other.preset) == (None, "bllossom-8b")
    assert bots.prompt[0] == PRESETS["bllossom-8b"].system_prompt
    newer = await bots.set(scope, {"preset": "auto"})
    await bots.ask_until(ONE, newer)
    async with bots.stack.database.connect() as connection:
        named = await effective(connection, scope, turn.config_version)
    assert (named.version, named.values.max_new_tokens) == (version, 77)


async def test_turns_of_one_batch_run_with_different_presets(bots: Bots) -> None:
    await bots.set(Scope("kakao", ONE), {"preset": "llama3-bllossom"})
    version = await bots.set(Scope("kakao"), {"preset": "demo"})
    await bots.ask_until(ONE, version)
    users = [str(number) for number in range(6)]
    asked = [bots.ask(bot, user=user) for bot in (ONE, OTHER) for user in users]
    turns = await asyncio.gather(*asked)
    assert {(turn.tenant, turn.preset) for turn in turns} == {
        (ONE, "llama3-bllossom"),
        (OTHER, "demo"),
    }


async def test_a_bot_says_its_own_sentences(bots: Bots) -> None:
    usual = bots.stack.app[app_keys.TEXTS]
    version = await bots.set(
        Scope("kakao", ONE),
        {"texts.ai_notice": "AI 상담원이 썼어요.", "texts.reset_done": "처음부터 할게요."},
    )
    await bots.ask_until(ONE, version)
    said = await bots.say(ONE, "처음 뵙네요", user="영희")
    assert said.outputs == ["AI 상담원이 썼어요.", "에코: 처음 뵙네요"]
    assert (await bots.say(ONE, "새 대화")).bubbles == ["처음부터 할게요."]
    assert (await bots.say(OTHER, "새 대화")).bubbles == [usual.reset_done]
    other = await bots.say(OTHER, "처음 뵙네요", user="영희")
    assert other.outputs == [usual.ai_notice, "에코: 처음 뵙네요"]
    own = {"texts.welcome": "가나 은행이에요.", "texts.media_unsupported": "글만 읽어요."}
    greeting = await bots.set(Scope("kakao", ONE), own)
    await bots.ask_until(ONE, greeting)
    assert (await bots.enter(ONE)).outputs == ["가나 은행이에요.", usual.ai_notice]
    assert "가나 은행이에요." not in (await bots.enter(OTHER)).outputs
    assert (await bots.send_picture(ONE)).bubbles == ["글만 읽어요."]
    assert (await bots.send_picture(OTHER)).bubbles != ["글만 읽어요."]
    silent = await bots.set(Scope("kakao", ONE), {"ai_notice": False})
    await bots.ask_until(ONE, silent)
    assert (await bots.say(ONE, "또 처음", user="민수")).bubbles == ["에코: 또 처음"]


async def test_a_row_of_a_newer_version_never_breaks_an_answer(bots: Bots) -> None:
    await bots.set(Scope("kakao", ONE), {"preset": "bllossom-70b", "tone": 1, "history_turns": 0})
    async with bots.stack.database.begin() as connection:
        await connection.execute(
            text("""INSERT INTO bot_configs (messenger, "values") VALUES ('kakao', '[1]')""")
        )
    turn = await bots.ask_until(ONE, 2)
    assert turn.preset == "bllossom-8b"
    await bots.ask(ONE)
    assert len(bots.prompt) == 2


async def test_the_bounds_of_one_bot_hold_for_its_people_alone(
    database_url: str, redis_url: str
) -> None:
    async with (
        served() as made,
        running_stack(database_url, redis_url, kakao_sync_budget_s=0.1) as stack,
    ):
        bots, usual = Bots(stack, made[0]), stack.app[app_keys.TEXTS]
        await bots.set(Scope("kakao", "eager"), {"rate_limit_per_minute": 1})
        version = await bots.set(Scope("kakao", ONE), {"max_waiting_turns": 1})
        async with asyncio.timeout(60):
            configs = stack.app[app_keys.CONFIGS]
            while configs.for_scope("kakao", ONE, "").version != version:
                await asyncio.sleep(0.1)
        said = {bot: [await bots.say(bot, f"{n}") for n in range(3)] for bot in (ONE, OTHER)}
        assert [one.bubbles == [usual.conversation_full] for one in said[ONE]] == [
            False,
            True,
            True,
        ]
        assert not any(one.bubbles == [usual.conversation_full] for one in said[OTHER])
        # A minute may end in between, but not three times.
        eager = [(await bots.say("eager", f"{n}")).bubbles for n in range(8)]
        assert eager.count([usual.rate_limited]) >= 4
