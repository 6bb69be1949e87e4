"""The statements of a turn are met before the first message, and a database without tables."""

from __future__ import annotations

from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from structlog.testing import capture_logs

from bot.store.delivery_claims import CLAIM_ONE
from bot.store.inbox import ACCEPT, ACCEPT_JOBS
from bot.store.queueing import QUEUE
from bot.store.settlements import SETTLE, SETTLE_UNREAD
from bot.store.waiting_turns import WAITING
from bot.store.warmup import warm_up
from inference_queue.client import JobQueue
from runtime.database import connect_database
from runtime.redis_client import connect_redis

POOL = 16
STATEMENTS = (ACCEPT, ACCEPT_JOBS, WAITING, QUEUE, SETTLE, SETTLE_UNREAD, CLAIM_ONE)


def sql(statement: ClauseElement) -> str:
    """The statement as Postgres gets it."""
    return str(statement.compile(dialect=dialect()))  # type: ignore[no-untyped-call]


async def test_every_connection_knows_the_statements_of_a_turn(
    database_url: str, redis_url: str
) -> None:
    database = connect_database(database_url, pool_size=2)
    async with connect_redis(redis_url) as redis:
        with capture_logs() as logs:
            await warm_up(database, JobQueue(redis), connections=2)
        assert logs == []
        for _ in range(2):
            async with database.connect() as connection:
                known = await connection.execute(
                    text("SELECT statement FROM pg_prepared_statements WHERE statement LIKE :of"),
                    {"of": "%turns%"},
                )
                assert {sql(statement) for statement in STATEMENTS} <= set(known.scalars())
    await database.dispose()


async def test_connections_to_a_database_without_tables_stay_fit_for_use(
    empty_database_url: str, redis_url: str
) -> None:
    database = connect_database(empty_database_url, pool_size=POOL)
    async with connect_redis(redis_url) as redis:
        with capture_logs() as logs:
            await warm_up(database, JobQueue(redis), connections=POOL)
        assert [(one["event"], one["error"]) for one in logs] == [
            ("started_cold", "UndefinedTableError")
        ]
        for _ in range(POOL):
            async with database.connect() as connection:
                assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await database.dispose()
