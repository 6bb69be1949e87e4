"""The tokens of the bot: one workspace's from the settings, or one for each installation.

Those of installations are in bot.messengers.slack.installing.
"""

from __future__ import annotations

import re
from typing import Protocol

from bot.messengers.slack.settings import SlackSettings

#: A token is sent in a header; with rotation it begins with ``xoxe.``.
BOT_TOKEN = re.compile(r"(xoxe\.)?xoxb-[\w-]+", re.ASCII)


class TokenSource(Protocol):
    """Where the tokens of workspaces come from."""

    @property
    def available(self) -> bool:
        """Whether any workspace can have a token."""

    async def token(self, team: str, enterprise: str = "") -> str:
        """The bot token of the workspace; empty where there is none."""

    def drop(self, team: str, token: str) -> None:
        """Use the token no more: Slack says that it is revoked."""


class SettingsToken:
    """The token in the settings, for every workspace."""

    def __init__(self, settings: SlackSettings) -> None:
        token = settings.bot_token.get_secret_value()
        #: Empty if the setting is not valid as a header.
        self._token = token if BOT_TOKEN.fullmatch(token) else ""

    @property
    def available(self) -> bool:
        """Whether the setting holds a token."""
        return bool(self._token)

    async def token(self, team: str, enterprise: str = "") -> str:  # noqa: ARG002
        """The token in the settings."""
        return self._token

    def drop(self, team: str, token: str) -> None:
        """Keep the token: only an operator can replace it."""
