"""The recent history of a conversation: a window in Redis over the log in Postgres.

A list per (conversation, epoch) of JSON entries ``{mark, prev, text, answer}``. The conversation's
row names the newest answered turn. A window that does not end with its mark, or has a gap between
its entries, is rebuilt from Postgres. So a lost write, a flush, a reset or an answer undone by a
crash of Postgres never reaches a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import turns
from runtime.circuit_breaker import CircuitBreaker

KEY = "bllossom:history:{conversation}:{epoch}"
TTL_S = 3600


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answered turn."""

    mark: str
    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Window:
    """The history for a prompt: the answered turns of one epoch up to ``newest``."""

    conversation: int
    epoch: int
    newest: str  #: the mark of the newest answered turn; "" where there is none

    @property
    def key(self) -> str:
        """The window's key in Redis."""
        return KEY.format(conversation=self.conversation, epoch=self.epoch)


def mark(seq: int, settled_at: datetime | None) -> str:
    """The mark of one answer of a conversation; "" for seq 0, which means no answer.

    The seq is not enough: a turn whose settlement a crash of Postgres undid is answered anew.
    """
    return f"{seq}@{settled_at}" if seq else ""


class RecentHistory:
    """Reads through Redis, falls back to Postgres; every Redis error costs only time."""

    def __init__(self, redis: Redis, *, max_turns: int) -> None:
        self._redis = redis
        self._max_turns = max_turns
        self._outage = CircuitBreaker()

    async def load(
        self, connection: AsyncConnection, windows: Iterable[Window]
    ) -> dict[Window, list[Exchange]]:
        """The newest answered turns of each window, oldest first, ending at its ``newest``."""
        wanted = [window for window in windows if window.newest and self._max_turns]
        found: dict[Window, list[Exchange]] = {}
        cold: list[Window] = []
        for window, cached in zip(wanted, await self._read(wanted), strict=True):
            if _is_complete(cached, window.newest):
                found[window] = [Exchange(e["mark"], e["text"], e["answer"]) for e in cached]
            else:
                cold.append(window)
        return found | (await self._load_cold(connection, cold) if cold else {})

    async def _load_cold(
        self, connection: AsyncConnection, cold: Sequence[Window]
    ) -> dict[Window, list[Exchange]]:
        """Read the windows from Postgres in one statement, and fill Redis with them."""
        keys = [(window.conversation, window.epoch) for window in cold]
        distinct = list(dict.fromkeys(keys))
        answered = await turns.answered_turns(connection, distinct, limit=self._max_turns)
        loaded = {
            window: [
                Exchange(mark(turn.seq, turn.settled_at), turn.text, turn.answer)
                for turn in answered.get(key, ())
            ]
            for window, key in zip(cold, keys, strict=True)
        }
        await self._fill(loaded)
        return loaded

    async def append(
        self, conversation_id: int, *, epoch: int, previous: str, exchange: Exchange
    ) -> None:
        """Add the newest exchange, once it is committed, behind the one that ``previous`` marks.

        Never starts a window with a gap.
        """
        if self._outage.is_open():
            return
        key = KEY.format(conversation=conversation_id, epoch=epoch)
        push = "rpushx" if previous else "rpush"
        with self._outage.guard():
            async with self._redis.pipeline() as pipeline:
                getattr(pipeline, push)(key, _entry(exchange, previous))
                pipeline.ltrim(key, -self._max_turns, -1)
                pipeline.expire(key, TTL_S)
                await pipeline.execute()

    async def _read(self, windows: Sequence[Window]) -> list[list[dict[str, Any]]]:
        """The entries of each window in Redis, in one round trip; none if Redis fails."""
        empty: list[list[dict[str, Any]]] = [[] for _ in windows]
        if not windows or self._outage.is_open():
            return empty
        stored: list[list[str]] = []
        with self._outage.guard():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for window in windows:
                    pipeline.lrange(window.key, -self._max_turns, -1)
                stored = await pipeline.execute()
        try:
            return [[json.loads(entry) for entry in entries] for entries in stored] or empty
        except ValueError:
            return empty

    async def _fill(self, windows: Mapping[Window, Sequence[Exchange]]) -> None:
        """Build each window under another key and rename it: two fillers cannot interleave."""
        filled = {window: exchanges for window, exchanges in windows.items() if exchanges}
        if not filled or self._outage.is_open():
            return
        with self._outage.guard():
            async with self._redis.pipeline() as pipeline:
                for window, exchanges in filled.items():
                    staging = f"{window.key}:{uuid4().hex}"
                    previous = ["", *(e.mark for e in exchanges[:-1])]
                    entries = [_entry(e, p) for e, p in zip(exchanges, previous, strict=True)]
                    pipeline.rpush(staging, *entries)
                    pipeline.expire(staging, TTL_S)
                    pipeline.rename(staging, window.key)
                await pipeline.execute()


def _entry(exchange: Exchange, previous: str) -> str:
    fields = {
        "mark": exchange.mark,
        "prev": previous,
        "text": exchange.text,
        "answer": exchange.answer,
    }
    return json.dumps(fields, ensure_ascii=False)


def _is_complete(entries: list[dict[str, Any]], end: str) -> bool:
    """Whether the window ends with the turn of this mark and has no gap."""
    try:
        links = all(later["prev"] == earlier["mark"] for earlier, later in pairwise(entries))
        return bool(entries) and links and bool(entries[-1]["mark"] == end)
    except (KeyError, TypeError):
        return False
