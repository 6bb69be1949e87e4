"""What every bot and worker does each few seconds goes straight to asyncpg, on a held connection.

A round through SQLAlchemy's pool was the larger part of what they cost while nobody speaks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.charts.counter import StatisticsCounter
from bot.admin.search.indexer import SearchIndexer
from bot.admission.blocklist import Blocklist
from bot.configs.reader import BotConfigs
from bot.delivery.reconciler import Reconciler
from bot.delivery.sweeper import DeliverySweeper
from inference_queue.background.leases import BackgroundLeases, Offer
from inference_worker.background.claimer import BackgroundClaimer
from inference_worker.background.reaper import BackgroundReaper
from inference_worker.queue_reaper import QueueReaper
from runtime.database import connect_database
from tests.support.sample_turns import add_turn

OFFER = Offer(model="m", preset="p", engine="e")


def claims(database: AsyncEngine) -> Callable[[], Awaitable[object]]:
    leases = BackgroundLeases(database, worker="w", lease_s=60.0)
    return partial(BackgroundClaimer(leases).claim, 1, OFFER)


#: By its name, what makes a round of it.
ROUNDS: dict[str, Callable[[AsyncEngine], Callable[[], Awaitable[object]]]] = {
    "deliveries": lambda database: DeliverySweeper(database=database).sweep,
    "lookups": lambda database: Reconciler(database=database, messengers={}).reconcile_next,
    "blocked people": lambda database: Blocklist(database).refresh,
    "settings": lambda database: BotConfigs(database).refresh,
    "statistics": lambda database: StatisticsCounter(database=database).count,
    "search index": lambda database: SearchIndexer(database=database).index,
    "jobs": lambda database: QueueReaper(database).reap,
    "background jobs": lambda database: BackgroundReaper(database).reap,
    "background claims": claims,
}


@pytest.mark.parametrize("made", ROUNDS.values(), ids=ROUNDS)
async def test_a_round_takes_nothing_from_the_pool(
    database_url: str, made: Callable[[AsyncEngine], Callable[[], Awaitable[object]]]
) -> None:
    database = connect_database(database_url, pool_size=3, held=2)
    await add_turn(database, "환불 되나요?", "네")
    async with database.begin() as connection:
        await connection.execute(text("UPDATE search_queue SET queued_at = now() - interval '1m'"))
    work = made(database)
    await work()
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO search_queue (turn_id) SELECT id FROM turns"))
        await connection.execute(text("UPDATE search_queue SET queued_at = now() - interval '1m'"))
    taken: list[object] = []
    event.listen(database.sync_engine.pool, "checkout", lambda *of: taken.append(of))
    await work()
    assert taken == []
    await database.dispose()
