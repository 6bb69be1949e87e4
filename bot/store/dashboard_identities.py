"""Whom the OpenID Connect provider knows under which name: issuer and subject, for good."""

from __future__ import annotations

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.dashboard_users import DashboardUser
from bot.store import dashboard_users
from bot.store.schema import dashboard_identities as identities

#: One login of a person at a time, so that nobody gets two users. "oidc", and the person.
_LOCK = text("SELECT pg_advisory_xact_lock(1868850275, hashtext(:person))")


async def find_user(connection: AsyncConnection, issuer: str, subject: str) -> DashboardUser | None:
    """The user of the person, locked until the transaction's end."""
    await connection.execute(_LOCK, {"person": f"{issuer}\n{subject}"})
    statement = select(identities.c.user_id).where(
        identities.c.issuer == issuer, identities.c.subject == subject
    )
    user_id = await connection.scalar(statement)
    if user_id is None:
        return None
    return await dashboard_users.find_by_id(connection, user_id, lock=True)


async def add(connection: AsyncConnection, issuer: str, subject: str, user_id: int) -> None:
    """The person is this user from now on."""
    values = {"issuer": issuer, "subject": subject, "user_id": user_id}
    await connection.execute(insert(identities).values(values))
