"""What a process that died on the wire leaves, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.store import (
    deliveries,
    delivery_claims,
    delivery_outcomes,
    delivery_recovery,
    reconciliation,
    turn_outcomes,
)
from bot.store.deliveries import Delivery
from bot.store.delivery_claims import DeliveryClaim
from bot.store.reconciliation import ReconciliationClaim
from bot.store.row_filter import RowFilter
from bot.store.turn_outcomes import TurnOutcome
from runtime.database import connect_database
from tests.support.sample_turns import add_turn


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


async def left_behind(
    database: AsyncEngine, via: str, callback_in_s: float | None, messenger: str = "kakao"
) -> Delivery:
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
        assert await delivery_recovery.recover(connection) == 1
        found = await deliveries.find(connection, turn_id)
    assert found is not None
    return found


async def outcome(database: AsyncEngine) -> TurnOutcome:
    """What delivering needs of the only turn."""
    async with database.connect() as connection:
        turn_id = (await connection.execute(text("SELECT id FROM turns"))).scalar_one()
        return await turn_outcomes.load_outcome(connection, turn_id)


@pytest.mark.parametrize("via", ["sync", "callback"])
async def test_a_callback_url_that_is_still_good_is_used(database: AsyncEngine, via: str) -> None:
    delivery = await left_behind(database, via, callback_in_s=10)
    assert (delivery.via, delivery.state) == ("callback", "pending")
    async with database.begin() as connection:
        assert [c.turn_id for c in await delivery_claims.claim_due(connection, 5)] == [
            delivery.turn_id
        ]


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
async def test_late_record_of_a_shown_answer_is_accepted(
    database: AsyncEngine, via: str, callback_in_s: float | None
) -> None:
    delivery = await left_behind(database, via, callback_in_s)
    claimed = DeliveryClaim(
        turn=await outcome(database), via=DeliveryVia(via), number=delivery.claim, attempts=1
    )
    async with database.begin() as connection:
        for other in set(DeliveryState) - {DeliveryState.DELIVERED}:
            assert not await delivery_outcomes.record(connection, claimed, other)
        assert await delivery_outcomes.record(connection, claimed, DeliveryState.DELIVERED)
        found = await deliveries.find(connection, delivery.turn_id)
    assert found is not None
    assert found.state == "delivered"


async def test_late_record_after_another_claim_is_rejected(
    database: AsyncEngine,
) -> None:
    delivery = await left_behind(database, "held", None)
    late = DeliveryClaim(
        turn=await outcome(database), via=DeliveryVia.HELD, number=delivery.claim, attempts=1
    )
    async with database.begin() as connection:
        claimed = await delivery_claims.claim(
            connection, delivery.turn_id, via=DeliveryVia.HELD, states=(DeliveryState.HELD,)
        )
        assert claimed is not None
        assert not await delivery_outcomes.record(connection, late, DeliveryState.DELIVERED)
        assert await delivery_outcomes.record(connection, claimed, DeliveryState.DELIVERED)


async def lose_a_claim(
    database: AsyncEngine, messenger: str, *, traced: bool = False
) -> tuple[UUID, UUID]:
    """A turn, and the name of the claim of its delivery, of which its bot never heard."""
    turn_id, name = await add_turn(database, messenger=messenger, delivery="pending"), uuid4()
    async with database.begin() as connection:
        marking = [messenger] if traced else []
        [claim] = await delivery_claims.claim_due(connection, 5, marking=marking, name=name)
        assert claim.marked is traced
    return turn_id, name


@pytest.mark.parametrize("traced", [False, True])
async def test_claim_without_an_acknowledgement_is_released(
    database: AsyncEngine, *, traced: bool
) -> None:
    turn_id, name = await lose_a_claim(database, "slack", traced=traced)
    async with database.begin() as connection:
        assert await delivery_recovery.release_claims(connection, [uuid4()]) == 0
        assert await delivery_recovery.release_claims(connection, [uuid4(), name]) == 1
        assert await delivery_recovery.release_claims(connection, [name]) == 0
        [claimed] = await delivery_claims.claim_due(connection, 5, RowFilter(only=(turn_id,)))
        assert (claimed.number, claimed.attempts) == (2, 1)
        assert await delivery_outcomes.record(connection, claimed, DeliveryState.DELIVERED)
        ledger = await connection.execute(
            text("SELECT claim, state, detail FROM delivery_attempts ORDER BY id")
        )
    assert [tuple(row) for row in ledger] == [
        (1, "pending", "not sent: Postgres did not answer its claim"),
        (2, "delivered", ""),
    ]


async def test_a_lost_claim_that_others_took_over_is_not_given_back(database: AsyncEngine) -> None:
    turn_id, name = await lose_a_claim(database, "kakao")
    async with database.begin() as connection:
        await connection.execute(text("UPDATE deliveries SET claimed_until = now()"))
    async with database.begin() as connection:
        assert await delivery_recovery.recover(connection) == 1
        assert await delivery_recovery.release_claims(connection, [name]) == 0
        assert await delivery_claims.claim(
            connection, turn_id, via=DeliveryVia.HELD, states=(DeliveryState.HELD,)
        )
        assert await delivery_recovery.release_claims(connection, [name]) == 0


async def unconfirmed(database: AsyncEngine, *, trace_claim: str = "claim") -> None:
    """A Slack delivery whose POST got no answer, quiet for long enough."""
    await add_turn(database, messenger="slack", delivery="unconfirmed")
    async with database.begin() as connection:
        await connection.execute(
            text(
                "UPDATE deliveries SET via = 'post', claim = 3, trace_claim = 3, "
                "trace_at = now() - interval '1 second', expires_at = now() + interval '1 minute'"
            )
        )
        await connection.execute(text(f"UPDATE deliveries SET trace_claim = {trace_claim}"))


async def claim_trace(database: AsyncEngine) -> ReconciliationClaim | None:
    async with database.begin() as connection:
        return await reconciliation.claim_one(connection)


async def settle(
    database: AsyncEngine,
    claimed: ReconciliationClaim,
    state: DeliveryState,
    again_in_s: float | None,
) -> bool:
    async with database.begin() as connection:
        return await reconciliation.settle(
            connection, claimed, state, detail="그렇대요", again_in_s=again_in_s
        )


async def test_one_of_two_concurrent_lookups_is_granted(database: AsyncEngine) -> None:
    await unconfirmed(database)
    both = await asyncio.gather(claim_trace(database), claim_trace(database))
    [claimed] = [one for one in both if one]
    assert (claimed.messenger, claimed.claim, claimed.number) == ("slack", 3, 1)
    assert not claimed.expired


async def test_superseded_lookup_cannot_settle(database: AsyncEngine) -> None:
    await unconfirmed(database)
    first = await claim_trace(database)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE deliveries SET trace_at = now()"))
    second = await claim_trace(database)
    assert first
    assert second
    assert second.number == 2
    assert not await settle(database, first, DeliveryState.PENDING, None)
    assert await settle(database, second, DeliveryState.PENDING, None)
    assert not await settle(database, second, DeliveryState.PENDING, None)
    async with database.begin() as connection:
        row = await deliveries.find(connection, second.turn_id)
    assert row is not None
    # A new number: whoever held the old one and comes back late has no say either.
    assert (row.state, row.claim, row.trace_at) == ("pending", 4, None)


@pytest.mark.parametrize("trace_claim", ["claim - 1", "NULL"])
async def test_claim_that_is_not_reconcilable_is_not_looked_up(
    database: AsyncEngine, trace_claim: str
) -> None:
    await unconfirmed(database, trace_claim=trace_claim)
    assert await claim_trace(database) is None


async def test_inconclusive_lookup_is_repeated_or_given_up(database: AsyncEngine) -> None:
    await unconfirmed(database)
    for again_in_s in (0.0, None):
        claimed = await claim_trace(database)
        assert claimed
        assert await settle(database, claimed, DeliveryState.UNCONFIRMED, again_in_s)
    assert await claim_trace(database) is None


async def test_due_lookups_are_found_by_their_index_alone(database: AsyncEngine) -> None:
    await unconfirmed(database)
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = await connection.execute(text(f"EXPLAIN {reconciliation.CLAIM.all}"))
        assert "Index Scan using ix_deliveries_trace" in "\n".join(plan.scalars())
