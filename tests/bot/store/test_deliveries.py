"""What a process that died on the wire leaves, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain import DeliveryState, DeliveryVia
from bot.store import deliveries
from bot.store.deliveries import DeliveryClaim
from inference_worker.database import connect_database
from tests.sample_turns import add_turn


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


async def left_behind(
    database: AsyncEngine, via: str, callback_in_s: float | None, messenger: str = "kakao"
) -> Row[Any]:
    """The delivery of a process that died with it in its hands, after the recovery."""
    turn_id = await add_turn(database, messenger=messenger, delivery="sending")
    async with database.begin() as connection:
        await connection.execute(
            text(
                "UPDATE deliveries SET via = :via, claimed_until = now() - interval '1 second', "
                "callback_until = now() + make_interval(secs => :callback_in_s)"
            ),
            {"via": via, "callback_in_s": callback_in_s},
        )
        assert await deliveries.recover(connection) == 1
        found = await deliveries.find(connection, turn_id)
    assert found is not None
    return found


@pytest.mark.parametrize("via", ["sync", "callback"])
async def test_a_callback_url_that_is_still_good_is_used(database: AsyncEngine, via: str) -> None:
    delivery = await left_behind(database, via, callback_in_s=10)
    assert (delivery.via, delivery.state) == ("callback", "pending")
    async with database.begin() as connection:
        assert [c.turn_id for c in await deliveries.claim_due(connection, 5)] == [delivery.turn_id]


@pytest.mark.parametrize(
    ("via", "callback_in_s"), [("callback", -1), ("sync", -1), ("sync", None), ("held", 10)]
)
async def test_else_the_answer_waits_for_its_button(
    database: AsyncEngine, via: str, callback_in_s: float | None
) -> None:
    delivery = await left_behind(database, via, callback_in_s)
    assert (delivery.via, delivery.state) == (via, "held")


async def test_a_post_is_never_repeated(database: AsyncEngine) -> None:
    delivery = await left_behind(database, "post", None, messenger="slack")
    assert delivery.state == "unconfirmed"


@pytest.mark.parametrize(
    ("via", "callback_in_s"), [("held", None), ("callback", 10), ("post", None)]
)
async def test_a_process_taken_for_dead_is_believed_that_the_answer_was_seen(
    database: AsyncEngine, via: str, callback_in_s: float | None
) -> None:
    delivery = await left_behind(database, via, callback_in_s)
    claimed = DeliveryClaim(delivery.turn_id, DeliveryVia(via), delivery.claim, 1)
    async with database.begin() as connection:
        for other in set(DeliveryState) - {DeliveryState.DELIVERED}:
            assert not await deliveries.record(connection, claimed, other)
        assert await deliveries.record(connection, claimed, DeliveryState.DELIVERED)
        found = await deliveries.find(connection, delivery.turn_id)
    assert found is not None
    assert found.state == "delivered"


async def test_a_process_taken_for_dead_is_too_late_once_somebody_else_has_claimed(
    database: AsyncEngine,
) -> None:
    delivery = await left_behind(database, "held", None)
    late = DeliveryClaim(delivery.turn_id, DeliveryVia.HELD, delivery.claim, 1)
    async with database.begin() as connection:
        claimed = await deliveries.claim(
            connection, delivery.turn_id, via=DeliveryVia.HELD, states=(DeliveryState.HELD,)
        )
        assert claimed is not None
        assert not await deliveries.record(connection, late, DeliveryState.DELIVERED)
        assert await deliveries.record(connection, claimed, DeliveryState.DELIVERED)
