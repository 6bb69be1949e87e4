"""The settings of Slack: ``BOT_SLACK_...``."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bot.messengers.plugin import MessengerSettings
from bot.settings import CommaSeparated

Visibility = Literal["in_channel", "ephemeral"]


class SlackSettings(MessengerSettings):
    """Slack's settings; without a signing secret it is off."""

    model_config = SettingsConfigDict(env_prefix="BOT_SLACK_")

    signing_secret: SecretStr = SecretStr("")
    bot_token: SecretStr = SecretStr("")
    api_url: str = "https://slack.com/api/"
    response_hosts: CommaSeparated = ("hooks.slack.com",)
    #: The readers of an answer to a slash command: the whole channel, or only the person.
    command_visibility: Visibility = "in_channel"
