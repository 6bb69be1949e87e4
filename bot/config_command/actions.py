"""The work of ``config show``, ``set`` and ``history``, each in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.config_command.arguments import WrongArgumentsError
from bot.configs.keys import read_values
from bot.configs.reader import MAX_SCOPES
from bot.domain.bot_config import Scope
from bot.store import bot_configs
from bot.store.bot_configs import StoredConfig


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
        now = as_object(self.row.values)
        return sorted(k for k in now.keys() | self.before if now.get(k) != self.before.get(k))


async def show(connection: AsyncConnection, scope: Scope, version: int | None) -> Shown:
    """The settings of the scope at the version; None: now."""
    rows = await bot_configs.at_version(connection, scope.chain, version)
    values: dict[str, Any] = {}
    sources: dict[str, StoredConfig] = {}
    ignored: dict[str, str] = {}
    for row in rows:
        unusable = read_values(row.values)[1]
        ignored |= unusable
        for key, value in as_object(row.values).items():
            if key not in unusable:
                values[key], sources[key] = value, row
    newest = max((row.version for row in rows), default=None)
    return Shown(scope=scope, version=newest, values=values, sources=sources, ignored=ignored)


async def change(
    connection: AsyncConnection, scope: Scope, changes: Mapping[str, object], *, author: str
) -> Change | None:
    """Add a version with the changes; None: the scope has these values already.

    Keys that only a newer version of the program knows stay as they are.
    """
    await bot_configs.lock(connection)
    rows = await bot_configs.at_version(connection, [scope])
    if not rows and await bot_configs.count_scopes(connection) >= MAX_SCOPES:
        raise WrongArgumentsError(f"There are {MAX_SCOPES:,} scopes, and no more may be added.")
    before = as_object(rows[0].values) if rows else {}
    merged = {**before, **changes}
    values = {key: value for key, value in merged.items() if value is not None}
    if values == before:
        return None
    await bot_configs.add(connection, scope, values, author=author)
    [row] = await bot_configs.at_version(connection, [scope])
    return Change(row=row, before=before)


async def history(connection: AsyncConnection, scope: Scope, limit: int) -> list[Change]:
    """The newest versions of the scope with what each changed, the newest first."""
    rows = await bot_configs.history(connection, scope, limit=limit + 1)
    changes = [Change(row=row, before=as_object(older.values)) for row, older in pairwise(rows)]
    return (
        changes if len(rows) > limit else [*changes, *(Change(row=r, before={}) for r in rows[-1:])]
    )


def as_object(stored: object) -> dict[str, Any]:
    """The stored values; none where the row holds no JSON object."""
    return dict(stored) if isinstance(stored, dict) else {}
