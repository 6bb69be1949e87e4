"""Which bots answer with which version of the settings, as the pages say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.admin.web.pages import DATABASE
from bot.store import bot_configs, config_readers
from bot.store.config_readers import ConfigReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far the newest version has come."""

    version: int  #: the newest of all scopes; 0: nobody has set anything
    all: int  #: the bots that report
    lagging: Sequence[ConfigReader]  #: those that still answer with an older one
    since: datetime | None  #: when the last of the others had read it

    @property
    def up_to_date(self) -> int:
        """The bots that answer with the newest version."""
        return self.all - len(self.lagging)


async def read_spread(request: web.Request) -> Spread:
    """What the running bots say now."""
    async with request.app[DATABASE].connect() as connection:
        newest = await bot_configs.newest_version(connection)
        readers = await config_readers.living(connection)
    return spread_of(newest, readers)


def spread_of(newest: int, readers: Sequence[ConfigReader]) -> Spread:
    """The bots by whether they have read the newest version; a later one counts too."""
    current = [one for one in readers if one.version >= newest]
    return Spread(
        version=newest,
        all=len(readers),
        lagging=[one for one in readers if one.version < newest],
        since=max((one.since for one in current), default=None),
    )
