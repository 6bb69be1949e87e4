"""The parts that install the app into workspaces and remove it, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.messengers.slack.installing.bot_tokens import (
    InstalledTokens,
    installations_of,
    token_source,
)
from bot.messengers.slack.installing.oauth import InstallEndpoint
from bot.messengers.slack.installing.uninstalling import Uninstaller
from bot.messengers.slack.settings import SlackSettings
from bot.store.encrypted_text import SecretCipher
from bot.store.oauth_states import OAuthStates
from bot.store.reencryption import encrypt_again
from runtime.periodic import run_periodically

log = structlog.get_logger(__name__)

#: Between two deletions of expired states.
SWEEP_EVERY_S = 60.0


class Workspaces:
    """The workspaces of one app; without OAuth's settings the one whose token is set."""

    def __init__(self, settings: SlackSettings, database: AsyncEngine) -> None:
        self._settings = settings
        self._database = database
        self._installations = installations_of(settings, database)
        self._installed: InstalledTokens | None = None
        if self._installations is not None:
            self._installed = InstalledTokens(self._installations, settings)
        self._states = OAuthStates(database)
        self._encrypted = False  #: all secrets with the first key, since the start
        self.tokens = token_source(settings, self._installed)

    def routes(self) -> list[web.RouteDef]:
        """The two pages of an installation; none where OAuth is not set up."""
        if not self._settings.installs or self._installations is None or self._installed is None:
            return []
        endpoint = InstallEndpoint(
            self._settings, self._installations, self._states, self._installed
        )
        return endpoint.routes()

    async def remove(self, envelope: Mapping[str, Any]) -> None:
        """Erase what an app_uninstalled or tokens_revoked event names. Raises DATABASE_ERRORS."""
        if self._installations is not None and self._installed is not None:
            await Uninstaller(self._installations, self._installed).receive(envelope)

    async def keep_house(self) -> None:
        """Bring old secrets under the first key, then delete expired states until cancelled."""
        await run_periodically(self._tidy, SWEEP_EVERY_S)

    async def _tidy(self) -> None:
        if not self._encrypted:
            result = await encrypt_again(self._database, SecretCipher(self._settings.cipher_keys))
            if result.changed or result.unreadable:
                log.warning("slack_secrets_encrypted", **asdict(result))
            self._encrypted = True
        await self._states.forget_expired()

    async def close(self) -> None:
        """Wait for tokens that are being renewed."""
        if self._installed is not None:
            await self._installed.close()
