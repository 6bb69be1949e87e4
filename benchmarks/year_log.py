"""The generated log with what a company has after a year: made once of a copy, and kept."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks import korean_log
from benchmarks.figures import say
from benchmarks.search_log import CACHE as LOGS
from benchmarks.search_log import folder_of, kept_postgres, running_log
from benchmarks.year_rows import REVIEWERS, STEPS
from bot.domain.audit import AuditAction
from bot.store.audit_chain import StoredEntry, chained_hash
from onebox.embedded_servers import EmbeddedServer

#: Changes with what is added: an older folder is made anew.
VERSION = 2
CACHE = LOGS.with_name("pages-bench")
_COLUMNS = tuple(StoredEntry.__dataclass_fields__)
_ACTIONS = (
    *(AuditAction.TURNS_READ,) * 5,
    *(AuditAction.CONVERSATION_READ,) * 3,
    AuditAction.REVIEW_WRITTEN,
    AuditAction.LOGIN,
)


@asynccontextmanager
async def running_year(count: int) -> AsyncIterator[EmbeddedServer]:
    """Postgres with ``count`` generated turns and what belongs to them, below ``year_folder``.

    One at a time, as ``running_log``.
    """
    folder = year_folder(count)

    async def copy() -> None:
        await _copy_log(count, folder)

    async def fill(connection: AsyncConnection) -> None:
        await _fill(connection, count)

    async with kept_postgres(folder, "filled", prepare=copy, fill=fill) as postgres:
        yield postgres


def year_folder(count: int) -> Path:
    """The data directory of such a log."""
    return CACHE / f"{korean_log.VERSION}-{VERSION}-{count}"


async def _copy_log(count: int, folder: Path) -> None:
    async with running_log(count):
        pass
    say("pages: copying the log, once")
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(shutil.copytree, folder_of(count), folder)


async def _fill(connection: AsyncConnection, count: int) -> None:
    # No triggers and no foreign keys, as if the rows had been there before.
    await connection.execute(text("SET session_replication_role = replica"))
    await connection.execute(text("SET work_mem = '256MB'"))
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    for name, statements in STEPS.items():
        say(f"pages: adding {name}")
        await raw.execute(statements)
    say(f"pages: adding {count:,} entries of the audit log")
    await raw.copy_records_to_table(
        "audit_log", records=_audit_rows(count), columns=list(_COLUMNS), timeout=600
    )
    await connection.commit()
    say("pages: VACUUM ANALYZE")
    autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
    await autocommit.execute(text("VACUUM ANALYZE"))


def _audit_rows(count: int) -> Iterator[tuple[Any, ...]]:
    """A chained log of a year, oldest first."""
    now, link = datetime.now(UTC), bytes(32)
    for seq in range(1, count + 1):
        entry = StoredEntry(
            seq=seq,
            at=now - timedelta(days=365) * ((count - seq) / count),
            actor=REVIEWERS[seq % 3] if seq % 50 else f"직원 {seq % 200 + 1}",
            action=_ACTIONS[seq % len(_ACTIONS)].value,
            object=f"conversation:{seq % 30_000}",
            details=json.dumps({"turns": seq % 50}),
            reason="",
            address=f"10.0.{seq % 7}.{seq % 200}",
            previous_hash=link,
            hash=b"",
        )
        link = chained_hash(entry)
        chained = replace(entry, hash=link)
        yield tuple(getattr(chained, name) for name in _COLUMNS)
