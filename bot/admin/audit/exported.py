"""The audit log as a file."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.audit.filters import BadFilter, Filters
from bot.admin.audit.view_models import AuditItem, audit_item
from bot.admin.exports.lists import TABLES, Page, Row
from bot.admin.web.language import translate as _
from bot.domain.dashboard_users import Role
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log

PAGE_SIZE = 500


class ExportedAudit:
    """Rows of the log, newest first."""

    name = "audit"
    label = "접속기록"
    role = Role.ADMIN
    formats = TABLES
    columns = ("번호", "시각", "아이디", "작업", "대상", "사유", "접속지", "자세히")

    def problem(self, query: Mapping[str, str]) -> str:
        """What of the filter cannot be read."""
        try:
            Filters.parse(query)
        except BadFilter as error:
            return _(str(error))
        return ""

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The next rows that the filter lets through."""
        asked = Filters.parse(dict(query) | {"before": after})
        async with database.connect() as connection:
            found = await audit_log.newest(
                connection, asked.selection, before=asked.before, limit=PAGE_SIZE
            )
        more = str(found[-1].seq) if len(found) == PAGE_SIZE else ""
        return Page(
            rows=await run_masking(lambda: [_row(audit_item(entry)) for entry in found]), after=more
        )


def _row(item: AuditItem) -> Row:
    details = "; ".join(f"{name}: {value}" for name, value in item.details)
    return (
        item.seq,
        item.at,
        item.actor,
        item.action,
        item.about,
        item.reason,
        item.address,
        details,
    )
