"""The notice of an expired answer is told by an answer that arrives, and counts only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import text

from bot.domain.deliveries import (
    Answer,
    DeliveryResult,
    DeliveryState,
    DeliveryVia,
    Outcome,
    ReplyHandle,
)
from bot.store.delivery_claims import DeliveryClaim
from bot.store.reply_handles import dump_handle
from bot.text.catalog import TEXTS
from fakes.faults import Fault
from tests.integration.bot.delivery.delivery_parts import DeliveryParts, delivery_parts
from tests.support.sample_turns import add_turn
from tests.support.seen_statements import seen_statements
from tests.support.stack import Stack, running_stack, served

NOTICE = TEXTS["ko"].earlier_expired


@pytest.fixture
async def parts(database_url: str) -> AsyncIterator[DeliveryParts]:
    async with delivery_parts(database_url) as parts:
        await add_turn(parts.database, delivery="expired")
        yield parts


async def settled_turn(parts: DeliveryParts, *, via: str = "sync") -> UUID:
    """The next settled turn of the conversation whose first answer expired."""
    handle = ReplyHandle(via=DeliveryVia.SYNC, expires_at=datetime.now(UTC) + timedelta(minutes=9))
    turn_id = await add_turn(parts.database, delivery="pending", reply_handle=dump_handle(handle))
    await parts.execute(f"UPDATE deliveries SET via = '{via}' WHERE turn_id = '{turn_id}'")
    return turn_id


async def claimed(parts: DeliveryParts) -> tuple[DeliveryClaim, Answer]:
    taken = await parts.sync_window.claim(
        await settled_turn(parts),
        via=DeliveryVia.SYNC,
        states=(DeliveryState.PENDING,),
        was=DeliveryVia.SYNC,
    )
    assert taken is not None
    return taken


async def is_told(parts: DeliveryParts) -> bool:
    async with parts.database.connect() as connection:
        statement = text("SELECT expiry_told FROM deliveries WHERE state = 'expired'")
        return bool((await connection.execute(statement)).scalar_one())


async def test_composing_an_answer_writes_nothing(parts: DeliveryParts) -> None:
    _, answer = await claimed(parts)
    assert answer.expired
    assert not await is_told(parts)


async def test_expiry_notice_is_untold_when_the_messenger_hangs_up(parts: DeliveryParts) -> None:
    claim, answer = await claimed(parts)
    parts.sync_window.record_soon(claim, DeliveryState.HELD, "ConnectionResetError", answer=answer)
    await parts.recorded()
    assert not await is_told(parts)
    claim, answer = await claimed(parts)
    assert answer.expired
    parts.sync_window.record_soon(claim, DeliveryState.DELIVERED, "", answer=answer)
    await parts.recorded()
    assert await is_told(parts)
    assert not (await claimed(parts))[1].expired


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(Outcome.DELIVERED, True), (Outcome.UNCONFIRMED, False), (Outcome.REFUSED, False)],
)
async def test_a_callback_tells_only_where_it_was_delivered(
    parts: DeliveryParts, outcome: Outcome, told: bool
) -> None:
    parts.kakao.result = DeliveryResult(outcome=outcome)
    await settled_turn(parts, via="callback")
    await parts.deliver()
    [answer] = parts.kakao.answers
    assert answer.expired
    assert await is_told(parts) is told


async def test_two_answers_that_tell_at_once_do_not_wait_for_each_other(
    parts: DeliveryParts,
) -> None:
    """Somebody holds the expired row: the outcome is recorded all the same."""
    claim, answer = await claimed(parts)
    async with parts.database.begin() as locking:
        await locking.execute(text("SELECT 1 FROM deliveries WHERE state = 'expired' FOR UPDATE"))
        parts.sync_window.record_soon(claim, DeliveryState.DELIVERED, "", answer=answer)
        await parts.recorded()
        assert (await parts.delivery(claim.turn_id)).state == "delivered"
    assert not await is_told(parts)


async def test_an_outcome_and_its_notice_are_one_statement(parts: DeliveryParts) -> None:
    claim, answer = await claimed(parts)
    with seen_statements(parts.database) as statements:
        parts.sync_window.record_soon(claim, DeliveryState.DELIVERED, "", answer=answer)
        await parts.recorded()
    assert len(statements) == 1


async def expire_first_answer(stack: Stack) -> None:
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    async with stack.database.begin() as connection:
        await connection.execute(text("UPDATE deliveries SET state = 'expired'"))


async def test_when_kakao_hangs_up_on_the_response_the_next_answer_tells(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served() as made, running_stack(database_url, redis_url, made[1]) as stack:
        await stack.say_kakao("하나")
        await expire_first_answer(stack)
        cut: list[object] = []
        write_eof = web.Response.write_eof

        async def hang_up(self: web.Response, data: bytes = b"") -> None:
            if not cut and NOTICE in str(self.text):
                cut.append(self)
                raise ConnectionResetError
            await write_eof(self, data)

        monkeypatch.setattr(web.Response, "write_eof", hang_up)
        await stack.say_kakao("둘")
        assert cut
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'held'")
        assert NOTICE in "".join((await stack.say_kakao("셋")).bubbles)
        await stack.until("SELECT 1 FROM deliveries WHERE expiry_told")
        assert NOTICE not in "".join((await stack.say_kakao("넷")).bubbles)


async def test_next_answer_reports_a_callback_without_a_response(
    database_url: str, redis_url: str
) -> None:
    budget: dict[str, Any] = {"kakao_sync_budget_s": 0.001}
    async with served() as made, running_stack(database_url, redis_url, made[1], **budget) as stack:
        await stack.say_kakao("하나", callback_url=stack.kakao.new_callback_url())
        await expire_first_answer(stack)
        stack.kakao.faults.once(Fault.CUT)
        await stack.say_kakao("둘", callback_url=stack.kakao.new_callback_url())
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'held'")
        await stack.say_kakao("셋", callback_url=stack.kakao.new_callback_url())
        post = await stack.kakao.next_post(count=3)
        assert NOTICE in "".join(post.texts)
        await stack.until("SELECT 1 FROM deliveries WHERE expiry_told")
