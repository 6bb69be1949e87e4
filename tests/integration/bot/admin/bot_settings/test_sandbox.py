"""A draft is tried in a chat with a real worker, and leaves no trace among people's turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.bot_settings.sandbox.chat import MAX_OPEN
from bot.admin.bot_settings.sandbox.expiry import SandboxExpiry
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store.sandbox import MAX_QUESTIONS
from fakes.engine_server import EngineServer
from inference_queue.background.leases import BackgroundLeases
from inference_queue.presets import PRESETS
from tests.integration.bot.admin.bot_settings.pages import (
    PAGES,
    ROOM,
    publish_past_the_pages,
    save_draft,
    shown,
)
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.background import ANY
from tests.support.lock_waits import until_waiting
from tests.support.replays import completed
from tests.support.stack import running_worker, served


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[EngineServer]:
    """A worker that answers, and what its model has read."""
    async with served() as (server, engine), running_worker(database_url, redis_url, engine):
        yield server


async def start(start_admin: StartAdmin, database: AsyncEngine, redis_url: str) -> Client:
    client = await start_admin(database, redis_url=redis_url)
    await log_in(client)
    return client


async def ask(client: Client, question: str, **fields: str) -> int:
    response = await send(client, f"{PAGES}/sandbox", question=question, **ROOM, **fields)
    return response.status


async def answered(client: Client) -> str:
    """The page once nothing is awaited."""
    async with asyncio.timeout(60):
        while "data-waiting" in (page := await shown(client, "sandbox")):
            await asyncio.sleep(0.05)
    return page


async def count(database: AsyncEngine, table: str) -> int:
    async with database.connect() as connection:
        return await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0


async def test_a_draft_answers_with_its_own_prompt_beside_the_live_settings(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str, engine: EngineServer
) -> None:
    await publish_past_the_pages(database, ("slack",), {"system_prompt": "넓은 글"})
    client = await start(start_admin, database, redis_url)
    await save_draft(client, system_prompt="초안의 글", max_new_tokens="77")
    assert await ask(client, "환불되나요?", both="1") == 303
    page = await answered(client)
    assert page.count("에코: 환불되나요?") == 2
    prompts = {request.contents[0]: request.body["max_tokens"] for request in engine.requests}
    assert prompts["초안의 글"] == 77
    assert prompts["넓은 글"] == PRESETS["bllossom-8b"].sampling.max_new_tokens
    assert await ask(client, "얼마나 걸려요?") == 303
    await answered(client)
    assert engine.requests[-1].contents == [
        "초안의 글",
        "환불되나요?",
        "에코: 환불되나요?",
        "얼마나 걸려요?",
    ]
    for table in ("turns", "conversations", "jobs", "background_jobs", "statistics"):
        assert await count(database, table) == 0, table
    asked = [entry for entry in await logged(database) if entry.action == AuditAction.SANDBOX_ASKED]
    assert len(asked) == 2
    assert "환불" not in str(asked)


async def test_a_chat_remembers_as_many_turns_as_its_settings_allow(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str, engine: EngineServer
) -> None:
    client = await start(start_admin, database, redis_url)
    await save_draft(client, system_prompt="글", history_turns="1")
    for question in ("하나", "둘", "셋"):
        await ask(client, question)
        await answered(client)
    assert engine.requests[-1].contents == ["글", "둘", "에코: 둘", "셋"]


async def test_without_a_worker_the_page_says_so_and_the_answer_comes_later(
    start_admin: StartAdmin, database: AsyncEngine, database_url: str, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    await save_draft(client, preset="demo")
    assert "지금 답할 수 있는 워커가 없습니다." in await shown(client, "sandbox")
    assert await ask(client, "언제 와요?") == 303
    waiting = await shown(client, "sandbox")
    assert "답변을 기다리고 있습니다" in waiting
    assert "새로고침해서 답변 보기" in waiting
    assert await ask(client, "한 번 더") == 409
    async with served() as (_, made), running_worker(database_url, redis_url, made):
        assert "에코: 언제 와요?" in await answered(client)


async def test_a_question_that_cannot_be_asked_keeps_its_words(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    for typed, sentence in (("\u200b ", "질문을 입력해"), ("가" * 2001, "2,000자까지")):
        response = await send(client, f"{PAGES}/sandbox", question=typed, **ROOM)
        assert response.status == 400
        page = await response.text()
        assert sentence in page
        assert typed in page
    assert await count(database, "sandbox_questions") == 0


async def test_hostile_words_stay_words(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str, engine: EngineServer
) -> None:
    client = await start(start_admin, database, redis_url)
    hostile = "<script>alert(1)</script>{{ 7*7 }}<|eot_id|>"
    await ask(client, hostile)
    page = await answered(client)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}") == 2
    assert "<script>alert" not in page


async def test_the_number_of_awaited_answers_is_bounded(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    for number in range(MAX_OPEN):
        scope = ROOM | {"room": f"C{number}"}
        response = await send(client, f"{PAGES}/sandbox", question="질문", **scope)
        assert response.status == 303
    response = await send(client, f"{PAGES}/sandbox", question="질문", **ROOM | {"room": "C9"})
    assert response.status == 409
    assert await count(database, "background_jobs") == MAX_OPEN


async def test_a_chat_is_its_users_own_is_short_and_ends_after_a_day(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    await add_user(database, "lee", Role.REVIEWER)
    client, lee = await start(start_admin, database, redis_url), await start_admin(database)
    await log_in(lee, user="lee")
    for number in range(MAX_QUESTIONS + 1):
        assert await ask(client, f"물음 {number:02}") == 303
        await _settle_all(database)
    page = await shown(client, "sandbox")
    assert "물음 20" in page
    assert "물음 00" not in page
    assert await count(database, "sandbox_questions") == MAX_QUESTIONS
    assert "물음 20" not in await shown(lee, "sandbox")
    await ask(client, "마지막")
    await _execute(
        database,
        "UPDATE sandbox_questions SET asked_at = asked_at - interval '1 day 1 minute'"
        " WHERE question <> '물음 20'",
    )
    assert await SandboxExpiry(database).expire() == MAX_QUESTIONS - 1
    assert await count(database, "sandbox_answers") == 1
    assert await count(database, "background_jobs") == 0, "nobody waits for that answer"


async def test_clearing_a_chat_stops_what_is_still_to_be_answered(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    await ask(client, "질문")
    assert (await send(client, f"{PAGES}/sandbox/clear", **ROOM)).status == 303
    assert await count(database, "sandbox_questions") == 0
    assert await count(database, "background_jobs") == 0
    assert "아직 질문이 없습니다" in await shown(client, "sandbox")


async def test_without_a_worker_the_page_says_so_and_the_wait_can_be_given_up(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    await ask(client, "답이 있는 질문")
    await _settle_all(database)
    await ask(client, "늦은 물음")
    page = await shown(client, "sandbox")
    assert "지금 답할 수 있는 워커가 없습니다" in page
    assert "기다리는 질문 취소하기" in page
    given_up = await send(client, f"{PAGES}/sandbox/clear", part="waiting", **ROOM)
    assert given_up.status == 303
    page = await shown(client, "sandbox")
    assert "답이 있는 질문" in page
    assert "늦은 물음" not in page
    assert await count(database, "background_jobs") == 0


async def test_giving_up_one_sides_wait_keeps_the_other_sides_answer(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    await save_draft(client, system_prompt="초안의 글")
    assert await ask(client, "질문", both="1") == 303
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    [lease] = await leases.claim(1, ANY)
    assert await leases.finish(lease, completed("먼저 온 답"))
    assert "먼저 온 답" in await shown(client, "sandbox")
    await send(client, f"{PAGES}/sandbox/clear", part="waiting", **ROOM)
    page = await shown(client, "sandbox")
    assert "먼저 온 답" in page
    assert "data-waiting" not in page
    assert await count(database, "background_jobs") == 0


async def test_a_chat_that_is_cleared_while_its_answer_is_fetched_is_cleared(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    client = await start(start_admin, database, redis_url)
    await ask(client, "질문")
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    [lease] = await leases.claim(1, ANY)
    assert await leases.finish(lease, completed("답"))
    committed = database.execution_options(isolation_level="READ COMMITTED")
    async with committed.begin() as holding:
        await holding.execute(text("SELECT FROM sandbox_answers FOR UPDATE"))
        clearing = asyncio.create_task(send(client, f"{PAGES}/sandbox/clear", **ROOM))
        await until_waiting(database)
        reading = asyncio.create_task(client.get(f"{PAGES}/sandbox", params=ROOM))
        await until_waiting(database, 2)
    assert [(await clearing).status, (await reading).status] == [303, 200]
    assert await count(database, "sandbox_questions") == 0
    assert await count(database, "background_jobs") == 0


async def _settle_all(database: AsyncEngine) -> None:
    await _execute(database, "UPDATE sandbox_answers SET answered_at = now(), answer = '답'")
    await _execute(database, "DELETE FROM background_jobs")


async def _execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
