"""The dashboard's users as a file, without anything secret."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports.lists import TABLES, Page, Row
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.dashboard_users import DashboardUser, Role
from bot.store import dashboard_users

PAGE_SIZE = 500


class ExportedUsers:
    """Users by name."""

    name = "users"
    label = "사용자들"
    role = Role.ADMIN
    formats = TABLES
    columns = ("아이디", "역할", "2단계 인증", "사용 중지", "만든 시각", "마지막 로그인")

    def problem(self, query: Mapping[str, str]) -> str:
        """Nothing: the page has no filter."""
        del query
        return ""

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The users behind a name."""
        del query
        async with database.connect() as connection:
            found = await dashboard_users.list_after(connection, after, PAGE_SIZE)
        more = found[-1].name if len(found) == PAGE_SIZE else ""
        return Page(rows=[_row(user) for user in found], after=more)


def _row(user: DashboardUser) -> Row:
    return (
        user.name,
        labels.label(user.role, labels.ROLES),
        _("켜짐") if user.has_second_factor else _("꺼짐"),
        user.disabled_at,
        user.created_at,
        user.last_login_at,
    )
