"""Admission by predicted finish: in time, straight to the button, or "busy" at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text

from bot import app_keys
from bot.domain.turns import Person
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from tests.support.stack import CALLBACK_GAP_S, Stack, running_stack, served

TEXT = TEXTS["ko"]
SLOTS = 4  # of the stack's worker
WORDS = "하나 둘 셋 넷 다섯 여섯"


@asynccontextmanager
async def rush(
    database_url: str,
    redis_url: str,
    *,
    waiting: int,
    delay_per_token_s: float = 0.15,
    **settings: float,
) -> AsyncIterator[tuple[Stack, EngineServer]]:
    """A worker known to take about a second an answer, and so many questions in its queue."""
    settings = {"kakao_sync_budget_s": 0.5, **settings}
    async with (
        served(delay_per_token_s=delay_per_token_s, reply=lambda _: WORDS) as (server, engine),
        running_stack(database_url, redis_url, engine, **settings) as stack,
    ):
        await stack.say_slack("재어 보기")
        await stack.slack.next_post()
        async with asyncio.timeout(30):
            while not stack.app[app_keys.FORECAST].capacity.answer_s:
                await stack.app[app_keys.WORKERS].refresh()
        if waiting:  # nothing is finished before all of them wait, however slow the machine is
            server.delay_per_token_s = 3.0
        for number in range(waiting):
            await stack.say_slack(f"질문 {number}", user_id=f"U{number}")
        await stack.until(f"SELECT 1 FROM jobs HAVING count(*) >= {waiting}")
        async with stack.database.begin() as connection:
            # Wanted as soon as what comes next, and so in front of it.
            await connection.execute(text("UPDATE jobs SET due = now() + interval '2.9 s'"))
        await stack.app[app_keys.FORECAST].count()
        yield stack, server


def counted_waits(stack: Stack) -> list[UUID]:
    """The turns for which a webhook response stands open, from now on."""
    waits: list[UUID] = []
    waiters = stack.app[app_keys.WAITERS]
    wait = waiters.wait

    async def counted(turn_id: UUID, timeout_s: float, *, person: Person) -> bool:
        waits.append(turn_id)
        return await wait(turn_id, timeout_s, person=person)

    waiters.wait = counted  # type: ignore[method-assign]
    return waits


async def seconds_before_the_callback(stack: Stack) -> float:
    """From the acceptance of the only Kakao turn to the claim of its callback, in the tables."""
    row = await stack.until(
        "SELECT extract(epoch FROM a.claimed_at - t.received_at) AS seconds "
        "FROM delivery_attempts a JOIN turns t ON t.id = a.turn_id WHERE a.via = 'callback'"
    )
    return float(row.seconds)


async def test_forecast_beyond_the_callback_gives_the_button_at_once(
    database_url: str, redis_url: str
) -> None:
    async with rush(database_url, redis_url, waiting=6 * SLOTS, kakao_callback_budget_s=3.0) as (
        stack,
        server,
    ):
        url = stack.kakao.new_callback_url()
        waits = counted_waits(stack)
        held = await stack.say_kakao("저도요", callback_url=url)
        assert not waits
        server.delay_per_token_s = 0
        assert held.bubbles == [TEXT.held_busy.format(minutes=1)]
        row = await stack.until("SELECT * FROM deliveries WHERE messenger = 'kakao'")
        assert (row.via, row.state, row.callback_until) == ("held", "held", None)
        await stack.until("SELECT 1 FROM turns WHERE text = '저도요' AND status = 'answered'")
        fetched = await stack.say_kakao("답변 확인", extra=held.button["extra"])
        assert fetched.bubbles[0] == WORDS
        assert stack.kakao.posts == []


async def test_the_same_request_once_more_gets_the_same_button(
    database_url: str, redis_url: str
) -> None:
    async with rush(database_url, redis_url, waiting=6 * SLOTS, kakao_callback_budget_s=3.0) as (
        stack,
        _,
    ):
        url = stack.kakao.new_callback_url()
        first = await stack.say_kakao("저도요", callback_url=url)
        again = await stack.say_kakao("저도요", callback_url=url)
        assert first.button["extra"] == again.button["extra"]
        assert not again.will_call_back


async def test_job_of_a_held_answer_yields_to_others(database_url: str, redis_url: str) -> None:
    async with rush(database_url, redis_url, waiting=6 * SLOTS, kakao_callback_budget_s=3.0) as (
        stack,
        server,
    ):
        await stack.say_kakao("나중에", callback_url=stack.kakao.new_callback_url())
        await stack.say_slack("먼저", user_id="Ulast")
        server.delay_per_token_s = 0
        await stack.until("SELECT 1 FROM turns WHERE text = '나중에' AND status = 'answered'")
        asked = [request.contents[-1] for request in server.requests]
        assert asked.index("먼저") < asked.index("나중에")


async def test_message_whose_answer_would_expire_is_rejected_at_admission(
    database_url: str, redis_url: str
) -> None:
    async with rush(
        database_url, redis_url, waiting=6 * SLOTS, kakao_callback_budget_s=1.0, kakao_hold_s=2.0
    ) as (stack, _):
        said = await stack.say_kakao("저도요", callback_url=stack.kakao.new_callback_url())
        assert said.bubbles == [TEXT.busy]
        assert not await stack.rows("SELECT 1 FROM turns WHERE messenger = 'kakao'")


async def test_jobs_with_later_deadlines_are_not_counted_in_front(
    database_url: str, redis_url: str
) -> None:
    async with rush(database_url, redis_url, waiting=6 * SLOTS, kakao_callback_budget_s=3.0) as (
        stack,
        _,
    ):
        async with stack.database.begin() as connection:
            await connection.execute(text("UPDATE jobs SET due = now() + interval '60 s'"))
        await stack.app[app_keys.FORECAST].count()
        url = stack.kakao.new_callback_url()
        assert (await stack.say_kakao("저도요", callback_url=url)).will_call_back


async def test_callback_is_promised_at_once_when_answers_miss_the_sync_window(
    database_url: str, redis_url: str
) -> None:
    async with rush(database_url, redis_url, waiting=0) as (stack, _):
        url, waits = stack.kakao.new_callback_url(), counted_waits(stack)
        assert (await stack.say_kakao("저도요", callback_url=url)).will_call_back
        assert not waits
        row = await stack.until("SELECT * FROM deliveries WHERE messenger = 'kakao'")
        assert (row.via, row.state) == ("callback", "pending")
        again = await stack.say_kakao("저도요", callback_url=url)
        assert again.will_call_back
        assert (await stack.kakao.next_post()).texts[-1] == WORDS
        assert await seconds_before_the_callback(stack) >= CALLBACK_GAP_S
        # Without a callback there is the response, or the button.
        assert (await stack.say_kakao("단추로")).button
        assert len(stack.kakao.posts) == 1


async def test_without_a_sync_budget_every_answer_goes_by_callback(
    database_url: str, redis_url: str
) -> None:
    async with (
        served() as (_, engine),
        running_stack(database_url, redis_url, engine, kakao_sync_budget_s=0) as stack,
    ):
        url = stack.kakao.new_callback_url()
        assert (await stack.say_kakao("안녕", callback_url=url)).will_call_back
        assert (await stack.kakao.next_post()).texts[-1] == "에코: 안녕"
        assert await seconds_before_the_callback(stack) >= CALLBACK_GAP_S
        assert (await stack.say_kakao("안녕")).button


async def test_answer_comes_in_the_response_or_by_callback_when_idle(
    database_url: str, redis_url: str
) -> None:
    async with rush(
        database_url, redis_url, waiting=0, delay_per_token_s=0.4, kakao_sync_budget_s=2.0
    ) as (stack, server):
        url = stack.kakao.new_callback_url()
        assert (await stack.say_kakao("느린 답", callback_url=url)).will_call_back
        assert (await stack.kakao.next_post()).texts[-1] == WORDS
        server.delay_per_token_s = 0
        assert (await stack.say_kakao("빠른 답")).bubbles[0] == WORDS
