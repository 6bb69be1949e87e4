"""One run of ``python -m bot evaluations``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.evaluations.bringing import Brought, bring
from bot.admin.evaluations.report import MAX_BYTES
from bot.configuration import Configuration
from bot.domain.audit import COMMAND_LINE, AuditAction, AuditEntry
from bot.evaluations_command.arguments import NoReportError
from bot.store import audit_log
from runtime.database import connect_unpooled
from runtime.system_user import system_user

STATEMENT_S = 60.0


async def run(configuration: Configuration, arguments: argparse.Namespace) -> str:
    """What to print. Raises NoReportError, ValueError for the URL, database errors."""
    content = await asyncio.to_thread(_content, arguments.file)
    url = configuration.settings.database_url.get_secret_value()
    database = connect_unpooled(url, statement_s=STATEMENT_S)
    try:
        async with database.begin() as connection:
            brought = await _brought(connection, content)
            if brought.id is not None:
                await audit_log.append(connection, [_entry(brought)])
    finally:
        await database.dispose()
    return _told(brought)


def _content(name: str) -> bytes:
    """The file's bytes, which are bounded. Raises NoReportError."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoReportError(f"{name} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise NoReportError(f"{name} is larger than {MAX_BYTES // 2**20} MiB: it is no report.")
    return content


async def _brought(connection: AsyncConnection, content: bytes) -> Brought:
    try:
        return await bring(connection, content, author=system_user() or COMMAND_LINE)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise NoReportError(
            f"This is no report of this version ({place or 'the file'}: {fault['msg']}): bring the "
            "report.json that `python -m evaluation` writes."
        ) from None


def _entry(brought: Brought) -> AuditEntry:
    return AuditEntry(
        actor=COMMAND_LINE,
        action=AuditAction.EVALUATION_ADDED,
        object=f"evaluation:{brought.id}",
        details={"system_user": system_user(), "pairs": brought.pairs, "gone": brought.gone},
    )


def _told(brought: Brought) -> str:
    if brought.id is None:
        return "This report is in the dashboard already.\n"
    gone = f" {brought.gone:,} were left out: they were deleted since." if brought.gone else ""
    return (
        f"Evaluation {brought.id} is in the dashboard (/admin/evaluations/{brought.id}) with "
        f"{brought.pairs:,} questions.{gone}\n"
    )
