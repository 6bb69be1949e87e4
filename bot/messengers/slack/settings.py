"""The settings of Slack: ``BOT_SLACK_...``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from bot.messengers.plugin import MessengerSettings
from bot.settings import CommaSeparated

Visibility = Literal["in_channel", "ephemeral"]
ThreadRule = Literal["asked", "always", "never"]


class SlackSettings(MessengerSettings):
    """Slack's settings; without a signing secret it is off."""

    model_config = SettingsConfigDict(env_prefix="BOT_SLACK_")

    signing_secret: SecretStr = SecretStr("")
    bot_token: SecretStr = SecretStr("")
    api_url: str = "https://slack.com/api/"
    response_hosts: CommaSeparated = ("hooks.slack.com",)
    #: Which threads go on without a mention: those the bot was asked into, all, or none.
    thread_rule: ThreadRule = "asked"
    #: The messages that are read when the bot is mentioned in the middle of a thread; 0: none.
    thread_context: int = Field(30, ge=0, le=100)
    #: Each top-level direct message begins its own conversation, or all of them are one.
    direct_messages: Literal["threads", "one"] = "threads"
    #: Direct messages show the answer while it is written.
    streaming: bool = True
    #: In channels an answer is posted once, or first in part and then edited.
    channel_answers: Literal["once", "edits"] = "once"
    #: The buttons below answers: Slack's own, plain ones for old apps, or none.
    feedback: Literal["native", "classic", "off"] = "native"
    #: The channel in which calls for a human arrive; empty: nobody can be called.
    human_channel: str = ""
    #: The readers of an answer to a slash command: the whole channel, or only the person.
    command_visibility: Visibility = "in_channel"
