"""What the search index costs Postgres: in the indexer's batches, and formerly in the accept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Text, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure
from benchmarks.korean_log import NEWEST, turns
from benchmarks.stack import cpu_s
from bot.admin.search.indexer import SearchIndexer
from bot.store import inbox
from bot.store.search.folding import grams
from onebox.embedded_servers import EmbeddedServer

_BATCH, _ROUND = 50, 500
#: The bigrams in ``turns`` and their index, for the same texts.
_FORMER_BYTES = 1286

#: Turns like the newest of the log, settled now.
_SETTLE_COPIES = text(
    """
    INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender, text,
        reply_handle, expires_at, status, answer, preset, model, received_at, settled_at)
    SELECT gen_random_uuid(), conversation_id, 1000000 + row_number() OVER (), epoch, messenger,
        tenant, 'cost ' || gen_random_uuid(), sender, text, reply_handle, expires_at, status,
        answer, preset, model,
        CAST(:newest AS timestamptz) + row_number() OVER () * interval '1 ms', now()
    FROM turns WHERE event_key NOT LIKE 'cost %' ORDER BY received_at DESC LIMIT :count
    """
)
_FORGET_COPIES = text("DELETE FROM turns WHERE seq > 1000000 AND event_key LIKE 'cost %'")
_REST = text("UPDATE search_queue SET queued_at = queued_at - interval '1 minute'")
_BYTES = text("SELECT pg_total_relation_size('search_entries') / greatest(count(*), 1) FROM turns")


async def index_cost(postgres: EmbeddedServer, database: AsyncEngine, count: int) -> list[Figure]:
    """Index ``count`` turns as the bot does; they are deleted afterwards."""
    try:
        async with database.begin() as connection:
            stored = await connection.scalar(_BYTES)
            await connection.execute(_FORGET_COPIES)
            newest = NEWEST + timedelta(days=1)
            await connection.execute(_SETTLE_COPIES, {"newest": newest, "count": count})
            await connection.execute(_REST)
        indexer = SearchIndexer(database=database)
        before, own = cpu_s(postgres.process), time.process_time()
        await indexer.index()
        spent, own = cpu_s(postgres.process) - before, time.process_time() - own
    finally:
        async with database.begin() as connection:
            await connection.execute(_FORGET_COPIES)
    former = "the bigrams of a turn and their index, in turns"
    return [
        Figure("search index.postgres", spent / count * 1000, "ms/turn"),
        Figure("search index.bot", own / count * 1000, "ms/turn"),
        Figure(
            "search index.size", float(stored or 0), "bytes/turn", former,
            float(stored or 0) / _FORMER_BYTES,
        ),
    ]  # fmt: skip


async def accept_cost(postgres: EmbeddedServer, database: AsyncEngine, count: int) -> list[Figure]:
    """The accept, and the accept as it was, with the bigrams of the question: in turn."""
    rows, spent = turns(count), {inbox.ACCEPT: 0.0, ACCEPT_WITH_GRAMS: 0.0}
    while texts := [turn.text for turn in islice(rows, _ROUND)]:
        for statement in spent:
            before = cpu_s(postgres.process)
            for start in range(0, len(texts), _BATCH):
                await _accept(database, statement, texts[start : start + _BATCH])
            spent[statement] += cpu_s(postgres.process) - before
    now, before = (seconds / count * 1e6 for seconds in spent.values())
    return [
        Figure(
            "search accept.postgres", now, "us/turn", "with the bigrams of the question, as before",
            now / max(before, 1e-9),
        )
    ]  # fmt: skip


async def _accept(database: AsyncEngine, statement: TextClause, texts: Sequence[str]) -> None:
    """Accept in one statement, and roll it back: the log stays as it is."""
    payload = orjson.dumps([_values(one) for one in texts]).decode()
    async with database.connect() as connection:
        await connection.execute(statement, {"utterances": payload})
        await connection.rollback()


def _values(question: str) -> dict[str, Any]:
    key, soon = str(uuid4()), (NEWEST + timedelta(minutes=30)).isoformat()
    return {
        "id": key,
        "messenger": "kakao",
        "tenant": "bench",
        "key": key,
        "event_key": key,
        "sender": key,
        "text": question,
        "media": [],
        "reply_handle": {},
        "via": "post",
        "received_at": NEWEST.isoformat(),
        "not_before": NEWEST.isoformat(),
        "expires_at": soon,
        "room": "",
        "max_waiting": 0,
        "grams": grams(question),
    }


def _with_grams(statement: str) -> TextClause:
    """The statement, writing the bigrams too."""
    for now, before in (
        ("reply_handle jsonb,", "reply_handle jsonb, grams text[],"),
        ("reply_handle, expires_at, received_at,", "reply_handle, expires_at, grams, received_at,"),
    ):
        if now not in statement:
            raise ValueError(f"the accept has changed: {now}")
        statement = statement.replace(now, before)
    return text(statement).bindparams(bindparam("utterances", type_=Text))


ACCEPT_WITH_GRAMS = _with_grams(inbox.ACCEPT.text)
