"""Deliveries that are claimed with their turn's settlement: as a claim of their own would be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bot.conversation import settler
from bot.conversation.settlement_events import SettlementNotifier
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.conversation.settler import Settler
from bot.delivery import dispatcher
from bot.delivery.wire import SHARE
from bot.domain.deliveries import DeliveryResult, DeliveryVia, ReplyHandle
from bot.store import delivery_claims
from bot.store.delivery_claims import (
    CLAIM_S,
    RECONCILE_DELAY_S,
    ClaimRequest,
    DeliveryClaim,
)
from bot.store.history_cache import RecentHistory
from bot.store.row_filter import RowFilter
from bot.store.settlements import SettledTurn
from bot.store.turn_outcomes import load_outcome
from inference_queue.channels import FINISHED_CHANNEL
from runtime.database import DATABASE_ERRORS, WITH_SENDER, connect_database
from runtime.direct import DirectConnection, DirectResult, begin_directly, connect_directly
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.tasks import cancel_and_wait
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts
from tests.integration.bot.delivery.delivery_parts import DeliveryParts
from tests.support.blocked import until_blocked
from tests.support.seen_statements import after_direct_statements, seen_statements
from tests.support.settling import Route, settle_finished

NAME = uuid4()


@dataclass
class Whole:
    """Conversation and delivery, with a settler that hands claims over."""

    route: Route
    parts: Parts
    delivery: DeliveryParts
    settler: Settler
    scheduled: list[int]  #: conversations that a settlement wants to have scheduled

    async def causes(self) -> set[str]:
        """The causes of the wake-up by which what is finished is settled by this route."""
        return await self.parts.causes() if self.route is Route.UNREAD else set()

    async def settle(self) -> int:
        """A round of the settler."""
        return await self.settler.settle_woken(await self.causes())


@pytest.fixture(params=Route)
async def whole(
    database_url: str, redis_url: str, request: pytest.FixtureRequest
) -> AsyncIterator[Whole]:
    async with running_parts(database_url, redis_url) as parts:
        delivery = DeliveryParts(parts.database, parts.redis)
        wakeup = WakeupPublisher(parts.redis, "settled")
        scheduled: list[int] = []
        settling = Settler(
            database=parts.database,
            queue=parts.queue,
            finished=WakeupSubscriber(parts.redis, FINISHED_CHANNEL),
            follow_up=SettlementFollowUp(
                history=RecentHistory(parts.redis, max_turns=5),
                notifier=SettlementNotifier(wakeup, deliver_soon=delivery.dispatcher.deliver_soon),
                schedule_soon=scheduled.append,
                early=parts.early,
            ),
            dispatcher=delivery.dispatcher,
        )
        yield Whole(request.param, parts, delivery, settling, scheduled)
        await delivery.recorded()
        await wakeup.close()


async def answered(parts: Parts, key: str = "철수", **changes: Any) -> UUID:
    """A turn whose job is finished."""
    turn_id = await parts.wait(f"말 {key}", key=key, **changes)
    await parts.schedule_all()
    assert await parts.work() == 1
    return turn_id


async def settled_turns(
    connection: DirectConnection, whole: Whole, **changes: Any
) -> list[SettledTurn]:
    """Settle what is finished."""
    request = replace(ClaimRequest(name=NAME, limit=5), **changes)
    return await settle_finished(connection, whole.parts.queue, whole.route, request)


async def settle(connection: DirectConnection, whole: Whole, **changes: Any) -> list[DeliveryClaim]:
    """The same; the claims made with it."""
    settled = await settled_turns(connection, whole, **changes)
    assert not [turn for turn in settled if turn.claim and turn.is_due]
    return [turn.claim for turn in settled if turn.claim]


def reply(
    via: DeliveryVia, sync_s: float | None = None, callback_s: float | None = None
) -> ReplyHandle:
    """A way to answer; the ends of its windows in seconds from now."""
    now = datetime.now(UTC)
    return ReplyHandle(
        via=via,
        expires_at=now + timedelta(minutes=5),
        sync_until=None if sync_s is None else now + timedelta(seconds=sync_s),
        callback_until=None if callback_s is None else now + timedelta(seconds=callback_s),
    )


async def test_a_claim_made_with_the_settlement_is_like_any_other(whole: Whole) -> None:
    turn_id = await answered(whole.parts)
    async with connect_directly(whole.parts.database) as connection:
        [claim] = await settle(connection, whole)
    async with whole.parts.database.connect() as plain:
        assert claim.turn == await load_outcome(plain, turn_id)
    assert (claim.turn_id, claim.via, claim.number, claim.attempts) == (turn_id, "post", 1, 1)
    row = await whole.delivery.delivery(turn_id)
    assert (row.state, row.claim, row.attempts, row.claimed_by) == ("sending", 1, 1, NAME)


BEHIND = """
    INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender, text,
        reply_handle, expires_at, status, settled_at)
    SELECT gen_random_uuid(), id, 0, 0, messenger, tenant, 'earlier', 'U1', '먼저',
        '{}', now(), 'answered', now() FROM conversations;
    INSERT INTO deliveries (turn_id, messenger, via, state, not_before, expires_at)
    SELECT id, messenger, '%s', '%s', now(), now() FROM turns WHERE event_key = 'earlier'
"""


@pytest.mark.parametrize(
    ("given", "request_", "before", "claimed", "due"),
    [
        ((DeliveryVia.POST,), {}, "", True, True),
        ((DeliveryVia.CALLBACK, 0, 40), {}, "", True, True),
        ((DeliveryVia.SYNC, 60, 90), {}, "", False, False),
        ((DeliveryVia.CALLBACK, 60, 90), {}, "", False, False),
        ((DeliveryVia.HELD,), {}, "", False, False),
        ((DeliveryVia.POST,), {"limit": 0}, "", False, True),
        ((DeliveryVia.POST,), {"without": ["slack"]}, "", False, True),
        ((DeliveryVia.POST,), {"without": ["kakao"]}, "", True, True),
        ((DeliveryVia.POST,), {}, BEHIND % ("post", "pending"), False, True),
        ((DeliveryVia.POST,), {}, BEHIND % ("post", "sending"), False, True),
        ((DeliveryVia.POST,), {}, BEHIND % ("post", "delivered"), True, True),
        ((DeliveryVia.POST,), {}, BEHIND % ("callback", "pending"), True, True),
        ((DeliveryVia.CALLBACK,), {}, BEHIND % ("post", "pending"), True, True),
        ((DeliveryVia.POST,), {}, "UPDATE deliveries SET state = 'sending'", False, False),
    ],
)
async def test_what_is_claimed_with_a_settlement_is_what_a_claim_would_find(
    whole: Whole,
    given: tuple[Any, ...],
    request_: dict[str, Any],
    before: str,
    claimed: bool,
    due: bool,
) -> None:
    parts = whole.parts
    turn_id = await answered(parts, reply=reply(*given))
    for statement in filter(str.strip, before.split(";")):
        await parts.execute(statement)
    async with connect_directly(parts.database) as connection:
        with contextlib.suppress(LookupError):
            async with connection.begin():
                claims = await settle(connection, whole, **request_)
                assert [claim.turn_id for claim in claims] == ([turn_id] if claimed else [])
                raise LookupError
        [turn] = await settled_turns(connection, whole, limit=0)
        assert turn.is_due is due
    async with parts.database.connect() as plain:
        only, without = RowFilter(only=(turn_id,)), request_.get("without", ())
        found = await delivery_claims.find_due(
            plain, request_.get("limit", 5), only, without=without
        )
    assert found == ([turn_id] if claimed else [])


@pytest.mark.parametrize(
    ("given", "marking", "marked"),
    [
        ((DeliveryVia.POST,), ["slack", "kakao"], True),
        ((DeliveryVia.POST,), ["kakao"], False),
        ((DeliveryVia.CALLBACK, 0, 40), ["slack"], False),
    ],
)
@pytest.mark.parametrize("settling", [True, False])
async def test_a_claim_of_a_post_that_can_be_looked_up_is_marked_with_its_number(
    whole: Whole, given: tuple[Any, ...], marking: list[str], marked: bool, settling: bool
) -> None:
    turn_id = await answered(whole.parts, reply=reply(*given))
    await whole.parts.execute("UPDATE deliveries SET trace_claim = 0, traces = 3, trace_at = now()")
    async with connect_directly(whole.parts.database) as connection:
        claims = await settle(connection, whole, marking=marking, limit=1 if settling else 0)
        if not settling:
            claims = await delivery_claims.claim_due(connection, 1, marking=marking)
    assert [claim.marked for claim in claims] == [marked]
    row = await whole.delivery.delivery(turn_id)
    assert (row.trace_claim, row.traces) == (1 if marked else None, 0)
    if marked:
        quiet_s = (row.trace_at - row.claimed_until).total_seconds()
        assert quiet_s == pytest.approx(RECONCILE_DELAY_S - CLAIM_S, abs=0.1)
    else:
        assert row.trace_at is None


async def test_a_stopped_answer_is_not_claimed_with_its_settlement(whole: Whole) -> None:
    turn_id = await whole.parts.wait("하나")
    await whole.parts.schedule_all()
    assert await whole.parts.canceller.cancel(turn_id)
    async with connect_directly(whole.parts.database) as connection:
        assert await settle(connection, whole) == []
    assert await whole.settler.settle() == (1 if whole.route is Route.UNREAD else 0)
    assert (await whole.delivery.delivery(turn_id)).state == "expired"


@pytest.mark.parametrize(("limit", "durable"), [(5, "on"), (0, "off")])
async def test_the_commit_waits_for_the_disk_where_something_is_claimed(
    whole: Whole, limit: int, durable: str
) -> None:
    await answered(whole.parts)
    async with begin_directly(whole.parts.database) as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = on"))
        await settle(connection, whole, limit=limit)
        assert await connection.scalar(text("SHOW synchronous_commit")) == durable


async def test_a_delivery_that_another_one_holds_is_not_waited_for(whole: Whole) -> None:
    turn_id = await answered(whole.parts)
    async with whole.parts.database.begin() as other:
        await other.execute(text("UPDATE deliveries SET updated_at = now()"))
        async with connect_directly(whole.parts.database) as connection:
            assert await settle(connection, whole) == []
    assert (await whole.delivery.delivery(turn_id)).state == "pending"


async def test_a_claim_after_a_wait_for_a_conversation_lasts_as_long_as_any(whole: Whole) -> None:
    turn_id = await answered(whole.parts)

    async def run() -> list[DeliveryClaim]:
        async with connect_directly(whole.parts.database) as connection:
            return await settle(connection, whole)

    async with whole.parts.database.begin() as holder:
        await holder.execute(text("SELECT FROM conversations FOR UPDATE"))
        task = asyncio.create_task(run())
        await until_blocked(whole.parts.database)
        await holder.execute(text("SELECT pg_sleep(0.5)"))
    assert len(await task) == 1
    row = await whole.delivery.delivery(turn_id)
    waited = row.claimed_until - row.updated_at - timedelta(seconds=delivery_claims.CLAIM_S)
    assert waited >= timedelta(seconds=0.5)


async def test_an_answer_is_settled_claimed_and_recorded_by_few_statements(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler, "SETTLE_POLL_S", 600.0)
    assert await whole.settler.settle() == 0
    turn_id = await answered(whole.parts)
    await whole.delivery.dispatcher.deliver_due()  # the scan, which comes by itself
    causes = await whole.causes()
    with seen_statements(whole.parts.database) as seen:
        assert await whole.settler.settle_woken(causes) == 1
        await whole.delivery.dispatcher.deliver_due()
        await whole.delivery.recorded()
    assert whole.delivery.slack.turn_ids == {turn_id}
    reads = [False] if whole.route is Route.READ else []
    assert ["claimed_by" in statement for statement in seen] == [*reads, True, False]
    assert await whole.delivery.states([turn_id]) == ["delivered"]


async def test_answers_of_a_conversation_keep_their_order(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = asyncio.Event()
    deliver = whole.delivery.slack.deliver

    async def held(*arguments: Any) -> DeliveryResult:
        await sent.wait()
        return await deliver(*arguments)

    monkeypatch.setattr(whole.delivery.slack, "deliver", held)
    first = await answered(whole.parts)
    assert await whole.settle() == 1
    second = await answered(whole.parts)
    assert await whole.settle() == 1
    assert await whole.delivery.states([first, second]) == ["sending", "pending"]
    sent.set()
    async with asyncio.timeout(30):
        while len(whole.delivery.slack.answers) < 2:
            await whole.delivery.dispatcher.deliver_due()
            await asyncio.sleep(0.01)
    assert [answer.turn_id for answer in whole.delivery.slack.answers] == [first, second]


async def test_a_messenger_whose_share_is_used_up_is_not_claimed_for(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def hang(*_: object) -> DeliveryResult:
        await over.wait()
        return whole.delivery.slack.result

    monkeypatch.setattr(whole.delivery.slack, "deliver", hang)
    await whole.delivery.add_answers(SHARE)
    await whole.delivery.dispatcher.deliver_due()
    turn_id = await answered(whole.parts)
    assert await whole.settle() == 1
    assert await whole.delivery.states([turn_id]) == ["pending"]
    over.set()


async def test_room_of_a_settlement_under_way_is_given_to_no_other_claim(whole: Whole) -> None:
    delivering = whole.delivery.dispatcher
    await whole.delivery.add_answers(3)
    with delivering.claiming(SHARE) as request:
        assert request.limit == SHARE
        with delivering.claiming(SHARE) as other:
            assert other.limit == 0
        assert not await delivering.deliver_due()
    await delivering.deliver_due()
    await whole.delivery.recorded()
    assert len(whole.delivery.slack.answers) == 3


async def test_a_claim_of_a_settlement_under_way_is_not_released(whole: Whole) -> None:
    turn_id = await answered(whole.parts)
    with whole.delivery.dispatcher.claiming(5) as request:
        async with connect_directly(whole.parts.database) as connection:
            await settle(connection, whole, name=request.name)
        assert await whole.delivery.claimer.claim(5) == []
        assert await whole.delivery.states([turn_id]) == ["sending"]


@pytest.mark.parametrize("error", [ConnectionResetError, TimeoutError, asyncio.CancelledError])
async def test_a_claim_without_an_answer_of_postgres_is_made_again(
    whole: Whole, error: type[BaseException]
) -> None:
    turn_id = await answered(whole.parts)
    lost: list[str] = []

    def lose(statement: str, _: DirectResult) -> None:
        if not lost and "claimed_by" in statement:
            lost.append(statement)
            raise error

    with after_direct_statements(lose), contextlib.suppress(OSError, asyncio.CancelledError):
        await whole.settle()
    assert await whole.delivery.states([turn_id]) == ["sending"]
    await whole.delivery.deliver()
    assert whole.delivery.slack.turn_ids == {turn_id}
    row = await whole.delivery.delivery(turn_id)
    assert (row.state, row.attempts) == ("delivered", 1)


async def test_a_settlement_is_done_to_its_end_as_the_bot_stops(whole: Whole) -> None:
    turn_id = await answered(whole.parts)
    await whole.parts.wait("다음", key="철수")
    async with whole.parts.database.begin() as holder:
        await holder.execute(text("SELECT FROM conversations FOR UPDATE"))
        settling = asyncio.create_task(whole.settle())
        await until_blocked(whole.parts.database)
        settling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await settling
    await whole.delivery.dispatcher.close()
    assert whole.delivery.slack.turn_ids == {turn_id}
    assert await whole.delivery.states([turn_id]) == ["delivered"]
    assert len(whole.scheduled) == 1  # the next question waits for no sweep


async def test_a_settlement_that_waits_as_its_bot_is_killed_claims_nothing(
    whole: Whole, database_url: str
) -> None:
    """Nobody would send it, and it would count as perhaps sent."""
    turn_id = await answered(whole.parts)
    killed = connect_database(database_url, pool_size=1, server_settings=WITH_SENDER)
    async with whole.parts.database.begin() as holder:
        await holder.execute(text("SELECT FROM conversations FOR UPDATE"))
        async with connect_directly(killed) as connection:
            settling = asyncio.create_task(settle(connection, whole))
            await until_blocked(whole.parts.database)
            # As the kernel does with a dead process's connection: no request to stop goes out.
            connection._driver.terminate()
            with pytest.raises(DATABASE_ERRORS):
                await settling
        await holder.execute(text("SELECT pg_sleep(1)"))
    await killed.dispose()
    assert await whole.delivery.states([turn_id]) == ["pending"]
    assert await whole.settle() == 1
    await whole.delivery.recorded()
    assert whole.delivery.slack.turn_ids == {turn_id}


async def test_an_answer_that_found_no_room_is_sent_when_a_settlement_has_left_some(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "POLL_S", 600.0)
    delivery = whole.delivery
    delivering = asyncio.create_task(delivery.dispatcher.keep_delivering())
    await asyncio.sleep(0.1)  # the scan at the beginning
    [turn_id] = await delivery.add_answers(1)
    with delivery.dispatcher.claiming(SHARE):
        delivery.dispatcher.deliver_soon([turn_id])
        await asyncio.sleep(0.1)
        assert delivery.slack.answers == []
    try:
        async with asyncio.timeout(10):
            while not delivery.slack.answers:
                await asyncio.sleep(0.01)
    finally:
        await cancel_and_wait(delivering)


async def test_a_delivery_that_refuses_its_claim_does_not_keep_the_turn_from_its_end(
    whole: Whole,
) -> None:
    bad, good = await answered(whole.parts, "가"), await answered(whole.parts, "나")
    await whole.delivery.break_row(bad, when="NEW.state = 'sending'")
    assert await whole.settle() == 2
    assert set((await whole.parts.statuses()).values()) == {"answered"}
    await whole.delivery.deliver()
    assert whole.delivery.slack.turn_ids == {good}
