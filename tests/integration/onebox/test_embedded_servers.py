"""The embedded servers: where they are found, and paths that servers do not like."""

from __future__ import annotations

import os
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from onebox.data_dir import SOCKET_PATH_BYTES
from onebox.embedded_servers import (
    embedded_postgres,
    embedded_valkey,
)


async def test_the_database_knows_hangul_and_keeps_what_it_accepts(postgres_server: str) -> None:
    engine = create_async_engine(postgres_server)
    async with engine.connect() as connection:
        row = await connection.execute(
            text(r"SELECT '가' ~ '\w', datctype FROM pg_database WHERE datname = 'bot'")
        )
        assert tuple(row.one()) == (True, "C.UTF-8")
    await engine.dispose()


async def test_a_real_run_commits_durably_under_a_path_too_long_for_a_socket(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / ("긴 이름 %" * 12)
    assert len(os.fsencode(data_dir)) > SOCKET_PATH_BYTES
    async with embedded_postgres(data_dir) as url, embedded_valkey(data_dir) as redis_url:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            for name in ("synchronous_commit", "fsync", "full_page_writes"):
                assert (await connection.execute(text(f"SHOW {name}"))).scalar() == "on"
        await engine.dispose()
        async with Redis.from_url(redis_url) as client:
            assert await client.ping()
        short = [(data_dir / "run" / name).readlink() for name in ("postgres", "valkey")]
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in short)
    assert not any(folder.exists() for folder in short)
