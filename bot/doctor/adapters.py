"""Whether workers have the adapters that the settings in the database name."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.configs.effective import read_row
from bot.configs.reader import MAX_SCOPES
from bot.domain.findings import Finding, Verdict
from bot.settings import Settings
from bot.store import bot_configs
from bot.workers import has_adapter
from inference_queue.worker_registry import list_workers
from runtime.database import DATABASE_ERRORS, CannotConnectError, connect_unpooled
from runtime.redis_client import connect_redis

STATEMENT_TIMEOUT_S = 5.0
_ADVICE = (
    "no worker has it, and its questions wait until they expire: start one with it "
    "(WORKER_ADAPTERS), or name another on the settings page"
)


async def check_adapters(settings: Settings) -> AsyncIterator[Finding]:
    """A finding on each adapter that is named; none where a store is away, which others say."""
    try:
        scopes = await _named(settings)
        if not scopes:
            return
        redis = connect_redis(settings.redis_url.get_secret_value())
        try:
            workers = await list_workers(redis)
        finally:
            await redis.aclose()
    except (CannotConnectError, *DATABASE_ERRORS, RedisError, OSError, ValueError):
        return
    for name, scope in sorted(scopes.items()):
        sentence = f"The settings of {scope} name the adapter {name}"
        if has_adapter(name, workers):
            yield Finding(Verdict.OK, f"{sentence}, which a worker has.")
        else:
            yield Finding(Verdict.WRONG, f"{sentence}: {_ADVICE}.")


async def _named(settings: Settings) -> dict[str, str]:
    """One scope by the adapter that it names."""
    engine = connect_unpooled(
        settings.database_url.get_secret_value(), statement_s=STATEMENT_TIMEOUT_S
    )
    try:
        async with engine.connect() as connection:
            return await _adapters(connection)
    finally:
        await engine.dispose()


async def _adapters(connection: AsyncConnection) -> dict[str, str]:
    newest = await bot_configs.newest_version(connection)
    rows = await bot_configs.changed(connection, after=0, upto=newest, limit=MAX_SCOPES)
    named = {read_row(row).values.chosen_adapter: str(row.scope) for row in rows}
    named.pop("", None)
    return named
