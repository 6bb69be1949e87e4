"""Slack's OAuth, and a bot's part that installs into its workspaces."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet
from slack_sdk.oauth.installation_store import Installation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.messengers.slack.installing.bot_tokens import InstalledTokens, installations_of
from bot.messengers.slack.settings import SlackSettings
from bot.store.installations import Installations
from fakes.slack_oauth import CLIENT_ID, CLIENT_SECRET, SlackOAuth, slack_oauth_server
from runtime.database import connect_database

KEY = Fernet.generate_key().decode()
TEAM = "T0BLLOSSOM"


@dataclass
class Desk:
    """Slack, the database, and the settings that fit both."""

    slack: SlackOAuth
    database: AsyncEngine
    database_url: str
    settings: SlackSettings
    store: Installations

    def tokens(self, **changes: Any) -> InstalledTokens:
        """The tokens of one process."""
        settings = self.settings.model_copy(update=changes)
        store = installations_of(settings, self.database)
        assert store is not None
        return InstalledTokens(store, settings)

    async def install(self, *, ends_in_s: float | None = None, **fields: Any) -> str:
        """An installation as the OAuth flow keeps it; ``ends_in_s``: its token has that left."""
        self.slack.expires_in_s = None if ends_in_s is None else 43_200
        team = fields.get("team_id", TEAM)
        answer = self.slack.answer_code(self.slack.new_code(team or ""))
        token = str(answer["access_token"])
        expires_at = None if ends_in_s is None else int(time.time() + ends_in_s)
        self.slack.tokens[token].expires_at = expires_at
        kept: dict[str, Any] = {
            "app_id": "A0BLLOSSOM",
            "team_id": TEAM,
            "user_id": "U1",
            "bot_token": token,
            "bot_refresh_token": answer.get("refresh_token"),
            "bot_token_expires_at": expires_at,
            **fields,
        }
        await self.store.async_save(Installation(**kept))
        return token

    async def count(self, table: str) -> int:
        async with self.database.connect() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    database = connect_database(database_url, pool_size=8)
    async with slack_oauth_server() as slack:
        settings = SlackSettings(
            _env_file=None,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            token_keys=KEY,
            public_url="https://bot.example.com",
            api_url=slack.api_url,
        )
        store = installations_of(settings, database)
        assert store is not None
        yield Desk(slack, database, database_url, settings, store)
    await database.dispose()
