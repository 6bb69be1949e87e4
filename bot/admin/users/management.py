"""Changes of users, each with its entry in the audit log, in one transaction.

Pages and the command line use the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.dashboard_users import DashboardUser, Role
from bot.store import audit_log, dashboard_users

#: An entry of the act on the user of that name, with details.
MakeEntry = Callable[..., AuditEntry]


class NameTakenError(Exception):
    """There is a user of that name."""


class NoSuchUserError(Exception):
    """There is no user with that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """Changes users. ``entry``: makes the entry of an act, with its actor, reason and address."""

    database: AsyncEngine
    entry: MakeEntry

    async def add(self, name: str, role: Role, password_hash: str) -> int:
        """Add a user who must choose a password; the id. Raises NameTakenError."""
        async with self.database.begin() as connection:
            user_id = await dashboard_users.add(connection, name, role, password_hash=password_hash)
            if user_id is None:
                raise NameTakenError(name)
            await self._log(connection, AuditAction.USER_ADDED, name, role=role.value)
        return user_id

    async def set_role(self, user_id: int, role: Role) -> None:
        """Give the user another role, which ends the sessions. Raises NoSuchUserError."""

        async def change(connection: AsyncConnection, user: DashboardUser) -> None:
            if user.role is role:
                return
            await dashboard_users.set_role(connection, user_id, role)
            roles = {"before": user.role.value, "after": role.value}
            await self._log(connection, AuditAction.USER_ROLE_CHANGED, user.name, **roles)

        await self._change(user_id, change)

    async def set_disabled(self, user_id: int, *, disabled: bool) -> None:
        """Close the account, or open it again. Raises NoSuchUserError."""
        action = AuditAction.USER_DISABLED if disabled else AuditAction.USER_ENABLED

        async def change(connection: AsyncConnection, user: DashboardUser) -> None:
            if bool(user.disabled_at) is disabled:
                return
            await dashboard_users.set_disabled(connection, user_id, disabled=disabled)
            await self._log(connection, action, user.name)

        await self._change(user_id, change)

    async def set_password(self, user_id: int, password_hash: str) -> None:
        """Give the user a password to be replaced at the next login. Raises NoSuchUserError."""

        async def change(connection: AsyncConnection, user: DashboardUser) -> None:
            await dashboard_users.set_password(connection, user_id, password_hash, by_another=True)
            await self._log(connection, AuditAction.USER_PASSWORD_SET, user.name)

        await self._change(user_id, change)

    async def reset_second_factor(self, user_id: int) -> None:
        """Let the user in without a code. Raises NoSuchUserError."""

        async def change(connection: AsyncConnection, user: DashboardUser) -> None:
            if user.totp_secret is None:
                return
            await dashboard_users.drop_second_factor(connection, user_id)
            await self._log(connection, AuditAction.USER_FACTOR_RESET, user.name)

        await self._change(user_id, change)

    async def _change(
        self, user_id: int, change: Callable[[AsyncConnection, DashboardUser], Awaitable[None]]
    ) -> None:
        async with self.database.begin() as connection:
            user = await dashboard_users.find_by_id(connection, user_id, lock=True)
            if user is None:
                raise NoSuchUserError(user_id)
            await change(connection, user)

    async def _log(
        self, connection: AsyncConnection, action: AuditAction, name: str, **details: str
    ) -> None:
        await audit_log.append(connection, [self.entry(action, f"user:{name}", details=details)])
