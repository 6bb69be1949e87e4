"""Who may claim a delivery and when, one statement at a time; what a claim's number fences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryState, DeliveryVia, Seen
from bot.domain.posts import FinishedPost, PostState
from bot.store import delivery_claims, delivery_outcomes, posts
from bot.store.delivery_claims import CLAIM_S, LOOK_BACK, DeliveryClaim
from bot.store.row_filter import RowFilter
from runtime.database import connect_database
from tests.integration.bot.store.delivery_rows import (
    NO_WAIT,
    add_delivery,
    change,
    delivery,
    ledger,
)

ANY_STATE = tuple(DeliveryState)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


async def due(database: AsyncEngine, limit: int = 100) -> list[UUID]:
    """What is claimed now, and what would be; both queries have to agree."""
    async with database.connect() as connection:
        found = await delivery_claims.find_due(connection, limit)
        claimed = [one.turn_id for one in await delivery_claims.claim_due(connection, limit)]
        assert sorted(found) == sorted(claimed)
        await connection.rollback()
    return claimed


async def claim_one(
    database: AsyncEngine,
    turn_id: UUID,
    *,
    via: DeliveryVia = DeliveryVia.HELD,
    states: tuple[DeliveryState, ...] = ANY_STATE,
    was: DeliveryVia | None = None,
) -> DeliveryClaim | None:
    async with database.begin() as connection:
        return await delivery_claims.claim(connection, turn_id, via=via, states=states, was=was)


async def claim_due(
    database: AsyncEngine, limit: int = 100, rows: RowFilter | None = None, name: UUID | None = None
) -> list[DeliveryClaim]:
    async with database.begin() as connection:
        return await delivery_claims.claim_due(connection, limit, rows or RowFilter(), name=name)


async def is_claimed_for(database: AsyncEngine, turn_id: UUID) -> bool:
    """Whether the claim lasts for CLAIM_S from the moment it was taken."""
    row = await delivery(database, turn_id)
    assert row.claimed_until is not None
    return row.claimed_until - row.updated_at == timedelta(seconds=CLAIM_S)


# --- one delivery ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", DeliveryState)
async def test_a_delivery_is_claimed_in_the_given_states_only(
    database: AsyncEngine, state: DeliveryState
) -> None:
    turn_id = await add_delivery(database, state=state)
    others = tuple(set(DeliveryState) - {state})
    assert await claim_one(database, turn_id, states=others) is None
    assert await claim_one(database, turn_id, states=(state,)) is not None
    assert await claim_one(database, turn_id, states=(DeliveryState.PENDING,)) is None


async def test_a_sync_claim_loses_to_the_next_route_once_the_window_is_closed(
    database: AsyncEngine,
) -> None:
    turn_id = await add_delivery(database, via="callback")
    assert await claim_one(database, turn_id, via=DeliveryVia.SYNC, was=DeliveryVia.SYNC) is None
    assert (await delivery(database, turn_id)).state is DeliveryState.PENDING
    assert await claim_one(database, turn_id, via=DeliveryVia.SYNC, was=DeliveryVia.CALLBACK)


async def test_a_claim_takes_its_route_and_a_new_number_and_counts(database: AsyncEngine) -> None:
    other, turn_id = await add_delivery(database), await add_delivery(database)
    await change(database, turn_id, claimed_by=uuid4())
    for number in (1, 2):
        claimed = await claim_one(database, turn_id)
        assert claimed is not None
        assert (claimed.via, claimed.number, claimed.attempts) == ("held", number, number)
    row = await delivery(database, turn_id)
    assert (row.state, row.via, row.claim, row.attempts) == ("sending", "held", 2, 2)
    assert row.claimed_by is None
    assert await is_claimed_for(database, turn_id)
    assert (await delivery(database, other)).state is DeliveryState.PENDING


# --- what is due ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({"via": "post"}, True),
        ({"via": "callback"}, True),
        ({"via": "sync"}, False),
        ({"via": "held"}, False),
        ({"due_in_s": 600}, False),
        ({"status": "failed"}, True),
        ({"status": "generating"}, False),
        ({"status": "generating", "via": "callback", "callback_in_s": 600}, False),
        ({"status": "generating", "via": "callback", "callback_in_s": -1}, True),
        *(
            ({"state": state}, False)
            for state in sorted(set(DeliveryState) - {DeliveryState.PENDING})
        ),
    ],
)
async def test_only_pending_outcomes_whose_time_has_come_are_due(
    database: AsyncEngine, fields: dict[str, Any], *, is_due: bool
) -> None:
    turn_id = await add_delivery(database, **fields)
    assert await due(database) == ([turn_id] if is_due else [])
    async with database.connect() as connection:
        only = RowFilter(only=(turn_id,))
        alone = await delivery_claims.claim_due(connection, 5, only)
    assert [one.turn_id for one in alone] == ([turn_id] if is_due else [])


@pytest.mark.parametrize("state", ["pending", "sending"])
async def test_a_post_waits_for_every_earlier_one_of_its_conversation(
    database: AsyncEngine, state: str
) -> None:
    """Also where turns between them have nothing to send."""
    first = await add_delivery(database, state=state, due_in_s=600)
    for _ in range(3):
        await add_delivery(database, state="delivered")
    later = await add_delivery(database)
    assert await due(database) == []
    await change(database, first, state="delivered")
    assert await due(database) == [later]


async def test_a_post_is_followed_one_by_one(database: AsyncEngine) -> None:
    first, second = await add_delivery(database), await add_delivery(database, due_in_s=-5)
    for turn_id in (first, second):
        [claimed] = await claim_due(database)
        assert claimed.turn_id == turn_id
        assert await claim_due(database) == []
        async with database.begin() as connection:
            assert await delivery_outcomes.record(connection, claimed, DeliveryState.DELIVERED)


async def test_the_nearest_earlier_turns_are_looked_at(database: AsyncEngine) -> None:
    """The bound leaves out the oldest turns, not the newest."""
    for _ in range(LOOK_BACK):
        await add_delivery(database, state="delivered")
    await add_delivery(database, state="sending")
    await add_delivery(database)
    assert await due(database) == []


@pytest.mark.parametrize(
    "earlier",
    [
        {"key": "another room", "state": "sending"},
        {"state": "held", "via": "held"},
        {"state": "unconfirmed"},
        {"state": "pending", "via": "callback", "due_in_s": 600},
    ],
)
async def test_a_post_waits_for_nothing_else(
    database: AsyncEngine, earlier: dict[str, Any]
) -> None:
    await add_delivery(database, **earlier)
    await add_delivery(database, state="delivered")
    turn_id = await add_delivery(database)
    assert await due(database) == [turn_id]


async def test_a_callback_waits_for_no_other(database: AsyncEngine) -> None:
    await add_delivery(database, state="sending")
    turn_id = await add_delivery(database, via="callback")
    assert await due(database) == [turn_id]


async def test_the_limit_takes_what_is_due_longest(database: AsyncEngine) -> None:
    waiting = [
        await add_delivery(database, key=f"room {number}", due_in_s=-number) for number in (1, 3, 2)
    ]
    assert await due(database, 1) == [waiting[1]]
    assert sorted(await due(database, 2)) == sorted(waiting[1:])


async def test_what_another_is_claiming_is_passed_over_without_waiting(
    database: AsyncEngine,
) -> None:
    for number in range(3):
        await add_delivery(database, key=f"room {number}")
    async with database.begin() as mine, database.begin() as theirs:
        await theirs.execute(NO_WAIT)
        first = await delivery_claims.claim_due(mine, 2)
        second = await delivery_claims.claim_due(theirs, 3)
        assert (len(first), len(second)) == (2, 1)
        assert not {one.turn_id for one in first} & {one.turn_id for one in second}


async def test_due_claims_are_numbered_named_and_counted(database: AsyncEngine) -> None:
    turn_id, name = await add_delivery(database), uuid4()
    await change(database, turn_id, claimed_by=uuid4())
    await add_delivery(database, key="another room", due_in_s=600)
    [claimed] = await claim_due(database, name=name)
    assert (claimed.turn_id, claimed.via) == (turn_id, "post")
    assert (claimed.number, claimed.attempts) == (1, 1)
    row = await delivery(database, turn_id)
    assert (row.state, row.claim, row.attempts, row.claimed_by) == ("sending", 1, 1, name)
    assert await is_claimed_for(database, turn_id)


# --- the outcome of a claim -----------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(set(DeliveryState) - {DeliveryState.SENDING}))
async def test_an_overtaken_claim_records_nothing(
    database: AsyncEngine, state: DeliveryState
) -> None:
    turn_id = await add_delivery(database)
    first, second = await claim_one(database, turn_id), await claim_one(database, turn_id)
    assert first is not None
    assert second is not None
    async with database.begin() as connection:
        assert not await delivery_outcomes.record(connection, first, state)
        assert await ledger(connection, turn_id) == []
        assert await delivery_outcomes.record(connection, second, state)
        assert await ledger(connection, turn_id) == [(2, "held", state, "")]


@pytest.mark.parametrize("state", ["delivered", "expired"])
@pytest.mark.parametrize("outcome", sorted(set(DeliveryState) - {DeliveryState.SENDING}))
async def test_an_end_is_never_recorded_over(
    database: AsyncEngine, state: str, outcome: DeliveryState
) -> None:
    turn_id = await add_delivery(database)
    claimed = await claim_one(database, turn_id)
    assert claimed is not None
    await change(database, turn_id, state=state)
    async with database.begin() as connection:
        assert not await delivery_outcomes.record(
            connection, claimed, outcome, seen=Seen(expired=(turn_id,))
        )
        assert not await delivery_outcomes.record(connection, claimed, outcome)
    assert (await delivery(database, turn_id)).state == state


async def test_a_retry_is_not_due_before_its_time(database: AsyncEngine) -> None:
    turn_id = await add_delivery(database)
    [claimed] = await claim_due(database)
    async with database.begin() as connection:
        assert await delivery_outcomes.record(
            connection, claimed, DeliveryState.PENDING, detail="429", retry_in_s=600
        )
    row = await delivery(database, turn_id)
    assert (row.state, row.detail, row.delivered_at) == ("pending", "429", None)
    assert row.not_before - row.updated_at == timedelta(seconds=600)
    assert await due(database) == []


async def test_a_shown_answer_has_the_moment_it_was_delivered(database: AsyncEngine) -> None:
    turn_id = await add_delivery(database)
    [claimed] = await claim_due(database)
    async with database.begin() as connection:
        assert await delivery_outcomes.record(
            connection, claimed, DeliveryState.DELIVERED, detail="ok"
        )
        assert await ledger(connection, turn_id) == [(1, "post", "delivered", "ok")]
    assert (await delivery(database, turn_id)).delivered_at is not None


async def test_a_notice_is_noted_of_the_told_turns_only(database: AsyncEngine) -> None:
    expired = [await add_delivery(database, state="expired", via="callback") for _ in range(3)]
    await add_delivery(database)
    [claimed] = await claim_due(database)
    async with database.begin() as connection:
        assert await delivery_outcomes.record(
            connection, claimed, DeliveryState.DELIVERED, seen=Seen(expired=tuple(expired[:1]))
        )
    told = [(await delivery(database, turn_id)).expiry_told for turn_id in expired]
    assert told == [True, False, False]


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("known", [None, "1.000001"])
async def test_the_last_message_becomes_final_with_the_record(
    database: AsyncEngine, known: str | None, *, lost: bool
) -> None:
    turn_id = await add_delivery(database)
    [claimed] = await claim_due(database)
    if lost:
        await change(database, turn_id, claim=7)
    async with database.begin() as connection:
        for part in (0, 1):
            await posts.announce(connection, turn_id, part, "C1")
        await posts.note(connection, turn_id, 1, PostState.STREAMING, known)
        recorded = await delivery_outcomes.record(
            connection,
            claimed,
            DeliveryState.DELIVERED,
            seen=Seen(finished=FinishedPost(part=1, message_id="1.000001")),
        )
        shown = await posts.of_turn(connection, turn_id)
    assert recorded is not lost
    assert [(post.state, post.message_id) for post in shown.values()] == [
        (PostState.STARTING, None),
        (PostState.FINAL, "1.000001"),
    ]
