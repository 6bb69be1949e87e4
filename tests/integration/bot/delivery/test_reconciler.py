"""A Slack answer whose POST got no answer: found in its channel, sent again, or left as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientTimeout
from pydantic import SecretStr
from sqlalchemy import Row, text

from bot.messengers.slack import api, web_api
from bot.messengers.slack.simulated_requests import CHANNEL_ID
from bot.store.delivery_claims import RECONCILE_DELAY_S, DeliveryClaim
from fakes.faults import Fault
from tests.support.seen_statements import after_direct_statements
from tests.support.stack import SLACK_TOKEN, Stack, running_bot, running_stack, served

ANSWER = "에코: 안녕"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A POST without an answer is given up sooner, and questions follow each other at once."""
    monkeypatch.setattr(api, "TIMEOUT", ClientTimeout(total=0.7, connect=0.5))
    monkeypatch.setattr(web_api, "PACE_S", 0.05)
    monkeypatch.setattr("bot.delivery.reconciler.RECONCILE_EVERY_S", 0.1)


@asynccontextmanager
async def talking(database_url: str, redis_url: str, **changes: Any) -> AsyncIterator[Stack]:
    """A bot with a token, in the channel of the commands."""
    changes = {"slack_bot_token": SecretStr(SLACK_TOKEN), **changes}
    async with served() as made, running_stack(database_url, redis_url, made[1], **changes) as all_:
        all_.slack.channels.join(CHANNEL_ID)
        yield all_


async def delivery(stack: Stack, state: str) -> Row[Any]:
    return await stack.until(f"SELECT * FROM deliveries WHERE state = '{state}'")


async def quiet_is_over(stack: Stack) -> None:
    """Nothing of the POST can be under way any more."""
    await write(stack, "UPDATE deliveries SET trace_at = now() WHERE state = 'unconfirmed'")


async def write(stack: Stack, statement: str) -> None:
    async with stack.database.begin() as connection:
        await connection.execute(text(statement))


async def ledger(stack: Stack) -> list[str]:
    return [row.state for row in await stack.rows("SELECT * FROM delivery_attempts ORDER BY id")]


async def scans(count: int) -> None:
    """Wait until the reconciler has looked for lost answers so many times."""
    seen: list[str] = []

    def note(statement: str, _: object) -> None:
        if "trace_at" in statement and "UPDATE deliveries" in statement:
            seen.append(statement)

    with after_direct_statements(note):
        async with asyncio.timeout(30):
            while len(seen) < count:
                await asyncio.sleep(0.02)


async def nothing_more_comes(stack: Stack) -> None:
    sent = len(stack.slack.messages) + len(stack.slack.posts)
    await scans(3)
    assert len(stack.slack.messages) + len(stack.slack.posts) == sent


async def test_the_answer_goes_to_the_channel_and_names_its_turn(
    database_url: str, redis_url: str
) -> None:
    async with talking(database_url, redis_url) as stack:
        await stack.say_slack("안녕")
        found = await delivery(stack, "delivered")
        [shown] = stack.slack.seen
        assert (shown.channel, shown.markdown) == (CHANNEL_ID, ANSWER)
        assert shown.message["metadata"] == {
            "event_type": "bllossom_turn",
            "event_payload": {"turn_id": str(found.turn_id)},
        }
        assert "response_type" not in shown.message
        assert f"HTTP 200, {CHANNEL_ID} 1" in found.detail
        assert not stack.slack.posts
        assert not stack.slack.readings


@pytest.mark.parametrize("fault", [Fault.TIME_OUT, Fault.CUT])
async def test_unanswered_post_in_the_channel_is_found_and_not_repeated(
    database_url: str, redis_url: str, fault: Fault
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.faults.once(fault)
        await stack.say_slack("안녕")
        await delivery(stack, "unconfirmed")
        await quiet_is_over(stack)
        found = await delivery(stack, "delivered")
        assert f"found at {CHANNEL_ID} 1" in found.detail
        assert await ledger(stack) == ["unconfirmed", "delivered"]
        await nothing_more_comes(stack)
        assert [post.markdown for post in stack.slack.seen] == [ANSWER]


@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.SERVER_ERROR])
async def test_answer_absent_from_the_channel_is_sent_again_once(
    database_url: str, redis_url: str, fault: Fault
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.channels.say(CHANNEL_ID, "남의 말")
        stack.slack.faults.once(fault)
        await stack.say_slack("안녕")
        await delivery(stack, "unconfirmed")
        await quiet_is_over(stack)
        await delivery(stack, "delivered")
        assert await ledger(stack) == ["unconfirmed", "pending", "delivered"]
        await nothing_more_comes(stack)
        assert [post.markdown for post in stack.slack.seen] == [ANSWER]
        assert not stack.slack.posts


async def test_no_lookup_before_the_reconcile_delay(database_url: str, redis_url: str) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.faults.once(Fault.DROPPED)
        await stack.say_slack("안녕")
        lost = await delivery(stack, "unconfirmed")
        began = (await stack.rows("SELECT claimed_at FROM delivery_attempts"))[0].claimed_at
        assert (lost.trace_at - began).total_seconds() == pytest.approx(RECONCILE_DELAY_S)
        await scans(3)
        assert not stack.slack.readings


@pytest.mark.parametrize("shown", [True, False])
async def test_post_of_a_bot_killed_before_recording_is_reconciled(
    database_url: str, redis_url: str, shown: bool
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.faults.once(None if shown else Fault.DROPPED)
        await stack.say_slack("안녕")
        await delivery(stack, "delivered" if shown else "unconfirmed")
        await write(
            stack,
            "UPDATE deliveries SET state = 'sending', delivered_at = NULL, "
            "claimed_until = now() - interval '1 second'",
        )
        lost = await delivery(stack, "unconfirmed")
        assert "died" in lost.detail
        await quiet_is_over(stack)
        await delivery(stack, "delivered")
        await nothing_more_comes(stack)
        assert [post.markdown for post in stack.slack.seen] == [ANSWER]
        assert (await ledger(stack))[-1] == "delivered"


async def test_response_url_is_used_in_channels_without_the_bot_and_remembered(
    database_url: str, redis_url: str
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.channels.joined.clear()
        for number in (1, 2):
            await stack.say_slack("안녕")
            await stack.slack.next_post(count=number)
        assert [post.error for post in stack.slack.messages] == ["not_in_channel"]
        assert [post.markdown for post in stack.slack.shown] == [ANSWER] * 2
        await stack.until("SELECT 1 FROM deliveries HAVING bool_and(state = 'delivered')")
        assert await stack.rows("SELECT 1 FROM deliveries WHERE trace_claim IS NOT NULL") == []


async def test_answer_at_the_response_url_is_never_reconciled(
    database_url: str, redis_url: str
) -> None:
    """The channel lets the bot read and not write: a trace would find nothing and send again."""
    async with talking(database_url, redis_url) as stack:
        stack.slack.channels.archived.add(CHANNEL_ID)
        stack.slack.faults.once(None, Fault.CUT)
        await stack.say_slack("안녕")
        lost = await delivery(stack, "unconfirmed")
        assert lost.trace_at is None
        await quiet_is_over(stack)
        await nothing_more_comes(stack)
        assert not stack.slack.readings
        assert len(stack.slack.shown) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"slack_command_visibility": "ephemeral"},
        {"slack_bot_token": SecretStr("")},
        {"slack_bot_token": SecretStr("xoxb-1\r\nX-Evil: 1")},
    ],
    ids=["ephemeral", "no token", "no possible token"],
)
async def test_else_all_is_as_without_tracing(
    database_url: str, redis_url: str, changes: dict[str, Any]
) -> None:
    async with talking(database_url, redis_url, **changes) as stack:
        stack.slack.faults.once(Fault.DROPPED)
        await stack.say_slack("안녕")
        lost = await delivery(stack, "unconfirmed")
        assert (lost.trace_claim, lost.trace_at) == (None, None)
        await quiet_is_over(stack)
        await nothing_more_comes(stack)
        assert len(stack.slack.posts) == 1
        assert not stack.slack.messages
        assert not stack.slack.readings


async def test_without_the_scope_to_read_it_stays_unconfirmed(
    database_url: str, redis_url: str
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.channels.scopes.discard("channels:history")
        stack.slack.faults.once(Fault.DROPPED)
        await stack.say_slack("안녕")
        await delivery(stack, "unconfirmed")
        await quiet_is_over(stack)
        left = await stack.until("SELECT * FROM deliveries WHERE traces = 1 AND detail ~ 'scope'")
        assert left.state == "unconfirmed"
        await nothing_more_comes(stack)
        stack.slack.channels.scopes.add("channels:history")
        await quiet_is_over(stack)
        await delivery(stack, "delivered")
        assert len(stack.slack.seen) == 1


async def test_a_rate_limit_on_reading_is_heeded(database_url: str, redis_url: str) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.history_faults.retry_after_s = 2
        stack.slack.history_faults.once(Fault.RATE_LIMITED)
        stack.slack.faults.once(Fault.DROPPED)
        await stack.say_slack("안녕")
        await delivery(stack, "unconfirmed")
        await quiet_is_over(stack)
        limited = await stack.slack.next_reading()
        left = await stack.until("SELECT * FROM deliveries WHERE detail ~ '429'")
        assert left.state == "unconfirmed"
        await quiet_is_over(stack)  # others' deliveries would be due, too
        again = await stack.slack.next_reading(count=2)
        assert again.at - limited.at > 1.9
        await delivery(stack, "delivered")
        assert len(stack.slack.seen) == 1


async def test_two_concurrent_reconcilers_send_again_once(
    database_url: str, redis_url: str
) -> None:
    async with talking(database_url, redis_url) as stack, running_bot(stack.configuration):
        stack.slack.history_faults.always = Fault.SLOW
        stack.slack.faults.once(*[Fault.DROPPED] * 6)
        for number in range(6):
            await stack.say_slack("안녕", user_id=f"U{number}")
        await stack.until(
            "SELECT 1 FROM deliveries HAVING count(*) = 6 AND bool_and(traces = 0 "
            "AND state = 'unconfirmed')"
        )
        await quiet_is_over(stack)
        await stack.until("SELECT 1 FROM deliveries HAVING bool_and(state = 'delivered')")
        await nothing_more_comes(stack)
        assert len(stack.slack.readings) == len(stack.slack.seen) == 6


async def test_expired_answer_is_looked_up_and_not_sent_again(
    database_url: str, redis_url: str
) -> None:
    async with talking(database_url, redis_url) as stack:
        stack.slack.faults.once(Fault.DROPPED)
        await stack.say_slack("안녕")
        await delivery(stack, "unconfirmed")
        await write(stack, "UPDATE deliveries SET expires_at = now(), trace_at = now()")
        left = await stack.until("SELECT * FROM deliveries WHERE traces = 1 AND trace_at IS NULL")
        assert left.state == "unconfirmed"
        assert "too late" in left.detail
        await nothing_more_comes(stack)


async def test_stale_claim_sends_nothing(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(database_url, redis_url) as stack:
        monkeypatch.setattr(DeliveryClaim, "is_stale", True)
        await stack.say_slack("안녕")
        await stack.until("SELECT 1 FROM deliveries WHERE attempts = 2")
        assert not stack.slack.messages
        monkeypatch.undo()
        await delivery(stack, "delivered")
        assert len(stack.slack.seen) == 1
