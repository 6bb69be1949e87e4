"""Accounts: the users in the database, and the first admin, whom the settings name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.login.password import Password
from bot.domain.audit import AuditEntry
from bot.domain.dashboard_users import DashboardUser, Role
from bot.domain.turns import clean_text
from bot.store import audit_log, dashboard_users
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

TIMEOUT_S = 2.0


class Accounts:
    """Finds users and checks their passwords.

    ``password``: the first admin's. It opens the dashboard whatever the database says: whoever
    has locked the others out, or lost the database, gets in.
    """

    def __init__(self, database: AsyncEngine, password: Password) -> None:
        self._database = database
        self._password = password

    @property
    def are_open(self) -> bool:
        """Whether anybody may log in."""
        return self._password.is_set

    def is_first_admin(self, name: str) -> bool:
        """Whether the settings name this user, who stays an admin and is never disabled."""
        return self._password.is_of(name)

    async def authenticate(self, name: str, typed: str) -> DashboardUser | None:
        """The user, if the password is right. Raises DATABASE_ERRORS.

        Without Postgres only the first admin's password is checked.
        """
        if self.is_first_admin(name):
            right = await self._password.matches(typed)
            return await self._first_admin() if right else None
        user = await self.find(name)
        right = await self._password.hashes.matches(user.password_hash if user else None, typed)
        return user if user and right and user.may_log_in(datetime.now(UTC)) else None

    async def find(self, name: str) -> DashboardUser | None:
        """The user of that name. Raises DATABASE_ERRORS."""
        user = await run_with_timeout(TIMEOUT_S, self._find(clean_text(name)))
        return self._as_first_admin(user) if self.is_first_admin(name) else user

    async def note_login(self, user: DashboardUser, entry: AuditEntry) -> None:
        """Write a login down. Raises DATABASE_ERRORS but for the first admin."""
        try:
            await run_with_timeout(TIMEOUT_S, self._note_login(user, entry))
        except DATABASE_ERRORS as error:
            if not self.is_first_admin(user.name):
                raise
            log.warning("admin_login_not_stored", error=type(error).__name__)

    async def matches(self, user: DashboardUser, typed: str) -> bool:
        """Whether the password is the user's."""
        if self.is_first_admin(user.name):
            return await self._password.matches(typed)
        return await self._password.hashes.matches(user.password_hash, typed)

    async def make_hash(self, password: str) -> str:
        """The hash of a new password."""
        return await self._password.hashes.make(password)

    async def _first_admin(self) -> DashboardUser:
        """The first admin; without Postgres as far as the settings know."""
        try:
            found = await self.find(self._password.user)
        except DATABASE_ERRORS:
            found = None
        return found or self._as_first_admin(None)

    def _as_first_admin(self, stored: DashboardUser | None) -> DashboardUser:
        name = self._password.user
        return replace(
            stored or DashboardUser(name=name, role=Role.ADMIN),
            role=Role.ADMIN,
            password_hash=None,
            must_change_password=False,
            disabled_at=None,
        )

    async def _find(self, name: str) -> DashboardUser | None:
        async with self._database.connect() as connection:
            return await dashboard_users.find(connection, name)

    async def _note_login(self, user: DashboardUser, entry: AuditEntry) -> None:
        async with self._database.begin() as connection:
            user_id = user.id or await _add_first_admin(connection, clean_text(user.name))
            await dashboard_users.note_login(connection, user_id)
            await audit_log.append(connection, [entry])


async def _add_first_admin(connection: AsyncConnection, name: str) -> int:
    """The id of the first admin's row, which holds no password."""
    added = await dashboard_users.add(connection, name, Role.ADMIN, password_hash=None)
    stored = None if added else await dashboard_users.find(connection, name)
    found = added or (stored.id if stored else None)
    assert found is not None  # noqa: S101 - added, or there before; nobody deletes a user
    return found
