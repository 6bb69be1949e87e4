"""What the database tells of a message that chaos misses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from bot.store.schema import delivery_attempts
from chaos import ledger
from chaos.journal import Message
from chaos.ledger import MergeTarget
from runtime.database import connect_database
from tests.support.sample_turns import NOON, add_turn


async def test_the_ledger_tells_of_each_message_that_is_asked_for(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1)
    turn_id = await add_turn(database, "k0m1 안녕하세요", delivery="held")
    await add_turn(database, "k0m2 안녕하세요")
    attempt = {
        "turn_id": turn_id,
        "claim": 1,
        "via": "callback",
        "state": "held",
        "detail": "the process that was sending it died",
        "claimed_at": NOON,
        "recorded_at": NOON + timedelta(seconds=16),
    }
    async with database.begin() as connection:
        await connection.execute(insert(delivery_attempts).values(attempt))
    await database.dispose()
    told = await ledger.accounts(database_url, ["k0m1", "k0m3"])
    assert list(told) == ["k0m1"]
    assert told["k0m1"].startswith("answered, callback held")
    assert "16.0s callback held the process that was sending it died" in told["k0m1"]
    assert await ledger.died_in_hand(database_url, ["k0m1", "k0m2"]) == {"k0m1"}


async def test_ledger_tells_which_deliveries_a_version_without_the_messenger_claimed(
    database_url: str,
) -> None:
    database = connect_database(database_url, pool_size=1)
    attempts = []
    for number, detail in enumerate(["KeyError", "HTTP 500"], start=1):
        turn_id = await add_turn(database, f"g2m{number} 안녕하세요", delivery="unconfirmed")
        attempts.append(
            {
                "turn_id": turn_id,
                "claim": 1,
                "via": "post",
                "state": "unconfirmed",
                "detail": detail,
                "claimed_at": NOON,
                "recorded_at": NOON,
            }
        )
    async with database.begin() as connection:
        await connection.execute(insert(delivery_attempts).values(attempts))
    await database.dispose()
    assert await ledger.claimed_before(database_url, ["g2m1", "g2m2"]) == {"g2m1"}
    assert await ledger.claimed_before(database_url, ["g2m2"]) == frozenset()


async def test_the_ledger_tells_what_each_message_was_merged_into(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1)
    target = await add_turn(database, "d1m3 안녕하세요", None, status="cancelled")
    merged: dict[str, Any] = {"status": "merged", "merged_into": target}
    await add_turn(database, "d1m1 안녕하세요", None, **merged)
    await add_turn(database, "[사진]", None, event_key="of a photo", **merged)
    await add_turn(database, "d1m4 안녕하세요")
    await database.dispose()
    known = MergeTarget(message="d1m3", status="cancelled")
    messages = [Message(f"d1m{number}", "d1", number, 0.0) for number in (1, 2, 3, 4)]
    messages[1].event_key = "of a photo"
    found = await ledger.merges(database_url, messages)
    assert found == {"d1m1": known, "d1m2": known}
