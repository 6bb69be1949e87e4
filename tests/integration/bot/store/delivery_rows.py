"""Settled turns with deliveries in any state, for tests of single statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.store import deliveries
from bot.store.deliveries import Delivery
from bot.store.reply_handles import dump_handle
from tests.support.sample_turns import add_turn

#: What another claim holds is an error at once, and no wait.
NO_WAIT = text("SET LOCAL lock_timeout = '100ms'")


async def add_delivery(
    database: AsyncEngine,
    *,
    via: str = "post",
    state: str = "pending",
    key: str = "room-1",
    status: str = "answered",
    due_in_s: float = -1.0,
    callback_in_s: float | None = None,
) -> UUID:
    """One turn at the end of its conversation; its delivery is due unless said otherwise."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(minutes=9)
    handle = ReplyHandle(via=DeliveryVia(via), expires_at=expires_at)
    turn_id = await add_turn(
        database,
        received_at=now,
        messenger="slack",
        key=key,
        delivery=state,
        status=status,
        expires_at=expires_at,
        reply_handle=dump_handle(handle),
    )
    callback_until = now + timedelta(seconds=callback_in_s) if callback_in_s is not None else None
    await change(
        database,
        turn_id,
        via=via,
        not_before=now + timedelta(seconds=due_in_s),
        callback_until=callback_until,
        attempts=0,
    )
    return turn_id


async def change(database: AsyncEngine, turn_id: UUID, **columns: Any) -> None:
    """Write columns of one delivery."""
    names = ", ".join(f"{name} = :{name}" for name in columns)
    statement = text(f"UPDATE deliveries SET {names} WHERE turn_id = :turn_id")
    async with database.begin() as connection:
        await connection.execute(statement, {**columns, "turn_id": turn_id})


async def delivery(database: AsyncEngine, turn_id: UUID) -> Delivery:
    """The delivery's row."""
    async with database.connect() as connection:
        found = await deliveries.find(connection, turn_id)
    assert found is not None
    return found


async def ledger(connection: AsyncConnection, turn_id: UUID) -> list[tuple[Any, ...]]:
    """Claim, route, state and detail of each entry of the turn."""
    statement = text(
        "SELECT claim, via, state, detail FROM delivery_attempts WHERE turn_id = :id ORDER BY id"
    )
    return [tuple(row) for row in await connection.execute(statement, {"id": turn_id})]
