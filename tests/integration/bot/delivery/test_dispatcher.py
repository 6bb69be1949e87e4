"""Settled turns on their way out: in order, to the end, and with a word when it is too late."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from sqlalchemy import select, text

from bot import app_keys
from bot.delivery import sweeper
from bot.delivery.wire import BATCH, SHARE
from bot.domain.deliveries import DeliveryResult
from bot.store.schema import deliveries
from fakes.faults import Fault
from fakes.slack import signed_command, slack_platform
from runtime.database import connect_database
from runtime.direct import DirectResult
from tests.integration.bot.delivery.delivery_parts import delivery_parts
from tests.support.seen_statements import after_direct_statements
from tests.support.stack import (
    SLACK_SECRET,
    Stack,
    running_bot,
    running_stack,
    running_worker,
    served,
    settings_for,
)


async def write(stack: Stack, *statements: str) -> None:
    async with stack.database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_retried_answer_is_not_overtaken_by_the_next(
    database_url: str, redis_url: str
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        stack.slack.faults.once(Fault.RATE_LIMITED)
        for words in ("첫째", "둘째"):
            await stack.say_slack(words)
        await stack.slack.next_post(count=3)
        assert [post.markdown for post in stack.slack.shown] == ["에코: 첫째", "에코: 둘째"]


async def test_one_platform_that_hangs_does_not_hold_up_the_other(
    database_url: str, redis_url: str
) -> None:
    async with (
        served() as made,
        running_stack(database_url, redis_url, made[1], kakao_sync_budget_s=0.001) as stack,
    ):
        stack.slack.faults.always = Fault.TIME_OUT
        await stack.say_slack("안녕")
        await stack.slack.next_post()
        await stack.say_kakao("안녕", callback_url=stack.kakao.new_callback_url())
        assert (await stack.kakao.next_post()).texts[-1] == "에코: 안녕"
        assert await stack.rows(
            "SELECT 1 FROM deliveries WHERE messenger = 'slack' AND state = 'sending'"
        )


async def test_delivery_in_flight_at_shutdown_is_sent_and_recorded(
    database_url: str, redis_url: str
) -> None:
    async with (
        slack_platform() as slack,
        served() as made,
        running_worker(database_url, redis_url, made[1]),
    ):
        slack.faults.always, slack.faults.slow_s = Fault.SLOW, 0.3
        settings = settings_for(database_url, redis_url, slack_response_hosts=(slack.origin,))
        async with running_bot(settings) as (url, _), ClientSession() as http:
            body, headers = signed_command(
                SLACK_SECRET, "안녕", response_url=slack.new_response_url()
            )
            await http.post(url + "/webhooks/slack/commands", data=body, headers=headers)
            await slack.next_post()
        database = connect_database(database_url, pool_size=1)
        async with database.connect() as connection:
            assert await connection.scalar(select(deliveries.c.state)) == "delivered"
        await database.dispose()


async def test_expiry_is_told_when_delivery_and_job_expire_together(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_EVERY_S", 0.03)
    async with running_stack(database_url, redis_url) as stack:
        await stack.say_slack("아무도 없나요?")
        await stack.until("SELECT 1 FROM turns WHERE status = 'queued'")
        await write(stack, "UPDATE deliveries SET expires_at = now()")
        await asyncio.sleep(0.2)  # several sweeps
        await write(stack, "UPDATE jobs SET deadline = now()")
        assert (await stack.slack.next_post()).markdown == stack.app[app_keys.TEXTS].expired


async def test_the_first_answer_names_the_ai_even_after_a_failure(
    database_url: str, redis_url: str
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        await stack.say_kakao("하나")
        await write(stack, "UPDATE turns SET status = 'failed'")
        assert (await stack.say_kakao("둘")).has_notice
        assert not (await stack.say_kakao("셋")).has_notice


async def test_claim_committed_without_an_acknowledgement_is_delivered_once(
    database_url: str, redis_url: str
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        lost: list[str] = []

        def lose(statement: str, claimed: DirectResult) -> None:
            if not lost and "claimed_by" in statement and claimed.all():
                lost.append(statement)
                raise ConnectionResetError

        with after_direct_statements(lose):
            await stack.say_slack("안녕")
            assert (await stack.slack.next_post()).markdown == "에코: 안녕"
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' AND attempts = 1")
        assert lost
        assert len(stack.slack.shown) == 1


@pytest.mark.parametrize(
    ("finish_reason", "truncated"), [("length", True), ("deadline", True), ("stop", False)]
)
async def test_an_answer_cut_at_a_limit_is_delivered_as_such(
    database_url: str, finish_reason: str, truncated: bool
) -> None:
    async with delivery_parts(database_url) as parts:
        await parts.add_answers(1, finish_reason=finish_reason)
        await parts.deliver()
        assert [answer.truncated for answer in parts.slack.answers] == [truncated]


async def test_answers_that_others_delivered_are_asked_for_once_only(database_url: str) -> None:
    """Responses and buttons deliver most answers: a process sees no end of those."""
    async with delivery_parts(database_url) as parts:
        parts.dispatcher.deliver_soon(uuid4() for _ in range(200))
        while await parts.dispatcher.deliver_due():
            pass
        await parts.add_answers(1)
        async with asyncio.timeout(30):
            while not parts.slack.answers:
                await asyncio.sleep(0.1)
                await parts.deliver()
        assert not await parts.dispatcher.deliver_due()


async def test_a_platform_that_hangs_leaves_room_for_the_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with delivery_parts(database_url) as parts:
        over = asyncio.Event()

        async def hang(*_: object) -> DeliveryResult:
            await over.wait()
            return parts.slack.result

        monkeypatch.setattr(parts.slack, "deliver", hang)
        hanging = await parts.add_answers(BATCH + 5)
        await parts.add_answers(1, messenger="kakao")
        async with asyncio.timeout(30):
            while not parts.kakao.answers:
                await parts.dispatcher.deliver_due()
                await asyncio.sleep(0.02)
        assert Counter(await parts.states(hanging)) == {
            "sending": SHARE,
            "pending": BATCH + 5 - SHARE,
        }
        over.set()
        async with asyncio.timeout(60):
            while set(await parts.states(hanging)) != {"delivered"}:
                await parts.deliver()
                await asyncio.sleep(0.02)
