"""The recent history of a conversation: a window in Redis over the log in Postgres.

A list per (conversation, epoch) of JSON entries ``{mark, prev, text, answer}``. The conversation's
row names the newest answered turn. A window that does not end with its mark, has a gap between its
entries, or holds anything else, is rebuilt from Postgres. So a lost write, a flush, a reset or an
answer undone by a crash of Postgres never reaches a prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from redis.asyncio import Redis

from bot.store import turns
from runtime.circuit_breaker import CircuitBreaker
from runtime.direct import AnyConnection
from runtime.redis_client import sharing_pool
from runtime.redis_protocol import Command

KEY = "bllossom:history:{conversation}:{epoch}"
#: From the beginning of a window: no new answer prolongs what may hold a deleted turn.
TTL_S = 3600
_FIELDS = {"mark", "prev", "text", "answer"}
_SURROGATES = re.compile("[\ud800-\udfff]")


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
    uncached: bool = False  #: an answer of it is being replaced: only Postgres knows which

    @property
    def key(self) -> str:
        """The window's key in Redis."""
        return KEY.format(conversation=self.conversation, epoch=self.epoch)


def mark(seq: int, settled_at: datetime | None) -> str:
    """The mark of one answer of a conversation; "" for seq 0, which means no answer.

    The seq is not enough: a turn whose settlement a crash of Postgres undid is answered anew.
    """
    return f"{seq}@{settled_at}" if seq else ""


def seq_of(mark: str) -> int:
    """The seq of the turn whose answer has this mark; 0 for a mark that names none."""
    seq = mark.partition("@")[0]
    return int(seq) if seq.isascii() and seq.isdecimal() and len(seq) < 19 else 0


class RecentHistory:
    """Reads through Redis, falls back to Postgres; every Redis error costs only time."""

    def __init__(self, redis: Redis, *, max_turns: int) -> None:
        self._connection = sharing_pool(redis).shared
        self._max_turns = max_turns
        self._outage = CircuitBreaker()

    async def load(
        self, connection: AnyConnection, windows: Sequence[Window]
    ) -> dict[Window, list[Exchange]]:
        """The newest answered turns of each window, oldest first, ending at its ``newest``."""
        found = await self.cached(windows)
        cold = [window for window in windows if window not in found]
        return found | (await self._load_cold(connection, cold) if cold else {})

    async def cached(self, windows: Sequence[Window]) -> dict[Window, list[Exchange]]:
        """Those of the windows that need nothing of Postgres: empty, or whole in Redis."""
        full = [window for window in windows if window.newest and self._max_turns]
        found: dict[Window, list[Exchange]] = {one: [] for one in windows if one not in full}
        wanted = [window for window in full if not window.uncached]
        for window, stored in zip(wanted, await self._read(wanted), strict=True):
            if exchanges := _read_window(stored, end=window.newest):
                found[window] = exchanges
        return found

    async def _load_cold(
        self, connection: AnyConnection, cold: Sequence[Window]
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
        await self._fill({key: value for key, value in loaded.items() if not key.uncached})
        return loaded

    def append(
        self, conversation_id: int, *, epoch: int, previous: str, exchange: Exchange
    ) -> None:
        """Add the newest exchange, once it is committed, behind the one that ``previous`` marks.

        Never starts a window with a gap. Nobody waits: a later read of this process follows it.
        """
        key = KEY.format(conversation=conversation_id, epoch=epoch)
        # A key of another type is left to the next read, which replaces it.
        begin: tuple[Command, ...] = () if previous else (("EXPIRE", key, TTL_S),)
        self._connection.send(
            ("MULTI",),
            ("RPUSHX" if previous else "RPUSH", key, _entry(exchange, previous)),
            ("LTRIM", key, -self._max_turns, -1),
            *begin,
            ("EXEC",),
        )

    async def _read(self, windows: Sequence[Window]) -> Sequence[object]:
        """What Redis holds at each window's key, in one round trip; nothing if Redis fails.

        A key of another type gives an error in its place: it costs the other windows nothing.
        """
        empty: Sequence[object] = [[] for _ in windows]
        if not windows or self._outage.is_open():
            return empty
        stored: Sequence[object] = []
        with self._outage.guard():
            reads = [("LRANGE", window.key, -self._max_turns, -1) for window in windows]
            stored = await self._connection.execute(*reads, errors_in_place=True)
        return stored or empty

    async def _fill(self, windows: Mapping[Window, Sequence[Exchange]]) -> None:
        """Build each window under another key and rename it: two fillers cannot interleave."""
        filled = {window: exchanges for window, exchanges in windows.items() if exchanges}
        if not filled or self._outage.is_open():
            return
        with self._outage.guard():
            commands: list[Command] = [("MULTI",)]
            for window, exchanges in filled.items():
                staging = f"{window.key}:{uuid4().hex}"
                previous = ["", *(e.mark for e in exchanges[:-1])]
                entries = [_entry(e, p) for e, p in zip(exchanges, previous, strict=True)]
                commands += [
                    ("RPUSH", staging, *entries),
                    ("EXPIRE", staging, TTL_S),
                    ("RENAME", staging, window.key),
                ]
            await self._connection.execute(*commands, ("EXEC",))


def _entry(exchange: Exchange, previous: str) -> str:
    fields = {
        "mark": exchange.mark,
        "prev": previous,
        "text": exchange.text,
        "answer": exchange.answer,
    }
    return json.dumps(fields, ensure_ascii=False)


def _read_window(stored: object, *, end: str) -> list[Exchange]:
    """The exchanges, if all can be read, none is missing and the last has the mark ``end``.

    Empty otherwise: whatever else stands there is a miss.
    """
    exchanges: list[Exchange] = []
    for raw in stored if isinstance(stored, list) else ():
        entry = _fields(raw)
        if entry is None or (exchanges and entry["prev"] != exchanges[-1].mark):
            return []
        exchanges.append(Exchange(entry["mark"], entry["text"], entry["answer"]))
    return exchanges if exchanges and exchanges[-1].mark == end else []


def _fields(raw: object) -> dict[str, str] | None:
    """The fields of an entry; None for anything that ``_entry`` does not write."""
    try:
        entry = json.loads(raw.decode()) if isinstance(raw, bytes) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        return None
    return entry if all(map(_is_storable, entry.values())) else None


def _is_storable(value: object) -> bool:
    """Whether Postgres could hold the text: it refuses jobs with NUL or lone surrogates."""
    return isinstance(value, str) and "\0" not in value and not _SURROGATES.search(value)
