"""Secrets that an older key has encrypted: the first key encrypts them again, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store import schema
from bot.store.encrypted_text import SecretCipher, UnreadableSecretError
from bot.store.installation_tables import SECRETS

#: Rows of a transaction: the event loop is free between them.
BATCH = 50


@dataclass(slots=True)
class Reencryption:
    """What a round has found."""

    changed: int = 0  #: rows
    unreadable: int = 0  #: rows with a secret that no key opens; they stay as they are


async def encrypt_again(
    engine: AsyncEngine, cipher: SecretCipher, secrets: Mapping[str, Sequence[str]] = SECRETS
) -> Reencryption:
    """Encrypt all secrets with the first key. Raises DATABASE_ERRORS.

    ``secrets``: the encrypted columns by the names of their tables, which have an ``id``.
    """
    result = Reencryption()
    for name, columns in secrets.items():
        place = _Place(schema.metadata.tables[name], columns)
        after: int | None = 0
        while after is not None:
            async with engine.begin() as connection:
                after = await _batch(connection, place, after, cipher, result)
    return result


@dataclass(frozen=True, slots=True)
class _Place:
    """Where secrets are."""

    table: Table
    columns: Sequence[str]


async def _batch(
    connection: AsyncConnection,
    place: _Place,
    after: int,
    cipher: SecretCipher,
    into: Reencryption,
) -> int | None:
    """Encrypt the rows behind the id ``after``; the last id, or None at the end."""
    table = place.table
    columns = [table.c.id, *(table.c[name] for name in place.columns)]
    rows = (
        select(*columns).where(table.c.id > after).order_by(table.c.id).limit(BATCH)
    ).with_for_update()
    found = (await connection.execute(rows)).mappings().all()
    for row in found:
        try:
            changed = _changed(row, cipher)
        except UnreadableSecretError:
            into.unreadable += 1
            continue
        if changed:
            await connection.execute(update(table).where(table.c.id == row["id"]).values(**changed))
            into.changed += 1
    return int(found[-1]["id"]) if len(found) == BATCH else None


def _changed(row: RowMapping, cipher: SecretCipher) -> dict[str, Any]:
    """The secrets of a row under the first key, where another key has encrypted them."""
    return {
        name: cipher.encrypt(cipher.decrypt(stored))
        for name, stored in row.items()
        if name != "id" and stored is not None and not cipher.is_current(stored)
    }
