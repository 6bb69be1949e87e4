"""The sync window as an endpoint uses it: claimed, recorded, closed, and shown once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from bot.delivery.sync_window import SyncWindow
from bot.domain.deliveries import Answer, DeliveryState, DeliveryVia
from bot.store.deliveries import AGAIN_AFTER_S
from bot.store.delivery_claims import DeliveryClaim
from runtime.database import DATABASE_ERRORS
from tests.integration.bot.delivery.delivery_parts import DeliveryParts, delivery_parts, faults
from tests.integration.bot.store.delivery_rows import add_delivery, change

SYNC, HELD = DeliveryVia.SYNC, DeliveryVia.HELD
PENDING = (DeliveryState.PENDING,)


@pytest.fixture
async def parts(database_url: str) -> AsyncIterator[DeliveryParts]:
    async with delivery_parts(database_url) as parts:
        yield parts


async def open_window(parts: DeliveryParts, **fields: Any) -> UUID:
    return await add_delivery(parts.database, **{"via": "sync", **fields})


async def claim(parts: DeliveryParts, turn_id: UUID) -> tuple[DeliveryClaim, Answer] | None:
    return await parts.sync_window.claim(turn_id, via=SYNC, states=PENDING, was=SYNC)


async def close(parts: DeliveryParts, turn_id: UUID, *, after_s: float = 0.0) -> bool:
    return await parts.sync_window.close(
        turn_id, via=HELD, state=DeliveryState.HELD, after_s=after_s
    )


# --- the claim ------------------------------------------------------------------------------


async def test_a_claim_is_committed_before_its_answer_is_written(parts: DeliveryParts) -> None:
    turn_id = await open_window(parts)
    taken = await claim(parts, turn_id)
    assert taken is not None
    assert (taken[0].turn_id, taken[1].turn_id) == (turn_id, turn_id)
    assert (await parts.delivery(turn_id)).state == "sending"
    assert await claim(parts, turn_id) is None


@pytest.mark.parametrize(
    "fields", [{"state": "held"}, {"state": "delivered"}, {"via": "callback"}, {"via": "post"}]
)
async def test_a_webhook_has_no_claim_to_what_another_route_has(
    parts: DeliveryParts, fields: dict[str, str]
) -> None:
    turn_id = await open_window(parts, **fields)
    before = await parts.delivery(turn_id)
    assert await claim(parts, turn_id) is None
    assert await parts.delivery(turn_id) == before


@pytest.mark.parametrize(
    ("state", "told"), [(DeliveryState.DELIVERED, True), (DeliveryState.HELD, False)]
)
async def test_the_outcome_is_recorded_as_it_was(
    parts: DeliveryParts, state: DeliveryState, *, told: bool
) -> None:
    expired = await open_window(parts, via="held", state="expired")
    taken = await claim(parts, await open_window(parts))
    assert taken is not None
    assert taken[1].expired == (expired,)
    parts.sync_window.record_soon(taken[0], state, "what the client did", answer=taken[1])
    await parts.recorded()
    turn_id = taken[0].turn_id
    row = await parts.delivery(turn_id)
    assert (row.state, row.detail) == (state, "what the client did")
    assert await parts.ledger(turn_id) == [(state, "what the client did")]
    assert (await parts.delivery(expired)).expiry_told is told


# --- the end of the window ------------------------------------------------------------------


async def test_a_window_is_closed_once_and_stays_closed(parts: DeliveryParts) -> None:
    turn_id = await open_window(parts)
    assert await close(parts, turn_id, after_s=60)
    row = await parts.delivery(turn_id)
    assert (row.via, row.state) == ("held", "held")
    assert row.not_before - row.updated_at == timedelta(seconds=60)
    assert not await close(parts, turn_id)
    assert await claim(parts, turn_id) is None
    assert await parts.delivery(turn_id) == row


async def test_windows_that_end_together_are_each_closed_once(parts: DeliveryParts) -> None:
    turn_ids = [await open_window(parts, key=f"room {number}") for number in range(3)]
    closed = await asyncio.gather(*(close(parts, turn_id) for turn_id in [*turn_ids, *turn_ids]))
    for first, second in zip(closed[:3], closed[3:], strict=True):
        assert sorted([first, second]) == [False, True]
    assert await parts.states(turn_ids) == ["held"] * 3


async def test_of_two_next_routes_named_at_once_one_is_taken(parts: DeliveryParts) -> None:
    """They never share a statement, which would take either and tell both that it was theirs."""
    turn_id = await open_window(parts)
    by_callback = parts.sync_window.close(
        turn_id, via=DeliveryVia.CALLBACK, state=DeliveryState.PENDING, after_s=0.0
    )
    held, called = await asyncio.gather(close(parts, turn_id), by_callback)
    assert held is not called
    assert (await parts.delivery(turn_id)).via == ("held" if held else "callback")


async def test_of_claim_and_close_at_once_one_wins(parts: DeliveryParts) -> None:
    for number in range(5):
        turn_id = await open_window(parts, key=f"room {number}")
        taken, closed = await asyncio.gather(claim(parts, turn_id), close(parts, turn_id))
        assert (taken is not None) is not closed
        assert (await parts.delivery(turn_id)).state == ("held" if closed else "sending")


# --- the button -----------------------------------------------------------------------------


async def fetched(parts: DeliveryParts) -> UUID:
    """An answer that was fetched by its button a while ago, after one that expired."""
    await open_window(parts, via="held", state="expired")
    turn_id = await open_window(parts, via="held", state="delivered")
    long_ago = datetime.now(UTC) - timedelta(seconds=AGAIN_AFTER_S + 1)
    await change(parts.database, turn_id, updated_at=long_ago)
    return turn_id


async def test_an_answer_that_is_shown_again_is_noted_and_tells_nothing(
    parts: DeliveryParts,
) -> None:
    turn_id = await fetched(parts)
    again = await parts.sync_window.show_again(turn_id)
    assert again is not None
    assert (again.turn_id, again.expired) == (turn_id, ())
    assert await parts.ledger(turn_id) == [("delivered", "asked for again")]


async def test_reading_an_answer_tells_and_records_nothing(parts: DeliveryParts) -> None:
    turn_id = await fetched(parts)
    before = await parts.delivery(turn_id)
    answer = await parts.sync_window.read(turn_id)
    assert (answer.turn_id, answer.expired) == (turn_id, ())
    assert await parts.delivery(turn_id) == before


async def test_the_delivery_of_an_unknown_turn_is_none(parts: DeliveryParts) -> None:
    assert await parts.sync_window.find(uuid4()) is None


# --- faults ---------------------------------------------------------------------------------

Call = Callable[[SyncWindow, UUID], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("claim", lambda window, id_: window.claim(id_, via=SYNC, states=PENDING, was=SYNC)),
        (
            "close_sync_window",
            lambda window, id_: window.close(id_, via=HELD, state=DeliveryState.HELD, after_s=0.0),
        ),
        ("show_again", lambda window, id_: window.show_again(id_)),
        ("find_delivery", lambda window, id_: window.find(id_)),
    ],
)
async def test_a_database_fault_is_counted_and_never_taken_for_an_answer(
    parts: DeliveryParts, statement: str, call: Call
) -> None:
    turn_id = await open_window(parts)
    await parts.execute("ALTER TABLE deliveries RENAME COLUMN state TO of_this_test")
    before = faults(statement)
    with pytest.raises(DATABASE_ERRORS):
        await call(parts.sync_window, turn_id)
    assert faults(statement) == before + 1
