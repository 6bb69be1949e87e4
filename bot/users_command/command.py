"""One run of ``python -m bot users``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.login.password_hashes import PasswordHashes
from bot.admin.users.management import MakeEntry, Management, NameTakenError
from bot.admin.users.rules import UnsoundError, one_time_password, sound_name
from bot.configuration import Configuration
from bot.domain.audit import COMMAND_LINE, AuditAction, AuditEntry
from bot.domain.dashboard_users import DashboardUser, Role
from bot.domain.turns import clean_text
from bot.store import dashboard_users
from bot.users_command.arguments import RefusedError, read_reason
from runtime.database import connect_unpooled
from runtime.system_user import system_user

STATEMENT_S = 10.0
_MAX_LISTED = 10_000


async def run(configuration: Configuration, arguments: argparse.Namespace) -> str:
    """What to print. Raises RefusedError, ValueError for the URL, database errors."""
    settings = configuration.settings
    url = settings.database_url.get_secret_value()
    database = connect_unpooled(url, statement_s=STATEMENT_S)
    try:
        if arguments.action == "list":
            return await _list(database)
        management = Management(database=database, entry=_entries(read_reason(arguments)))
        if arguments.action == "add":
            return await _add(management, arguments, settings.admin_user)
        user = await _find(database, arguments.name)
        first = Password(settings.admin_user, "").is_of(user.name)
        if first and arguments.action != "reset-second-factor":
            raise RefusedError(
                f"{user.name} is the first admin: BOT_ADMIN_USER and BOT_ADMIN_PASSWORD say who "
                "that is, and with which password."
            )
        return await _change(management, user, arguments)
    finally:
        await database.dispose()


async def _list(database: AsyncEngine) -> str:
    async with database.connect() as connection:
        found = await dashboard_users.list_after(connection, "", _MAX_LISTED)
    width = max((len(user.name) for user in found), default=0)
    lines = [f"{user.name:{width}}  {user.role.value:8}  {_state(user)}\n" for user in found]
    return "".join(lines) or "Nobody is stored: only BOT_ADMIN_USER may log in.\n"


def _state(user: DashboardUser) -> str:
    if user.disabled_at:
        return f"disabled since {user.disabled_at.astimezone(UTC):%Y-%m-%d}"
    words = ["second factor" if user.has_second_factor else "password alone"]
    if user.must_change_password:
        words.append("one-time password not yet replaced")
    return ", ".join(words)


async def _add(management: Management, arguments: argparse.Namespace, first_admin: str) -> str:
    try:
        name = sound_name(arguments.name)
    except UnsoundError:
        raise RefusedError("A name is 1 to 64 letters, digits and . _ - @ + long.") from None
    password = one_time_password()
    password_hash = await PasswordHashes().make(password)
    try:
        if Password(first_admin, "").is_of(name):
            raise NameTakenError(name)
        await management.add(name, Role(arguments.role), password_hash)
    except NameTakenError:
        raise RefusedError(f"There is a user {name} already.") from None
    return f"{name} ({arguments.role}) may log in once with the password {password}\n"


async def _change(
    management: Management, user: DashboardUser, arguments: argparse.Namespace
) -> str:
    assert user.id is not None  # noqa: S101 - found in the database
    match arguments.action:
        case "role":
            await management.set_role(user.id, Role(arguments.role))
            return f"{user.name} is {arguments.role} from now on.\n"
        case "password":
            password = one_time_password()
            await management.set_password(user.id, await PasswordHashes().make(password))
            return f"{user.name} may log in once with the password {password}\n"
        case "reset-second-factor":
            await management.reset_second_factor(user.id)
            return f"{user.name} logs in without a code from now on.\n"
        case action:
            disabled = action == "disable"
            await management.set_disabled(user.id, disabled=disabled)
            return f"{user.name} is {'disabled' if disabled else 'enabled'}.\n"


async def _find(database: AsyncEngine, typed: str) -> DashboardUser:
    async with database.connect() as connection:
        found = await dashboard_users.find(connection, clean_text(typed))
    if found is None:
        raise RefusedError(f"There is no user {typed}: `users list` names them all.")
    return found


def _entries(reason: str) -> MakeEntry:
    """Makes entries whose actor is the command line."""
    by = {"system_user": system_user()}

    def entry(
        action: AuditAction, about: str, *, details: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        return AuditEntry(
            actor=COMMAND_LINE,
            action=action,
            object=about,
            reason=reason,
            details={**by, **(details or {})},
        )

    return entry
