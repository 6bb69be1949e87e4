"""The bot's settings by scope: rows that are only added, each a new version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, Row, Text, bindparam, insert, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.bot_config import Scope
from bot.store.schema import bot_configs
from runtime.direct import AnyConnection

#: One writer at a time: a version is taken only after all lower ones are committed, so that no
#: reader that has seen it can miss one below it.
LOCK = text("LOCK TABLE bot_configs IN SHARE ROW EXCLUSIVE MODE")
NEWEST_VERSION = text("SELECT coalesce(max(version), 0) FROM bot_configs")
_COLUMNS = 'version, messenger, tenant, room, "values", author, created_at, note, restores'
#: The newest row of each scope with a row above ``after``, a page at a time.
CHANGED = (
    text(
        f"""
        SELECT {_COLUMNS} FROM bot_configs AS newest
        WHERE version > :after AND version <= :upto AND NOT EXISTS (
            SELECT FROM bot_configs AS newer
            WHERE newer.messenger = newest.messenger AND newer.tenant = newest.tenant
              AND newer.room = newest.room AND newer.version > newest.version
              AND newer.version <= :upto
        )
        ORDER BY version LIMIT :limit
        """
    )
    .bindparams(
        bindparam("after", type_=BigInteger),
        bindparam("upto", type_=BigInteger),
        bindparam("limit", type_=Integer),
    )
    .columns(values=JSONB)
)
#: The newest row of each wanted scope that is not above ``upto``.
AT_VERSION = (
    text(
        f"""
        SELECT {_COLUMNS}
        FROM unnest(:messengers, :tenants, :rooms)
            WITH ORDINALITY AS wanted (messenger, tenant, room, number)
        CROSS JOIN LATERAL (
            SELECT version, "values", author, created_at, note, restores FROM bot_configs
            WHERE bot_configs.messenger = wanted.messenger
              AND bot_configs.tenant = wanted.tenant AND bot_configs.room = wanted.room
              AND (CAST(:upto AS bigint) IS NULL OR version <= :upto)
            ORDER BY version DESC LIMIT 1
        ) AS newest
        ORDER BY number
        """
    )
    .bindparams(
        *(bindparam(name, type_=ARRAY(Text)) for name in ("messengers", "tenants", "rooms")),
        bindparam("upto", type_=BigInteger),
    )
    .columns(values=JSONB)
)
HISTORY = (
    text(
        f"""
        SELECT {_COLUMNS} FROM bot_configs
        WHERE messenger = :messenger AND tenant = :tenant AND room = :room
          AND (CAST(:below AS bigint) IS NULL OR version < :below)
        ORDER BY version DESC LIMIT :limit
        """
    )
    .bindparams(bindparam("limit", type_=Integer), bindparam("below", type_=BigInteger))
    .columns(values=JSONB)
)
#: The newest row of the scopes behind one, in their order: the wider before the closer.
LIVE = (
    text(
        """
        SELECT version, messenger, tenant, room, author, created_at, note,
            CASE jsonb_typeof("values") WHEN 'object'
                THEN ARRAY(SELECT jsonb_object_keys("values")) ELSE '{}' END AS keys
        FROM (
            SELECT DISTINCT ON (messenger, tenant, room) version FROM bot_configs
            WHERE NOT CAST(:resumes AS boolean)
               OR (messenger, tenant, room) > (:messenger, :tenant, :room)
            ORDER BY messenger, tenant, room, version DESC LIMIT :limit
        ) AS newest
        JOIN bot_configs USING (version)
        ORDER BY messenger, tenant, room
        """
    )
    .bindparams(
        *(bindparam(name, type_=Text) for name in Scope._fields),
        bindparam("resumes", type_=Boolean),
        bindparam("limit", type_=Integer),
    )
    .columns(keys=ARRAY(Text))
)
#: DISTINCT reads the index in its order; count(DISTINCT ...) would sort all rows.
_SCOPES = text(
    "SELECT count(*) FROM (SELECT DISTINCT messenger, tenant, room FROM bot_configs) AS scopes"
)
ADD = insert(bot_configs).returning(bot_configs.c.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """One version of a scope's settings; never changed."""

    version: int
    scope: Scope
    values: Any  #: as stored: all that the scope sets, perhaps by another version of the program
    author: str
    created_at: datetime
    note: str = ""  #: why, in the author's words
    restores: int | None = None  #: the old version that this one is equal to


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveScope:
    """What a scope sets now, without the values."""

    scope: Scope
    version: int
    keys: tuple[str, ...]
    author: str
    created_at: datetime
    note: str


async def lock(connection: AsyncConnection) -> None:
    """Keep other writers out until the transaction ends; readers go on."""
    await connection.execute(LOCK)


async def add(
    connection: AsyncConnection,
    scope: Scope,
    values: Mapping[str, object],
    *,
    author: str,
    note: str = "",
    restores: int | None = None,
) -> int:
    """Add a version with all that the scope sets; its number. Call ``lock`` first."""
    origin = {"author": author, "note": note, "restores": restores}
    row = {**scope._asdict(), "values": dict(values), **origin}
    return int((await connection.execute(ADD, row)).scalar_one())


async def newest_version(connection: AnyConnection) -> int:
    """The newest version of all; 0: nobody has set anything."""
    return int(await connection.scalar(NEWEST_VERSION) or 0)


async def count_scopes(connection: AsyncConnection) -> int:
    """The number of scopes that were ever set."""
    return int(await connection.scalar(_SCOPES) or 0)


async def changed(
    connection: AsyncConnection, *, after: int, upto: int, limit: int
) -> Sequence[StoredConfig]:
    """The newest versions of scopes above ``after`` as of ``upto``, by version."""
    rows = await connection.execute(CHANGED, {"after": after, "upto": upto, "limit": limit})
    return [_stored(row) for row in rows]


async def at_version(
    connection: AsyncConnection, scopes: Iterable[Scope], version: int | None = None
) -> list[StoredConfig]:
    """The row of each scope that counts at the version, in the scopes' order; None: now."""
    messengers, tenants, rooms = zip(*scopes, strict=True)
    wanted = {"messengers": list(messengers), "tenants": list(tenants), "rooms": list(rooms)}
    rows = await connection.execute(AT_VERSION, {**wanted, "upto": version})
    return [_stored(row) for row in rows]


async def history(
    connection: AsyncConnection, scope: Scope, *, limit: int, below: int | None = None
) -> list[StoredConfig]:
    """The scope's own versions, the newest first; ``below``: only those below this one."""
    values = {**scope._asdict(), "limit": limit, "below": below}
    return [_stored(row) for row in await connection.execute(HISTORY, values)]


async def list_live(
    connection: AsyncConnection, *, after: Scope | None, limit: int
) -> list[LiveScope]:
    """What the scopes behind ``after`` set now, the wider before the closer; None: the first."""
    start = after or Scope()
    values = {**start._asdict(), "resumes": after is not None, "limit": limit}
    return [
        LiveScope(
            scope=Scope(row.messenger, row.tenant, row.room),
            version=row.version,
            keys=tuple(sorted(row.keys)),
            author=row.author,
            created_at=row.created_at,
            note=row.note,
        )
        for row in await connection.execute(LIVE, values)
    ]


def _stored(row: Row[Any]) -> StoredConfig:
    return StoredConfig(
        version=row.version,
        scope=Scope(row.messenger, row.tenant, row.room),
        values=row._mapping["values"],
        author=row.author,
        created_at=row.created_at,
        note=row.note,
        restores=row.restores,
    )
