"""The bot's tokens in the workspaces that have installed the app."""

from __future__ import annotations

import asyncio

import structlog
from slack_sdk.oauth.installation_store import Bot
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.messengers.slack.installing.sdk_client import sdk_client
from bot.messengers.slack.installing.token_cache import TokenCache
from bot.messengers.slack.installing.token_rotation import TokenRotation, is_due, is_expired
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.tokens import BOT_TOKEN, SettingsToken, TokenSource
from bot.store.encrypted_text import SecretCipher, UnreadableSecretError
from bot.store.installations import Installations
from runtime.database import DATABASE_ERRORS
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)


class InstalledTokens:
    """The tokens of installations, renewed where they expire; one cache for a whole process."""

    def __init__(self, store: Installations, settings: SlackSettings) -> None:
        secret = settings.client_secret.get_secret_value()
        self._cache = TokenCache()
        self._renewals = TaskSet()
        self._store = store
        self._rotation = TokenRotation(store, sdk_client(settings.api_url), secret)
        self._reading: dict[str, asyncio.Task[str]] = {}
        self._renewing: set[str] = set()

    @property
    def available(self) -> bool:
        """Whether any workspace can have a token."""
        return True

    async def token(self, team: str, enterprise: str = "") -> str:
        """The token; empty where the app is not installed, or Slack refuses its token.

        Raises DATABASE_ERRORS where Postgres is gone and the workspace was not seen before.
        """
        known = self._cache.fresh(team)
        if known is not None:
            return known
        try:
            return await self._read_once(team, enterprise)
        except DATABASE_ERRORS:
            if latest := self._cache.latest(team):
                return latest
            raise

    def drop(self, team: str, token: str) -> None:
        """Use a token no more that Slack refuses.

        The next call reads the installation once more, where another process may have a new one.
        """
        if self._cache.refuse(team, token):
            log.warning("slack_token_refused", team=team)

    def forget(self, team: str) -> None:
        """Read the installation at the next call: it has changed. No team: all of them."""
        self._cache.forget(team)

    async def close(self) -> None:
        """Wait for running reads and renewals: their refresh tokens are used already."""
        if self._reading:
            await asyncio.wait([*self._reading.values()])
        await self._renewals.wait()

    async def _read_once(self, team: str, enterprise: str) -> str:
        """Read in a task that all callers share, and that outlives any of them."""
        task = self._reading.get(team)
        if task is None:
            task = asyncio.create_task(self._read(team, enterprise), name="slack token")
            self._reading[team] = task
            task.add_done_callback(lambda done: self._forget_read(team, done))
        return await asyncio.shield(task)

    def _forget_read(self, team: str, task: asyncio.Task[str]) -> None:
        del self._reading[team]
        if not task.cancelled():
            task.exception()  # whoever waited has got it

    async def _read(self, team: str, enterprise: str) -> str:
        try:
            bot = await self._store.find_at(team, enterprise)
            if bot and is_expired(bot):
                bot = await self._rotation.renewed(bot)
        except UnreadableSecretError:
            log.error("slack_token_unreadable", team=team)
            bot = None
        if bot and is_due(bot) and not is_expired(bot) and team not in self._renewing:
            self._renewing.add(team)
            self._renewals.start(self._renew(team, bot), name="slack token renewal")
        return self._keep(team, bot)

    async def _renew(self, team: str, bot: Bot) -> None:
        """Renew a token that still lives: nobody has to wait for it."""
        try:
            self._keep(team, await self._rotation.renewed(bot))
        except (*DATABASE_ERRORS, UnreadableSecretError) as error:
            log.warning("slack_token_not_renewed", team=team, code=type(error).__name__)
        finally:
            self._renewing.discard(team)

    def _keep(self, team: str, bot: Bot | None) -> str:
        token = "" if bot is None or is_expired(bot) else bot.bot_token
        return self._cache.keep(team, token if BOT_TOKEN.fullmatch(token) else "")


def installations_of(settings: SlackSettings, database: AsyncEngine) -> Installations | None:
    """The installations in the database; None without OAuth's settings."""
    if not settings.keeps_installations:
        return None
    return Installations(settings.client_id, database, SecretCipher(settings.cipher_keys))


def token_source(settings: SlackSettings, installed: InstalledTokens | None) -> TokenSource:
    """The token of the settings, for every workspace, or else those of the installations."""
    if installed is None or settings.bot_token.get_secret_value():
        return SettingsToken(settings)
    return installed
