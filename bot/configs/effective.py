"""The settings that count in a scope: those of all scopes around it, merged."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.configs.keys import read_values
from bot.domain.bot_config import BotConfig, EffectiveConfig, Scope
from bot.store import bot_configs
from bot.store.bot_configs import StoredConfig

log = structlog.get_logger(__name__)


def read_row(row: StoredConfig) -> EffectiveConfig:
    """What one row sets; keys and values that this version does not know are logged and ignored."""
    values, ignored = read_values(row.values)
    if ignored:
        # Keys only: a value may be a text.
        log.warning("config_keys_ignored", version=row.version, keys=sorted(ignored)[:20])
    return EffectiveConfig(values=values, version=row.version)


def merge(configs: Iterable[EffectiveConfig]) -> EffectiveConfig:
    """The rows of a chain, the widest scope first, as one."""
    merged = list(configs)
    return EffectiveConfig(
        values=reduce(BotConfig.narrowed, (config.values for config in merged), BotConfig()),
        version=max((config.version for config in merged if config.version), default=None),
    )


async def effective(
    connection: AsyncConnection, scope: Scope, version: int | None = None
) -> EffectiveConfig:
    """The settings of the scope at a version, such as the one that a turn names; None: now."""
    rows = await bot_configs.at_version(connection, scope.chain, version)
    return merge(read_row(row) for row in rows)
