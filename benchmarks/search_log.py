"""The generated log in Postgres: loaded by COPY, indexed afterwards, kept for the next run."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import AsyncFileLock, BaseAsyncFileLock
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks import korean_log
from benchmarks.figures import say
from bot.admin.search.turn_hashes import turn_hashes
from bot.store.migrations import migrate
from bot.store.search.indexing import SettledText
from bot.store.search.keys import segment_keys
from bot.store.search.segments import BEGINNING, SEGMENT_TURNS
from onebox.embedded_servers import EmbeddedServer, postgres_process
from runtime.database import connect_unpooled

CACHE = Path(__file__).parents[1] / ".cache" / "search-bench"
_CHUNK = 5_000
_TABLES = ("turns", "deliveries", "feedback", "search_entries")

#: Indexes that no constraint needs: they are built after the load.
_INDEXES = text(
    """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index WHERE indrelid = ANY(CAST(:tables AS regclass[]))
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    """
)

_NEXT_CONVERSATION = text(
    "SELECT setval(pg_get_serial_sequence('conversations', 'id'), max(id)) FROM conversations"
)


@asynccontextmanager
async def running_log(count: int) -> AsyncIterator[EmbeddedServer]:
    """Postgres with ``count`` generated turns: of an earlier run, or made now.

    One at a time: another run waits until this one has ended.
    """
    folder = folder_of(count)

    async def empty() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    async def load(connection: AsyncConnection) -> None:
        await _load(connection, count)

    async with kept_postgres(folder, "loaded", prepare=empty, fill=load) as postgres:
        yield postgres


@asynccontextmanager
async def kept_postgres(
    folder: Path,
    mark: str,
    *,
    prepare: Callable[[], Awaitable[None]],
    fill: Callable[[AsyncConnection], Awaitable[None]],
) -> AsyncIterator[EmbeddedServer]:
    """Postgres on a folder that is made once: it is whole where it has the file ``mark``."""
    done = folder / mark
    async with locked(folder):
        if not done.exists():
            await prepare()
        async with postgres_process(folder) as postgres:
            await migrate(postgres.url)
            if not done.exists():
                engine = connect_unpooled(postgres.url)
                async with engine.connect() as connection:
                    await fill(connection)
                await engine.dispose()
                done.touch()
            yield postgres


def locked(folder: Path) -> BaseAsyncFileLock:
    """The lock of what is kept in a folder; it stands beside it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return AsyncFileLock(folder.with_name(f"{folder.name}.lock"))


def folder_of(count: int) -> Path:
    """The data directory of such a log."""
    return CACHE / f"{korean_log.VERSION}-{count}"


async def _load(connection: AsyncConnection, count: int) -> None:
    say(f"search: loading {count:,} turns, once")
    # No triggers and no foreign keys, as if the rows had been there before.
    await connection.execute(text("SET session_replication_role = replica"))
    await connection.execute(text("SET maintenance_work_mem = '1GB'"))
    indexes = (await connection.execute(_INDEXES, {"tables": list(_TABLES)})).all()
    for index in indexes:
        await connection.execute(text(f"DROP INDEX {index.name}"))
    copy = await _copier(connection)
    rows, conversations, loaded = korean_log.turns(count), _Conversations(), 0
    while chunk := list(islice(rows, _CHUNK)):
        await _copy_chunk(copy, conversations, chunk, loaded)
        loaded += len(chunk)
        if loaded % (20 * _CHUNK) == 0:
            say(f"search: {loaded:,} turns loaded")
    await copy("conversations", _CONVERSATION, conversations.rows())
    await connection.execute(_NEXT_CONVERSATION)
    for index in indexes:
        await connection.execute(text(index.definition))
    await connection.commit()
    say("search: indexes built")
    autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
    await autocommit.execute(text("VACUUM ANALYZE"))


Copy = Callable[[str, Sequence[str], Iterator[tuple[Any, ...]]], Any]


async def _copier(connection: AsyncConnection) -> Copy:
    raw = (await connection.get_raw_connection()).driver_connection

    async def copy(table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        assert raw is not None
        await raw.copy_records_to_table(table, records=rows, columns=list(columns))

    return copy


class _Conversations:
    """The numbers of the conversations, and how many turns each has."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str, str, str], list[int]] = {}

    def place(self, turn: SettledText) -> tuple[int, int]:
        """The conversation's id, and the next seq in it."""
        key = (turn.messenger, turn.tenant, turn.conversation_key, turn.room)
        known = self._turns.setdefault(key, [len(self._turns) + 1, 0])
        known[1] += 1
        return known[0], known[1]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of the table."""
        for key, (number, turns) in self._turns.items():
            yield (number, *key, turns)


async def _copy_chunk(
    copy: Copy, conversations: _Conversations, chunk: Sequence[SettledText], loaded: int
) -> None:
    await copy("turns", _TURN, (_turn(turn, *conversations.place(turn)) for turn in chunk))
    await copy("deliveries", _DELIVERY, (_delivery(one) for one in chunk if one.delivery_state))
    votes = ((turn.id, "voter", vote) for turn in chunk for vote in turn.votes)
    await copy("feedback", ("turn_id", "voter", "vote"), votes)
    numbered = list(enumerate(chunk, loaded))
    firsts = [(number, turn) for number, turn in numbered if number % SEGMENT_TURNS == 0]
    segments = (
        (turn.received_at if number else BEGINNING, SEGMENT_TURNS, True) for number, turn in firsts
    )
    await copy("search_segments", ("starts_at", "turns", "indexed"), segments)
    # The numbers of an identity column begin with 1.
    entries = (
        (turn.id, turn.received_at, segment_keys(number // SEGMENT_TURNS + 1, turn_hashes(turn)))
        for number, turn in numbered
    )
    await copy("search_entries", ("turn_id", "received_at", "keys"), entries)


_CONVERSATION = ("id", "messenger", "tenant", "key", "room", "last_seq")
_TURN = (
    *("id", "conversation_id", "seq", "epoch", "messenger", "tenant", "event_key", "sender"),
    *("text", "reply_handle", "expires_at", "status", "preset", "answer", "finish_reason"),
    *("model", "prompt_tokens", "completion_tokens", "failure_reason", "config_version"),
    *("received_at", "settled_at"),
)
_DELIVERY = ("turn_id", "messenger", "via", "state", "not_before", "expires_at", "delivered_at")
_HANDLE = '{"via": "post", "address": {"url": "https://example.com/answer"}}'


def _turn(turn: SettledText, conversation_id: int, seq: int) -> tuple[Any, ...]:
    return (
        *(turn.id, conversation_id, seq, 0, turn.messenger, turn.tenant, str(turn.id)),
        *(turn.sender, turn.text, _HANDLE, turn.received_at + timedelta(minutes=30)),
        *(turn.status, turn.preset, turn.answer, turn.finish_reason, turn.model),
        *(turn.prompt_tokens, turn.completion_tokens, turn.failure_reason, turn.config_version),
        *(turn.received_at, turn.received_at + timedelta(milliseconds=turn.latency_ms or 0)),
    )


def _delivery(turn: SettledText) -> tuple[Any, ...]:
    delivered = turn.received_at + timedelta(milliseconds=(turn.latency_ms or 0) + 90)
    return (
        *(turn.id, turn.messenger, "post", turn.delivery_state, turn.received_at),
        turn.received_at + timedelta(minutes=30),
        delivered if turn.delivery_state == "delivered" else None,
    )
