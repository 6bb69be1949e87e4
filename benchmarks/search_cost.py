"""What the search index costs: in the indexer's batches, away from the accept."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure
from benchmarks.korean_log import NEWEST
from benchmarks.stack import cpu_s
from bot.admin.search.indexer import SearchIndexer
from onebox.embedded_servers import EmbeddedServer

#: The bigrams in ``turns`` and their index, as they were once, for the same texts.
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
