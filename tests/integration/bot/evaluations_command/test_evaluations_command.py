"""``python -m bot evaluations`` as an engineer types it behind an evaluation."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.evaluations import records
from runtime.database import connect_unpooled
from tests.support.audit import logged
from tests.support.evaluations import comparison


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_unpooled(database_url)
    yield engine
    await engine.dispose()


async def add(url: str, folder: Path, name: str, given: bytes = b"") -> tuple[int, str, str]:
    """The exit status, and what one run printed to people and of errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "evaluations", "add", name),
        cwd=folder,
        env=os.environ
        | {"BOT_DATABASE_URL": url, "PYTHONPATH": str(Path.cwd()), "PYTHONUTF8": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_report_is_brought_once_by_file_or_by_pipe_and_logged(
    database_url: str, database: AsyncEngine, tmp_path: Path
) -> None:
    content = comparison()
    (tmp_path / "report.json").write_bytes(content)
    status, out, _err = await add(database_url, tmp_path, "report.json")
    assert (status, "12 questions" in out) == (0, True)
    status, out, _err = await add(database_url, tmp_path, "-", content)
    assert (status, "already" in out) == (0, True)
    async with database.connect() as connection:
        (one,) = await records.newest(connection, before=None, limit=9)
    assert (one.verdict, one.candidate) == ("better", "새 모델")
    (entry,) = await logged(database)
    assert entry.action == "evaluation_added"
    details = json.loads(entry.details)
    assert (details["pairs"], details["gone"]) == (12, 0)


async def test_what_is_no_report_is_a_sentence(
    database_url: str, database: AsyncEngine, tmp_path: Path
) -> None:
    status, _out, err = await add(database_url, tmp_path, "missing.json")
    assert (status, "cannot be read" in err) == (1, True)
    status, _out, err = await add(database_url, tmp_path, "-", b'{"kind": "comparison"}')
    assert (status, "no report of this version" in err) == (1, True)
    assert await logged(database) == []
