"""What happens to a delivery without a claim: windows, buttons, dead letters, notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.store import deliveries, delivery_outcomes, sync_windows, turn_outcomes
from bot.store.deliveries import AGAIN_AFTER_S
from bot.store.sync_windows import CloseSyncWindow
from bot.store.turn_outcomes import MAX_EARLIER
from runtime.database import connect_database
from tests.integration.bot.store.delivery_rows import add_delivery, change, delivery, ledger

BEFORE = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


# --- the sync window ------------------------------------------------------------------------


async def test_each_window_is_closed_for_its_own_next_route(database: AsyncEngine) -> None:
    open_ones = [await add_delivery(database, via="sync", key=f"room {n}") for n in range(3)]
    by_callback = CloseSyncWindow(
        turn_id=open_ones[0],
        via=DeliveryVia.CALLBACK,
        state=DeliveryState.PENDING,
        after_s=60,
    )
    by_button = CloseSyncWindow(
        turn_id=open_ones[1], via=DeliveryVia.HELD, state=DeliveryState.HELD
    )
    async with database.begin() as connection:
        windows = [by_callback, by_button]
        assert await sync_windows.close_sync_windows(connection, windows) == [True, True]
        assert await sync_windows.close_sync_windows(connection, windows) == [False, False]
    rows = [await delivery(database, turn_id) for turn_id in open_ones]
    assert [(row.via, row.state) for row in rows] == [
        ("callback", "pending"),
        ("held", "held"),
        ("sync", "pending"),
    ]
    waits = [(row.not_before - row.updated_at).total_seconds() for row in rows[:2]]
    assert waits == [60, 0]


@pytest.mark.parametrize(
    ("via", "state"),
    [
        ("callback", "pending"),
        ("post", "pending"),
        *(("sync", state) for state in sorted(set(DeliveryState) - {DeliveryState.PENDING})),
    ],
)
async def test_a_closed_window_stays_closed(database: AsyncEngine, via: str, state: str) -> None:
    turn_id = await add_delivery(database, via=via, state=state)
    window = CloseSyncWindow(turn_id=turn_id, via=DeliveryVia.HELD, state=DeliveryState.HELD)
    async with database.begin() as connection:
        assert await sync_windows.close_sync_windows(connection, [window]) == [False]
    row = await delivery(database, turn_id)
    assert (row.via, row.state) == (via, state)


# --- the button -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "state", "ago_s", "shown"),
    [
        ("held", "delivered", AGAIN_AFTER_S + 1, True),
        ("held", "delivered", -600, False),
        ("callback", "delivered", AGAIN_AFTER_S + 1, False),
        ("held", "sending", AGAIN_AFTER_S + 1, False),
        ("held", "held", AGAIN_AFTER_S + 1, False),
        ("held", "expired", AGAIN_AFTER_S + 1, False),
    ],
)
async def test_a_fetched_answer_is_shown_again_to_a_later_press_only(
    database: AsyncEngine, via: str, state: str, ago_s: float, *, shown: bool
) -> None:
    turn_id = await add_delivery(database, via=via, state=state)
    other = await add_delivery(database, via="held", state="delivered")
    for one in (turn_id, other):
        await change(database, one, updated_at=datetime.now(UTC) - timedelta(seconds=ago_s))
    async with database.begin() as connection:
        assert await deliveries.show_again(connection, turn_id) is shown
        assert not await deliveries.show_again(connection, turn_id)
        entries = [(0, via, state, "asked for again")] if shown else []
        assert await ledger(connection, turn_id) == entries
        assert await ledger(connection, other) == []


async def test_only_ready_answers_of_the_conversation_are_offered(database: AsyncEngine) -> None:
    offered = await add_delivery(database, via="held", state="held")
    for state in set(DeliveryState) - {DeliveryState.HELD}:
        await add_delivery(database, via="held", state=state)
    await add_delivery(database, via="held", state="held", status="generating")
    late = await add_delivery(database, via="held", state="held")
    await change(database, late, expires_at=BEFORE)
    await add_delivery(database, via="held", state="held", key="another room")
    new = await add_delivery(database, via="held", state="held")
    async with database.begin() as connection:
        turn = await turn_outcomes.load_outcome(connection, new)
        found, _ = await deliveries.additions(connection, turn.conversation_id, turn.seq)
    assert found == [offered]


async def test_the_newest_answers_are_offered(database: AsyncEngine) -> None:
    held = [await add_delivery(database, via="held", state="held") for _ in range(5)]
    async with database.begin() as connection:
        turn = await turn_outcomes.load_outcome(connection, held[-1])
        found = await deliveries.additions(connection, turn.conversation_id, turn.seq)
    assert found == (held[3:0:-1], [])


async def test_an_expiry_is_told_in_its_conversation_once(database: AsyncEngine) -> None:
    untold = await add_delivery(database, via="held", state="expired")
    told = await add_delivery(database, via="held", state="expired")
    await change(database, told, expiry_told=True)
    await add_delivery(database, via="post", state="expired")
    await add_delivery(database, via="held", state="held")
    await add_delivery(database, via="held", state="expired", key="another room")
    async with database.begin() as connection:
        turn = await turn_outcomes.load_outcome(connection, untold)
        _, found = await deliveries.additions(connection, turn.conversation_id, turn.seq)
    assert found == [untold]


@pytest.mark.parametrize(
    ("earlier", "looked_for"),
    [
        ([], False),
        ([{"via": "held", "state": "held"}], True),
        ([{"via": "held", "state": "held", "key": "another room"}], False),
        ([{"via": "held", "state": "delivered"}], False),
        ([{"via": "callback", "state": "expired"}], True),
        ([{"via": "post", "state": "expired"}], False),
        ([{"via": "held", "state": "held"}, *[{"state": "delivered"}] * (MAX_EARLIER - 1)], True),
        ([{"via": "held", "state": "held"}, *[{"state": "delivered"}] * MAX_EARLIER], False),
    ],
)
async def test_additions_are_looked_for_where_there_are_any(
    database: AsyncEngine, earlier: list[dict[str, Any]], *, looked_for: bool
) -> None:
    for one in earlier:
        await add_delivery(database, **{"via": "callback", **one})
    new = await add_delivery(database, via="callback", state="sending")
    await add_delivery(database, via="held", state="held")  # a later one
    async with database.begin() as connection:
        turn = await turn_outcomes.load_outcome(connection, new)
        found = await deliveries.additions(connection, turn.conversation_id, turn.seq)
    assert turn.has_additions is looked_for
    assert any(found) is looked_for or len(earlier) > MAX_EARLIER


# --- dead letters ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", DeliveryState)
async def test_only_a_pending_delivery_is_buried(
    database: AsyncEngine, state: DeliveryState
) -> None:
    turn_id, other = await add_delivery(database, state=state), await add_delivery(database)
    pending = state is DeliveryState.PENDING
    async with database.begin() as connection:
        assert await delivery_outcomes.bury(connection, turn_id, "fault") is pending
        entries = [(0, "post", "failed", "fault")] if pending else []
        assert await ledger(connection, turn_id) == entries
    assert (await delivery(database, turn_id)).state == ("failed" if pending else state)
    assert (await delivery(database, other)).state is DeliveryState.PENDING


@pytest.mark.parametrize(
    ("via", "state", "after"),
    [
        ("post", "failed", "pending"),
        ("post", "unconfirmed", "pending"),
        ("callback", "failed", "held"),
        ("held", "unconfirmed", "held"),
        *(("post", state, None) for state in ("delivered", "sending", "expired", "pending")),
    ],
)
async def test_an_operator_sends_dead_letters_again_and_nothing_else(
    database: AsyncEngine, via: str, state: str, after: str | None
) -> None:
    turn_id = await add_delivery(database, via=via, state=state, due_in_s=600)
    other = await add_delivery(database, state="failed")
    await change(database, turn_id, attempts=6)
    async with database.begin() as connection:
        assert await deliveries.send_again(connection, turn_id) is (after is not None)
    row = await delivery(database, turn_id)
    assert row.state == (after or state)
    assert row.attempts == (0 if after else 6)
    assert (row.not_before <= datetime.now(UTC)) is (after is not None)
    assert (await delivery(database, other)).state == "failed"
