"""The versions of a scope: read with their differences, added, and restored.

The command line and the dashboard use the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.configs.keys import usable_values
from bot.configs.reader import MAX_SCOPES
from bot.domain.bot_config import Scope
from bot.store import bot_configs
from bot.store.bot_configs import StoredConfig


class TooManyScopesError(Exception):
    """No more scopes may be added."""


class NoSuchVersionError(Exception):
    """The scope never had this version."""


class OutdatedError(Exception):
    """Somebody else has added a version since."""

    def __init__(self, live: int) -> None:
        """``live``: the scope's newest version; 0: none."""
        super().__init__(live)
        self.live = live


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What counts in a scope, and the row that each value is from."""

    scope: Scope
    version: int | None
    values: Mapping[str, Any]
    sources: Mapping[str, StoredConfig]
    ignored: Mapping[str, str]  #: the keys that this version cannot use, with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One version of a scope, beside the one before it."""

    row: StoredConfig
    before: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        """The keys with another value than before."""
        return changed_keys(self.before, as_object(self.row.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a version comes from."""

    author: str
    note: str = ""  #: why, in the author's words
    #: The version that was looked at, 0 for none: a newer one is OutdatedError. None: any.
    seen: int | None = None


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys with different values, in order."""
    return sorted(k for k in after.keys() | before if after.get(k) != before.get(k))


async def show(connection: AsyncConnection, scope: Scope, version: int | None) -> Shown:
    """The settings of the scope at the version; None: now."""
    rows = await bot_configs.at_version(connection, scope.chain, version)
    values: dict[str, Any] = {}
    sources: dict[str, StoredConfig] = {}
    ignored: dict[str, str] = {}
    for row in rows:
        usable, unusable = usable_values(row.values)
        ignored |= unusable
        values |= usable
        sources |= dict.fromkeys(usable, row)
    newest = max((row.version for row in rows), default=None)
    return Shown(scope=scope, version=newest, values=values, sources=sources, ignored=ignored)


async def live_row(connection: AsyncConnection, scope: Scope) -> StoredConfig | None:
    """The scope's own newest version."""
    rows = await bot_configs.at_version(connection, [scope])
    return rows[0] if rows else None


async def exact_row(connection: AsyncConnection, scope: Scope, version: int) -> StoredConfig:
    """One version of the scope. Raises NoSuchVersionError."""
    rows = await bot_configs.at_version(connection, [scope], version)
    if not rows or rows[0].version != version:
        raise NoSuchVersionError(version)
    return rows[0]


async def change(
    connection: AsyncConnection, scope: Scope, changes: Mapping[str, object], origin: Origin
) -> Change | None:
    """Add a version with the changes, None to unset a key; None: the scope has these values.

    Keys that only a newer version of the program knows stay as they are. Raises
    TooManyScopesError, OutdatedError.
    """
    before = await _lock(connection, scope, origin.seen)
    merged = {**before, **changes}
    values = {key: value for key, value in merged.items() if value is not None}
    if values == before:
        return None
    return await _add(connection, scope, before, values, origin)


async def restore(
    connection: AsyncConnection, scope: Scope, version: int, origin: Origin
) -> Change | None:
    """Add a version equal to an old one; None: the scope has its values already.

    Raises NoSuchVersionError, OutdatedError.
    """
    before = await _lock(connection, scope, origin.seen)
    values = as_object((await exact_row(connection, scope, version)).values)
    if values == before:
        return None
    return await _add(connection, scope, before, values, origin, restores=version)


async def history(
    connection: AsyncConnection, scope: Scope, limit: int, *, below: int | None = None
) -> list[Change]:
    """Versions of the scope with what each changed, the newest first.

    ``below``: only versions below this one.
    """
    rows = await bot_configs.history(connection, scope, limit=limit + 1, below=below)
    changes = [Change(row=row, before=as_object(older.values)) for row, older in pairwise(rows)]
    return (
        changes if len(rows) > limit else [*changes, *(Change(row=r, before={}) for r in rows[-1:])]
    )


def as_object(stored: object) -> dict[str, Any]:
    """The stored values; none where the row holds no JSON object."""
    return dict(stored) if isinstance(stored, dict) else {}


async def _lock(connection: AsyncConnection, scope: Scope, seen: int | None) -> dict[str, Any]:
    """Keep other writers out; what the scope sets now."""
    await bot_configs.lock(connection)
    row = await live_row(connection, scope)
    live = row.version if row else 0
    if seen is not None and live != seen:
        raise OutdatedError(live)
    if row is None and await bot_configs.count_scopes(connection) >= MAX_SCOPES:
        raise TooManyScopesError
    return as_object(row.values) if row else {}


async def _add(
    connection: AsyncConnection,
    scope: Scope,
    before: Mapping[str, Any],
    values: Mapping[str, Any],
    origin: Origin,
    *,
    restores: int | None = None,
) -> Change:
    await bot_configs.add(
        connection, scope, values, author=origin.author, note=origin.note, restores=restores
    )
    [row] = await bot_configs.at_version(connection, [scope])
    return Change(row=row, before=before)
