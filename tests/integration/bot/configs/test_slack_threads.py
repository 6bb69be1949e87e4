"""The thread rule of a workspace or room counts before the one of the environment."""

from __future__ import annotations

import pytest

from bot.configs.reader import BotConfigs
from bot.domain.bot_config import Scope
from bot.messengers.slack.events import SlackMessage, SlackSource
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.thread_rules import ThreadRules
from bot.store import bot_configs
from runtime.database import connect_database


def in_thread(channel: str) -> SlackMessage:
    """A message in a thread that the bot has never seen."""
    return SlackMessage(
        source=SlackSource(team="T1", enterprise="", app="A1", bot_user="UBOT"),
        channel=channel,
        is_direct=False,
        user="U1",
        ts="1700000001.000001",
        thread_ts="1700000000.000001",
        raw_text="점심 먹을까요?",
        mentions_bot=False,
        has_files=False,
    )


@pytest.mark.parametrize(("usual", "elsewhere"), [("asked", False), ("always", True)])
async def test_a_room_has_the_rule_that_is_set_for_it(
    database_url: str, usual: str, elsewhere: bool
) -> None:
    database = connect_database(database_url, pool_size=2)
    async with database.begin() as connection:
        await bot_configs.lock(connection)
        for channel, rule in (("CALWAYS", "always"), ("CNEVER", "never")):
            scope = Scope("slack", "T1", channel)
            await bot_configs.add(connection, scope, {"thread_rule": rule}, author="")
    configs = BotConfigs(database)
    await configs.refresh()
    settings = SlackSettings(_env_file=None, thread_rule=usual)
    rules = ThreadRules(database, settings, configs.for_scope)
    concerned = {
        channel: (await rules.concern(in_thread(channel))).concerns
        for channel in ("CALWAYS", "CNEVER", "CANY")
    }
    assert concerned == {"CALWAYS": True, "CNEVER": False, "CANY": elsewhere}
    await database.dispose()
