"""The embedded servers: where they are found, and paths that servers do not like."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from onebox.data_dir import SOCKET_PATH_BYTES, CannotStart, owned, socket_dir
from onebox.embedded_servers import (
    embedded_postgres,
    embedded_valkey,
    postgres_binaries,
    valkey_answers,
    valkey_binary,
)

ABSENT = "no_such_wheel"


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


def test_a_socket_folder_left_by_a_kill_is_cleared(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    killed = socket_dir(data_dir, "postgres")
    left = killed.__enter__()
    with socket_dir(data_dir, "postgres") as fresh:
        assert fresh != left
        assert not left.exists()


def test_only_one_process_owns_a_directory_and_its_lock_is_gone_after(tmp_path: Path) -> None:
    with owned(tmp_path, "it"), pytest.raises(CannotStart, match="Another process"):
        owned(tmp_path, "it").__enter__()
    with owned(tmp_path, "it"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_newest_postgres_of_the_system_is_the_second_choice(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for tool in ("initdb", "postgres"):
            (folder / tool).touch(mode=0o755)
    assert postgres_binaries(ABSENT, tmp_path) == tmp_path / "17" / "bin"
    assert "embedded_postgres" in str(postgres_binaries(system=tmp_path))


def test_a_redis_server_of_the_system_will_do(tmp_path: Path) -> None:
    (tmp_path / "redis-server").touch(mode=0o755)
    assert valkey_binary(ABSENT, str(tmp_path)) == tmp_path / "redis-server"


def test_without_any_server_the_sentence_says_what_to_install_or_set(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"pip install -e '.\[onebox\]'.* BOT_DATABASE_URL"):
        postgres_binaries(ABSENT, tmp_path)
    with pytest.raises(CannotStart, match=r"pip install -e '.\[onebox\]'.* BOT_REDIS_URL"):
        valkey_binary(ABSENT, str(tmp_path))


async def test_a_cluster_of_another_postgres_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n", encoding="ascii")
    with pytest.raises(CannotStart, match=r"was made by Postgres 12 and here is .* 18"):
        async with embedded_postgres(tmp_path):
            pass


async def test_a_cancellation_is_never_lost_while_valkey_is_asked(tmp_path: Path) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_unix_server(silent, tmp_path / "silent.sock"):
        for milliseconds in range(8):
            asking = asyncio.create_task(valkey_answers(tmp_path / "silent.sock"))
            await asyncio.sleep(milliseconds / 1000)
            asking.cancel()
            await asyncio.wait([asking], timeout=2)
            assert asking.cancelled()
    for writer in writers:
        writer.close()
