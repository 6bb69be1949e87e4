"""What the views of the reviews share: the user's row, ids in addresses, other modules' keys."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.login.identity import USER
from bot.admin.turns.queries import MAX_ID
from bot.admin.web.numbers import whole_number
from bot.store import dashboard_users


async def user_id(request: web.Request, connection: AsyncConnection) -> int:
    """The id of the user's row. The first admin may have logged in while there was no database."""
    user = request[USER]
    if user.id is not None:
        return user.id
    added = await dashboard_users.add(connection, user.name, user.role, password_hash=None)
    stored = None if added else await dashboard_users.find(connection, user.name)
    found = added or (stored.id if stored else None)
    assert found is not None  # noqa: S101 - added, or there before; nobody deletes a user
    return found


def read_id(raw: str) -> int | None:
    """A row's id in an address; None: it cannot be one."""
    number = whole_number(raw, 19) or 0
    return number if 0 < number <= MAX_ID else None


def read_uuid(raw: str) -> UUID | None:
    """A turn's id in an address; None: it cannot be one."""
    try:
        return UUID(raw)
    except ValueError:
        return None
