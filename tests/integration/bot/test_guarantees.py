"""Bursts, held answers, the door, the ledger: what a person sees when things are not simple."""

from __future__ import annotations

import asyncio

from bot.text.catalog import TEXTS
from fakes.faults import Fault
from tests.support.stack import (
    SYNC_BUDGET_S,
    running_stack,
    running_worker,
    served,
    until_ready,
)

TEXT = TEXTS["ko"]
SLOW = "하나 둘 셋 넷 다섯 여섯"


async def test_a_burst_is_one_prompt_answered_on_the_newest(
    database_url: str, redis_url: str
) -> None:
    async with (
        served() as (server, engine),
        running_stack(database_url, redis_url, engine, merge_window_s=1.5) as stack,
    ):

        async def say(text: str, after_s: float) -> list[str]:
            await asyncio.sleep(after_s)
            return (await stack.say_kakao(text)).outputs

        said = await asyncio.gather(
            say("저기요", 0), say("환불은", 0.2), say("어떻게 하나요?", 0.4)
        )
        assert list(said[:2]) == [[TEXT.merged]] * 2
        assert said[2] == [TEXT.ai_notice, "에코: 저기요\n환불은\n어떻게 하나요?"]
        assert [request.roles for request in server.requests] == [["system", "user"]]
        rows = await stack.rows("SELECT status, merged_into IS NULL FROM turns ORDER BY seq")
        assert [tuple(row) for row in rows] == [
            ("merged", False),
            ("merged", False),
            ("answered", True),
        ]
        await stack.say_kakao("고마워요")
        assert server.requests[-1].contents[1] == "저기요\n환불은\n어떻게 하나요?"


async def test_messages_sent_during_a_generation_are_merged_in_order(
    database_url: str, redis_url: str
) -> None:
    async with (
        served(delay_per_token_s=0.3) as (server, engine),
        running_stack(database_url, redis_url, engine, merge_window_s=0.3) as stack,
    ):
        await stack.say_slack("첫 질문")
        await server.until(lambda s: s.running == 1)
        for text in ("둘째", "셋째"):
            await stack.say_slack(text)
        await stack.slack.next_post(count=3)
        assert [request.contents[-1] for request in server.requests] == ["첫 질문", "둘째\n셋째"]
        told = sorted(post.markdown or post.text for post in stack.slack.posts)
        assert sum(TEXT.merged in sentence for sentence in told) == 1


async def test_a_held_answer_is_offered_with_the_next_message(
    database_url: str, redis_url: str
) -> None:
    async with (
        served(delay_per_token_s=0.2, reply=lambda _: SLOW) as (server, engine),
        running_stack(database_url, redis_url, engine, kakao_sync_budget_s=0.3) as stack,
    ):
        await stack.say_kakao("오래 걸리는 질문")
        await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
        server.delay_per_token_s, server.reply = 0, lambda _: "금방이에요."
        stack.set_kakao_sync_budget(SYNC_BUDGET_S)
        said = await stack.say_kakao("다음 질문")
        assert said.bubbles[0] == "금방이에요."
        assert said.button["label"] == TEXT.earlier_label
        fetched = await stack.say_kakao(said.button["label"], extra=said.button["extra"])
        assert fetched.bubbles[0] == SLOW
        later = await stack.say_kakao("또 질문")
        assert TEXT.earlier_label not in [reply["label"] for reply in later.quick_replies]


async def test_unfetched_answer_expires_and_is_told_once(database_url: str, redis_url: str) -> None:
    async with (
        served(delay_per_token_s=0.3, reply=lambda _: SLOW) as (server, engine),
        running_stack(database_url, redis_url, engine, kakao_sync_budget_s=0.3) as stack,
    ):
        held = await stack.say_kakao("오래 걸리는 질문")
        await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
        async with stack.database.begin() as connection:
            await connection.exec_driver_sql("UPDATE deliveries SET expires_at = now()")
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'expired'")
        pressed = await stack.say_kakao("답변 확인", extra=held.button["extra"])
        assert pressed.bubbles == [TEXT.held_expired]
        server.delay_per_token_s = 0
        stack.set_kakao_sync_budget(SYNC_BUDGET_S)
        assert TEXT.earlier_expired in (await stack.say_kakao("다음")).bubbles
        assert TEXT.earlier_expired not in (await stack.say_kakao("그다음")).bubbles


async def test_backlog_over_the_bound_is_told_at_admission(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(
        database_url, redis_url, max_waiting=3, kakao_sync_budget_s=0.3
    ) as stack:
        said = [await stack.say_slack(f"질문 {n}", user_id=f"U{n}") for n in range(5)]
        busy = [TEXT.busy in str(answer[0].body) for answer in said]
        assert busy == sorted(busy)
        assert busy[-1]
        assert {answer[0].status for answer in said} == {200}
        accepted = len(await stack.rows("SELECT 1 FROM turns"))
        # A count taken between a commit and its note may see one turn twice, never none.
        assert accepted == busy.count(False)
        assert 2 <= accepted <= 3
        kakao = await stack.say_kakao("카카오는 따로 세어요")
        assert kakao.bubbles != [TEXT.busy]


async def test_every_attempt_to_deliver_is_in_the_ledger(database_url: str, redis_url: str) -> None:
    async with (
        served() as (_, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        stack.slack.faults.once(Fault.RATE_LIMITED)
        await stack.say_slack("안녕")
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
        rows = await stack.rows(
            "SELECT claim, via, state, detail, claimed_at <= recorded_at AS forward "
            "FROM delivery_attempts ORDER BY id"
        )
        assert [(row.claim, row.via, row.state) for row in rows] == [
            (1, "post", "pending"),
            (2, "post", "delivered"),
        ]
        assert "429" in rows[0].detail
        assert all(row.forward for row in rows)


async def test_claim_of_a_dead_process_is_in_the_ledger(database_url: str, redis_url: str) -> None:
    async with (
        served() as (_, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        await stack.say_slack("안녕")
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
        async with stack.database.begin() as connection:
            # A process that claimed, posted, and died before it could say so.
            await connection.exec_driver_sql(
                "UPDATE deliveries SET state = 'sending', claim = 2, "
                "claimed_until = now() - interval '1 second'"
            )
        delivery = await stack.until("SELECT * FROM deliveries WHERE state = 'unconfirmed'")
        assert "died" in delivery.detail
        rows = await stack.rows("SELECT state FROM delivery_attempts ORDER BY id")
        assert [row.state for row in rows] == ["delivered", "unconfirmed"]
        await stack.say_slack("다음", user_id="UNEXT")
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
        assert len(stack.slack.posts) == 2


async def test_cancelled_answer_stops_on_the_engine(database_url: str, redis_url: str) -> None:
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_stack(database_url, redis_url) as stack,
        running_worker(database_url, redis_url, engine, lease_s=15),
    ):
        await until_ready(stack)
        await stack.say_slack("그만둘 질문")
        await server.until(lambda s: s.running == 1)
        async with stack.database.begin() as connection:
            await connection.exec_driver_sql("UPDATE jobs SET cancel_requested = true")
        await server.until(lambda s: s.aborted == 1)
        await stack.until("SELECT 1 FROM turns WHERE status = 'cancelled'")
