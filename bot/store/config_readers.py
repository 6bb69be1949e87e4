"""Which version of the settings each running bot has read; the commits are the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.direct import AnyConnection

#: A bot that has not reported for so long has ended. It reports every ``REPORT_S``.
EXPIRES_S = 45
REPORT_S = 15.0
#: Of a page.
MAX_READERS = 200

#: Also deletes the rows of bots that ended: each start has a name of its own.
_REPORT = text(
    f"""
    WITH ended AS (
        DELETE FROM config_readers
        WHERE bot <> :bot AND seen_at < now() - interval '{EXPIRES_S} seconds'
    )
    INSERT INTO config_readers AS known (bot, version) VALUES (:bot, :version)
    ON CONFLICT (bot) DO UPDATE SET version = excluded.version, seen_at = now(),
        since = CASE WHEN known.version = excluded.version THEN known.since ELSE now() END
    """
).bindparams(bindparam("bot", type_=Text), bindparam("version", type_=BigInteger))
_LIVING = text(
    f"""
    SELECT bot, version, since, seen_at FROM config_readers
    WHERE seen_at >= now() - interval '{EXPIRES_S} seconds' ORDER BY version, bot
    LIMIT {MAX_READERS}
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReader:
    """A running bot; ``version`` 0: nobody has set anything."""

    bot: str
    version: int
    since: datetime  #: when it had read this version
    seen_at: datetime


async def report(connection: AnyConnection, bot: str, version: int) -> None:
    """Write down that the bot lives, and what it has read."""
    await connection.execute(_REPORT, {"bot": bot, "version": version})


async def living(connection: AsyncConnection) -> Sequence[ConfigReader]:
    """The bots that have reported lately, those that lag first."""
    return [ConfigReader(**row._asdict()) for row in await connection.execute(_LIVING)]
