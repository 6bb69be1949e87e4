"""Another bot process that needs a workspace's token: prints it.

python -m tests.support.slack_token_process DATABASE_URL TEAM    (Slack's settings: BOT_SLACK_*)
"""

from __future__ import annotations

import asyncio
import sys

from bot.messengers.slack.installing.bot_tokens import InstalledTokens, installations_of
from bot.messengers.slack.settings import SlackSettings
from runtime.database import connect_database
from runtime.logging import configure_logs


async def main(database_url: str, team: str) -> None:
    configure_logs("INFO")
    database = connect_database(database_url, pool_size=4)
    settings = SlackSettings(_env_file=None)
    store = installations_of(settings, database)
    assert store is not None
    tokens = InstalledTokens(store, settings)
    sys.stdout.write(await tokens.token(team))
    await tokens.close()
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
