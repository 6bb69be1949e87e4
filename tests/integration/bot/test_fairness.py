"""One person's flood, in the whole product: bounded, told in a sentence, and not felt by others."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from bot import app_keys
from bot.admission.backlog import FULL_CONVERSATIONS, Backlog
from bot.admission.forecast import Capacity, Forecast
from bot.admission.rate_limit import RateLimit
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Person, Utterance
from bot.settings import Settings
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from fakes.generic import signed_headers
from inference_queue.worker_registry import WorkerState, WorkerStatus
from runtime.database import connect_database
from runtime.redis_client import connect_redis
from tests.support.generic_chat import running_chat
from tests.support.stack import GENERIC_SECRET, running_stack

TEXT = TEXTS["ko"]
DEFAULTS = Settings(_env_file=None)


#: The sentences of a command that is stored: none until the bot has looked for its workers.
TAKEN = ("", TEXT.worker_down)


def document(number: int, *, user: str = "철수", conversation: str = "room-1") -> dict[str, str]:
    return {
        "conversation": conversation,
        "user": user,
        "text": f"질문 {number}",
        "idempotency_key": uuid4().hex,
    }


async def test_fifty_slack_commands_at_once_leave_as_many_as_may_wait(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(database_url, redis_url, rate_limit_per_minute=0) as stack:

        async def ask(number: int, user: str = "U0CHULSOO") -> str:
            said, _, _ = await stack.say_slack(f"질문 {number}", user_id=user)
            assert said.status == 200
            sentence = str(said.body.get("text", ""))
            is_kept = sentence.startswith(TEXT.worker_down.partition("{")[0])
            return TEXT.worker_down if is_kept else sentence

        sentences = Counter(await asyncio.gather(*map(ask, range(50))))
        # A busy machine may be too slow for some of them, which it says too.
        assert set(sentences) <= {*TAKEN, TEXT.conversation_full, TEXT.storage_down}
        assert sum(sentences[one] for one in TAKEN) <= DEFAULTS.max_waiting_turns
        async with asyncio.timeout(60):
            while await ask(50) != TEXT.conversation_full:
                pass
        [count] = await stack.rows("SELECT count(*) AS turns FROM turns")
        assert count.turns == DEFAULTS.max_waiting_turns
        async with asyncio.timeout(60):
            while await ask(51, "U0YOUNGHEE") not in TAKEN:
                pass


async def test_kakao_says_that_the_questions_before_are_still_being_answered(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(
        database_url, redis_url, max_waiting_turns=2, kakao_sync_budget_s=0
    ) as stack:
        said = [await stack.say_kakao(f"질문 {n}") for n in range(3)]
        assert [one.bubbles == [TEXT.conversation_full] for one in said] == [False, False, True]
        assert (await stack.say_kakao("저는요?", user="영희")).bubbles != [TEXT.conversation_full]


async def test_the_generic_webhook_answers_429_with_retry_after(
    database_url: str, redis_url: str
) -> None:
    async with running_chat(database_url, redis_url, worker=False, max_waiting_turns=1) as chat:
        first = document(0)
        assert (await chat.send(first)).status == 202
        body = json.dumps(document(1)).encode()
        url = f"{chat.stack.url}/webhooks/generic"
        headers = signed_headers(GENERIC_SECRET, body)
        async with chat.stack.http.post(url, data=body, headers=headers) as response:
            assert response.status == 429
            assert int(response.headers["Retry-After"]) > 0
            assert (await response.json())["message"] == TEXT.conversation_full
        # The message that waits is still recognized, and others are taken.
        assert (await chat.send(first)).status == 202
        assert (await chat.send(document(2, user="영희", conversation="room-2"))).status == 202


async def test_a_person_with_many_conversations_has_a_bound_over_all_of_them(
    database_url: str, redis_url: str
) -> None:
    async with running_chat(database_url, redis_url, worker=False, max_waiting_turns=1) as chat:
        said = [await chat.send(document(n, conversation=f"room-{n}")) for n in range(8)]
        taken = [one.status == 202 for one in said]
        assert taken == sorted(taken, reverse=True)
        # A count between a commit and its note may see one turn twice.
        assert FULL_CONVERSATIONS - 1 <= sum(taken) <= FULL_CONVERSATIONS
        assert said[-1].body["message"] == TEXT.conversation_full
        assert (await chat.send(document(9, user="영희", conversation="room-y"))).status == 202


async def test_the_backlog_counts_people_however_much_they_ask(
    database_url: str, redis_url: str
) -> None:
    """The flood that made everybody else hear "busy": now it is one of the people who wait."""
    async with running_stack(
        database_url, redis_url, max_waiting_turns=0, max_waiting=3, rate_limit_per_minute=0
    ) as stack:
        database = connect_database(database_url, pool_size=1)
        backlog = Backlog(database, 3, max_waiting_turns=5)
        for number in range(10):
            await stack.say_slack(f"질문 {number}", channel_id=f"C{number % 2}")
        await stack.say_slack("저는요?", user_id="U0YOUNGHEE")
        await backlog.count()
        assert not backlog.is_full("slack", "T0BLLOSSOM")
        backlog.add(Person(messenger="slack", tenant="T0BLLOSSOM", sender="U0MINSU"))
        assert backlog.is_full("slack", "T0BLLOSSOM")
        await database.dispose()


# --- the forecast ---------------------------------------------------------------


def utterance(sender: str, *, event_key: str = "e") -> Utterance:
    now = datetime.now(UTC)
    return Utterance(
        messenger="slack",
        tenant="T1",
        conversation_key=f"c {sender}",
        event_key=event_key,
        sender=sender,
        text="안녕",
        reply=ReplyHandle(via=DeliveryVia.POST, expires_at=now + timedelta(minutes=28)),
        received_at=now,
    )


class Measured(WorkerRegistry):
    """One worker with one slot that takes ten seconds an answer."""

    @property
    def ready(self) -> list[WorkerStatus]:
        return [WorkerStatus(id="w", state=WorkerState.READY, slots=1, answer_s=10.0)]


async def test_turns_behind_others_of_their_person_are_no_load(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(database_url, redis_url, max_waiting_turns=0) as stack:
        redis = connect_redis(redis_url)
        forecast = Forecast(stack.database, Measured(redis))
        assert forecast.capacity == Capacity(slots=1, answer_s=10.0)
        for _ in range(20):
            forecast.add(utterance("flood"))
        assert forecast.answered_at_last_in_s == 20.0
        forecast.add(utterance("영희"))
        assert forecast.answered_at_last_in_s == 30.0
        # Six conversations of one person and one of another are two people in front.
        for number in range(6):
            await stack.say_slack("질문", channel_id=f"C{number}")
        await stack.say_slack("저는요?", user_id="U0YOUNGHEE")
        await stack.until("SELECT 1 FROM jobs HAVING count(*) = 7")
        forecast = Forecast(stack.database, Measured(redis))
        await forecast.count()
        assert forecast.answered_at_last_in_s == 30.0
        await redis.aclose()


async def test_who_was_served_while_others_wait_is_told_of_all_of_them(
    database_url: str, redis_url: str
) -> None:
    """The order of claims puts them behind; a forecast by due times alone would promise more."""
    async with running_stack(database_url, redis_url) as stack:
        redis = connect_redis(redis_url)
        for number in range(3):
            await stack.say_slack("질문", user_id=f"U{number}")
        await stack.until("SELECT 1 FROM jobs HAVING count(*) = 3")
        served = utterance("U9")
        async with stack.database.begin() as connection:
            await connection.execute(
                text("INSERT INTO fairness_keys VALUES (:key, now())"), {"key": served.person.key}
            )
            # Those who wait can be answered only after the due time of what comes now.
            await connection.execute(text("UPDATE jobs SET due = now() + interval '10 min'"))
        forecast = Forecast(stack.database, Measured(redis))
        await forecast.count()
        due = datetime.now(UTC) + timedelta(minutes=1)
        assert forecast.answered_in_s(due) == 10.0
        assert forecast.answered_in_s(due, served.person) == 40.0
        await redis.aclose()


# --- the rate limit ---------------------------------------------------------------


@pytest.mark.parametrize("messages", [20, 40, 60])
async def test_no_human_meets_the_default_rate_limit(redis_url: str, messages: int) -> None:
    """Fragments typed in a hurry, or a long text pasted line by line: all within one minute."""
    redis = connect_redis(redis_url)
    limit = RateLimit(redis, DEFAULTS.rate_limit_per_minute)
    person = Person(messenger="kakao", tenant="", sender=uuid4().hex)
    assert all([await limit.allows(person) for _ in range(messages)])
    await redis.aclose()


async def test_the_default_rate_limit_stops_a_flood_and_nobody_else(redis_url: str) -> None:
    redis = connect_redis(redis_url)
    limit = RateLimit(redis, DEFAULTS.rate_limit_per_minute)
    flood = Person(messenger="kakao", tenant="", sender=uuid4().hex)
    began = time.time()
    allowed = sum([await limit.allows(flood) for _ in range(1055)])
    minutes = int(time.time() // 60) - int(began // 60) + 1
    assert allowed <= minutes * DEFAULTS.rate_limit_per_minute
    for other in (
        replace(flood, sender="영희"),
        replace(flood, tenant="other"),
        replace(flood, messenger="slack"),
    ):
        assert await limit.allows(other)
    await redis.aclose()


async def test_the_default_settings_bound_one_person(database_url: str, redis_url: str) -> None:
    async with running_stack(database_url, redis_url) as stack:
        assert DEFAULTS.rate_limit_per_minute
        assert DEFAULTS.max_waiting_turns
        person = Person(messenger="kakao", tenant="", sender="철수")
        waiters = stack.app[app_keys.WAITERS]
        crowd = [asyncio.create_task(waiters.wait(uuid4(), 60, person=person)) for _ in range(512)]
        await asyncio.sleep(0)
        held = [task for task in crowd if not task.done()]
        assert len(held) <= len(crowd) // 16
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
