"""The log of turns in Slack's rooms: which message asked them, and what it says of their answers.

The screens name turns, and only the log knows whose they are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text

from chaos.deeds import Judgement
from runtime.database import connect_database

_TURNS = text(
    """
    SELECT turns.id::text AS id, split_part(event_key, ':', 2) AS room,
        split_part(event_key, ':', 3) AS ts, turns.status, coalesce(answer, '') AS answer,
        deliveries.state AS delivery, deliveries.detail,
        extract(epoch FROM settled_at)::float8 AS settled_at,
        extract(epoch FROM jobs.finished_at)::float8 AS job_ended_at,
        ARRAY(SELECT posts.state FROM posts WHERE posts.turn_id = turns.id ORDER BY part) AS posts
    FROM turns JOIN deliveries ON deliveries.turn_id = turns.id LEFT JOIN jobs ON jobs.id = job_id
    WHERE turns.messenger = 'slack' AND event_key LIKE 'message:%'
      AND (:everything OR turns.id::text = ANY(:ids) OR event_key = ANY(:keys))
    """
)
_FEEDBACK = text("SELECT turn_id::text, voter, vote, reasons, note FROM feedback")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadTurn:
    """A turn of a message in a room, as the log has it. Times: Unix seconds."""

    id: str
    room: str
    ts: str  #: of the message that asked
    status: str
    answer: str = ""
    delivery: str = "delivered"
    detail: str = ""
    settled_at: float | None = None
    job_ended_at: float | None = None
    posts: tuple[str, ...] = ()  #: the states of the messages that show it

    @property
    def is_silent(self) -> bool:
        """Whether it was stopped before anything was shown, and nothing will be."""
        return self.status == "cancelled" and not self.posts and self.delivery == "expired"


class ThreadLedger:
    """Reads the log. Each method raises database errors."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def all_turns(self) -> list[ThreadTurn]:
        """Every turn of a message in a room."""
        return await self._turns(everything=True)

    async def turns(
        self, ids: Collection[str] = (), messages: Collection[tuple[str, str]] = ()
    ) -> list[ThreadTurn]:
        """The turns with these ids, and those of these messages, by room and ts."""
        keys = [f"message:{room}:{ts}" for room, ts in messages]
        return await self._turns(everything=False, ids=ids, keys=keys)

    async def judgements(self) -> dict[tuple[str, str], Judgement]:
        """The stored votes, by turn and voter."""
        database = connect_database(self._url, pool_size=1)
        try:
            async with database.connect() as connection:
                rows = (await connection.execute(_FEEDBACK)).all()
        finally:
            await database.dispose()
        return {
            (row.turn_id, row.voter): Judgement(row.vote, frozenset(row.reasons), row.note)
            for row in rows
        }

    async def _turns(
        self, *, everything: bool, ids: Collection[str] = (), keys: Collection[str] = ()
    ) -> list[ThreadTurn]:
        database = connect_database(self._url, pool_size=1)
        values = {"everything": everything, "ids": list(ids), "keys": list(keys)}
        try:
            async with database.connect() as connection:
                rows = (await connection.execute(_TURNS, values)).mappings().all()
        finally:
            await database.dispose()
        return [ThreadTurn(**{**row, "posts": tuple(row["posts"])}) for row in rows]
