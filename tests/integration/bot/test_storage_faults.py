"""What people read whose message Postgres refuses, while all others are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.text.catalog import TEXTS
from tests.support.stack import Stack, running_stack, served
from tests.support.timeouts import true_timeouts

TEXT = TEXTS["ko"]


@pytest.fixture
async def stack(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    async with (
        served() as (_, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        yield stack


async def refuse(stack: Stack, condition: str) -> None:
    async with stack.database.begin() as connection:
        await connection.exec_driver_sql(
            f"ALTER TABLE turns ADD CONSTRAINT of_this_test CHECK ({condition})"
        )


async def test_a_message_that_cannot_be_stored_is_answered_with_a_sentence(stack: Stack) -> None:
    await refuse(stack, "text <> '나쁜 말'")
    assert (await stack.say_kakao("나쁜 말")).bubbles == [TEXT.storage_fault]
    command, _, _ = await stack.say_slack("나쁜 말")
    assert TEXT.storage_fault in str(command.body)
    assert (await stack.say_kakao("좋은 말")).bubbles[0] == "에코: 좋은 말"


@pytest.mark.parametrize("status", ["queued", "answered"])
async def test_a_dead_letter_is_told_to_its_person(stack: Stack, status: str) -> None:
    await refuse(stack, f"text <> '나쁜 말' OR status <> '{status}'")
    await stack.say_slack("나쁜 말")
    assert (await stack.slack.next_post()).markdown == TEXT.failed
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    [turn] = await stack.rows("SELECT * FROM turns")
    assert (turn.status, turn.failure_reason) == ("failed", "storage_fault")
    await stack.say_slack("좋은 말")
    assert (await stack.slack.next_post(2)).markdown == "에코: 좋은 말"


async def test_an_answer_in_time_is_shown_though_its_claim_is_slow(stack: Stack) -> None:
    async with stack.database.begin() as connection:
        await connection.exec_driver_sql(
            """CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.8); RETURN NEW; END $$"""
        )
        await connection.exec_driver_sql(
            """CREATE TRIGGER slow_claim BEFORE UPDATE ON deliveries FOR EACH ROW
            WHEN (NEW.state = 'sending') EXECUTE FUNCTION slowly()"""
        )
    with true_timeouts():
        assert (await stack.say_kakao("안녕")).bubbles[0] == "에코: 안녕"
