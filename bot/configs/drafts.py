"""Drafts beside the live version: saved, moved onto a newer version, and published.

Each act is part of the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.configs.keys import usable_values
from bot.configs.versions import Change, Origin, change, changed_keys, exact_row, live_row
from bot.domain.bot_config import Scope
from bot.store import bot_configs, config_drafts
from bot.store.config_drafts import Draft


async def own_values(connection: AsyncConnection, scope: Scope, version: int) -> dict[str, Any]:
    """What the scope itself sets at its version, as far as this program knows it; 0: nothing.

    Raises NoSuchVersionError.
    """
    if not version:
        return {}
    return usable_values((await exact_row(connection, scope, version)).values)[0]


def known(draft: Draft) -> dict[str, Any]:
    """The draft's values that this version of the program can use."""
    return usable_values(draft.values)[0]


def changes_of(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, object]:
    """The new value of each key that a draft changes, None where it unsets it."""
    return {key: values.get(key) for key in changed_keys(base, values)}


def contested_keys(
    base: Mapping[str, Any], live: Mapping[str, Any], values: Mapping[str, Any]
) -> list[str]:
    """The keys that the draft and a newer live version change differently."""
    both = set(changed_keys(base, live)) & set(changed_keys(base, values))
    return sorted(both & set(changed_keys(live, values)))


async def move_onto_live(connection: AsyncConnection, draft: Draft) -> list[str]:
    """Put the draft's changes onto the live version; the keys that both have changed.

    In those the draft's value stays. Raises DraftChangedError.
    """
    await bot_configs.lock(connection)
    row = await live_row(connection, draft.scope)
    live = usable_values(row.values)[0] if row else {}
    base = await own_values(connection, draft.scope, draft.base_version)
    drafted = known(draft)
    merged = {**live, **changes_of(base, drafted)}
    values = {key: value for key, value in merged.items() if value is not None}
    version = row.version if row else 0
    await config_drafts.save(connection, draft, values, base_version=version)
    return contested_keys(base, live, drafted)


async def publish(connection: AsyncConnection, draft: Draft, origin: Origin) -> Change | None:
    """Add a version with the draft's changes, and delete the draft; None: nothing changes.

    Raises OutdatedError where the live version is no longer the draft's base,
    DraftChangedError, TooManyScopesError.
    """
    base = await own_values(connection, draft.scope, draft.base_version)
    added = await change(connection, draft.scope, changes_of(base, known(draft)), origin)
    await config_drafts.discard(connection, draft)
    return added
