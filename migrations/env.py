"""How Alembic reaches the database: on the caller's connection, or on BOT_DATABASE_URL."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from bot.settings import Settings
from bot.store import schema as bot_schema
from inference_queue import schema as queue_schema
from runtime.database import connect_unpooled

target_metadata = [bot_schema.metadata, queue_schema.metadata]


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=target_metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_on_own_connection() -> None:
    url = Settings().database_url.get_secret_value()
    if not url:
        raise SystemExit("Set BOT_DATABASE_URL: postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    engine = connect_unpooled(url)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(run_on_own_connection())
