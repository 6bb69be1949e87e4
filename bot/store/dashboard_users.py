"""The dashboard's users: read by every request, changed by admins and by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from bot.domain.dashboard_users import DashboardUser, Role
from bot.store.schema import dashboard_users as users

_USER: Select[Any] = select(
    users.c.id,
    users.c.name,
    users.c.role,
    users.c.password_hash,
    users.c.must_change_password,
    users.c.language,
    users.c.generation,
    users.c.totp_secret,
    users.c.totp_since,
    func.cardinality(users.c.recovery_hashes).label("recovery_codes"),
    users.c.disabled_at,
    users.c.created_at,
    users.c.last_login_at,
    users.c.temporary_until,
)
#: How long a password that another has chosen lets its user in.
TEMPORARY_DAYS = 3
_TEMPORARY = func.now() + text(f"interval '{TEMPORARY_DAYS} days'")

_BY_NAME = _USER.where(users.c.name == bindparam("name"))
_BY_ID = _USER.where(users.c.id == bindparam("id"))


async def find(connection: AsyncConnection, name: str) -> DashboardUser | None:
    """The user of that name."""
    return _read((await connection.execute(_BY_NAME, {"name": name})).one_or_none())


async def find_by_id(
    connection: AsyncConnection, user_id: int, *, lock: bool = False
) -> DashboardUser | None:
    """The user with that id; ``lock``: until the transaction's end."""
    statement = _BY_ID.with_for_update() if lock else _BY_ID
    return _read((await connection.execute(statement, {"id": user_id})).one_or_none())


async def list_after(connection: AsyncConnection, name: str, limit: int) -> list[DashboardUser]:
    """Users behind that name, by name; "": from the first."""
    statement = _USER.where(users.c.name > name).order_by(users.c.name).limit(limit)
    return [user for user in map(_read, await connection.execute(statement)) if user]


async def add(
    connection: AsyncConnection, name: str, role: Role, *, password_hash: str | None
) -> int | None:
    """Add a user; the id, or None where the name is taken. A password was chosen by another."""
    given = {"name": name, "role": role.value, "password_hash": password_hash}
    statement = (
        insert(users)
        .values(
            **given,
            must_change_password=password_hash is not None,
            temporary_until=_TEMPORARY if password_hash is not None else None,
        )
        .on_conflict_do_nothing(index_elements=[users.c.name])
        .returning(users.c.id)
    )
    found: int | None = await connection.scalar(statement)
    return found


async def note_login(connection: AsyncConnection, user_id: int) -> None:
    """Store that the user has just logged in."""
    await _change(connection, user_id, last_login_at=func.now())


async def set_role(connection: AsyncConnection, user_id: int, role: Role) -> None:
    """Change the role, which ends all sessions."""
    await _change(connection, user_id, role=role.value, generation=users.c.generation + 1)


async def set_disabled(connection: AsyncConnection, user_id: int, *, disabled: bool) -> None:
    """Close or open the account; closing ends all sessions."""
    at = func.now() if disabled else None
    await _change(connection, user_id, disabled_at=at, generation=users.c.generation + 1)


async def set_password(
    connection: AsyncConnection, user_id: int, password_hash: str, *, by_another: bool
) -> None:
    """Change the password, which ends all sessions."""
    await _change(
        connection,
        user_id,
        password_hash=password_hash,
        must_change_password=by_another,
        temporary_until=_TEMPORARY if by_another else None,
        generation=users.c.generation + 1,
    )


async def set_language(connection: AsyncConnection, user_id: int, language: str) -> None:
    """Change the language of the user's pages: ko or en."""
    await _change(connection, user_id, language=language)


async def begin_second_factor(connection: AsyncConnection, user_id: int, secret: str) -> bool:
    """Store an encrypted secret that no login asks for yet; False where one is in use."""
    statement = update(users).where(users.c.id == user_id, users.c.totp_since.is_(None))
    changed = await connection.execute(statement.values(totp_secret=secret))
    return changed.rowcount == 1


async def confirm_second_factor(
    connection: AsyncConnection, user_id: int, secret: str, *, step: int, hashes: Sequence[str]
) -> bool:
    """Ask for codes from now on; ``step``: of the code that confirmed the encrypted secret.

    False where the secret is another by now. All other sessions of the user end.
    """
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.totp_since.is_(None), users.c.totp_secret == secret)
        .values(
            totp_since=func.now(),
            totp_step=step,
            recovery_hashes=list(hashes),
            generation=users.c.generation + 1,
        )
    )
    return (await connection.execute(statement)).rowcount == 1


async def drop_second_factor(connection: AsyncConnection, user_id: int) -> None:
    """Ask for no code any more, and forget the secret. All sessions of the user end."""
    await _change(
        connection,
        user_id,
        totp_secret=None,
        totp_since=None,
        recovery_hashes=[],
        generation=users.c.generation + 1,
    )


async def use_step(connection: AsyncConnection, user_id: int, step: int) -> bool:
    """Use up the code of a time step, and those before it; False where it is used already."""
    statement = update(users).where(users.c.id == user_id, users.c.totp_step < step)
    return (await connection.execute(statement.values(totp_step=step))).rowcount == 1


async def use_recovery_code(connection: AsyncConnection, user_id: int, code_hash: str) -> bool:
    """Use up a recovery code; False where the user has none with this hash."""
    wanted = literal(code_hash, Text)
    statement = (
        update(users)
        .where(users.c.id == user_id, wanted == users.c.recovery_hashes.any_())
        .values(
            recovery_hashes=func.array_remove(users.c.recovery_hashes, wanted, type_=ARRAY(Text))
        )
    )
    return (await connection.execute(statement)).rowcount == 1


async def set_recovery_codes(
    connection: AsyncConnection, user_id: int, hashes: Sequence[str]
) -> None:
    """Replace the recovery codes."""
    await _change(connection, user_id, recovery_hashes=list(hashes))


async def _change(connection: AsyncConnection, user_id: int, **values: Any) -> None:
    await connection.execute(update(users).where(users.c.id == user_id).values(**values))


def _read(row: Row[Any] | None) -> DashboardUser | None:
    return DashboardUser(**row._asdict() | {"role": Role(row.role)}) if row else None
