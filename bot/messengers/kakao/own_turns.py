"""Turns that buttons name: found only for the person whose turns they are."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.messenger import Incoming
from bot.store import turns
from bot.store.turns import Turn

log = structlog.get_logger(__name__)


async def find_own_turn(database: AsyncEngine, turn_id: UUID, incoming: Incoming) -> Turn | None:
    """The turn of the person's own conversation; None, and a line in the log, for another's."""
    async with database.connect() as connection:
        turn = await turns.find_turn(connection, turn_id)
    if turn is None or _belongs_to(turn, incoming):
        return turn
    log.warning("kakao_foreign_press", turn_id=str(turn_id), bot_id=incoming.tenant)
    return None


def _belongs_to(turn: Turn, incoming: Incoming) -> bool:
    return (turn.messenger, turn.tenant, turn.conversation_key) == (
        "kakao",
        incoming.tenant,
        incoming.conversation_key,
    )
