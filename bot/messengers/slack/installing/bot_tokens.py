"""The bot's token in a workspace: from the settings, or from the workspace's installation."""

from __future__ import annotations

import asyncio
import re

import structlog
from slack_sdk.oauth.installation_store import Bot
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.messengers.slack.installing.sdk_client import sdk_client
from bot.messengers.slack.installing.token_cache import TokenCache, Workspace
from bot.messengers.slack.installing.token_rotation import TokenRotation, is_due, is_expired
from bot.messengers.slack.settings import SlackSettings
from bot.store.encrypted_text import SecretCipher, UnreadableSecretError
from bot.store.installations import Installations
from runtime.database import DATABASE_ERRORS
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: Slack's words for a token that does not work any more.
DEAD_TOKEN = frozenset({"account_inactive", "invalid_auth", "token_expired", "token_revoked"})
#: A token is sent in a header; with rotation it begins with ``xoxe.``.
BOT_TOKEN = re.compile(r"(xoxe\.)?xoxb-[\w-]+", re.ASCII)


class BotTokens:
    """The token for a call; one cache for all callers of a process.

    ``fixed``: the token of the settings, for all workspaces alike.
    """

    def __init__(self, fixed: str, installed: InstalledTokens | None) -> None:
        self._fixed = fixed if BOT_TOKEN.fullmatch(fixed) else ""
        self._installed = None if self._fixed else installed

    @classmethod
    def configured(cls, settings: SlackSettings, database: AsyncEngine) -> BotTokens:
        """The token of the settings, or else those of the installations in the database."""
        store = installations_of(settings, database)
        installed = InstalledTokens(store, settings) if store else None
        return cls(settings.bot_token.get_secret_value(), installed)

    async def token(self, team: str, enterprise: str = "") -> str:
        """The token; empty where the app is not installed, or Slack refuses its token.

        Raises DATABASE_ERRORS where Postgres is gone and the workspace was not seen before.
        """
        if self._installed is None:
            return self._fixed
        return await self._installed.token((team, enterprise))

    def refuse(self, team: str, enterprise: str, token: str, code: str) -> None:
        """Note Slack's answer ``code`` to a call with ``token``: a dead one is not used again.

        The next call reads the installation once more, where another process may have a new one.
        """
        if self._installed is None or code not in DEAD_TOKEN:
            return
        if self._installed.cache.refuse((team, enterprise), token):
            log.warning("slack_token_refused", team=team, enterprise=enterprise, code=code)

    def forget(self, team: str, enterprise: str = "") -> None:
        """Read the installation at the next call: it has changed. No team: of all workspaces."""
        if self._installed is not None:
            self._installed.cache.forget(team, enterprise)

    async def close(self) -> None:
        """Let running renewals end: their refresh tokens are used already."""
        if self._installed is not None:
            await self._installed.close()


class InstalledTokens:
    """The tokens of the installations in the database, renewed where they expire."""

    def __init__(self, store: Installations, settings: SlackSettings) -> None:
        secret = settings.client_secret.get_secret_value()
        self.cache = TokenCache()
        self._renewals = TaskSet()
        self._store = store
        self._rotation = TokenRotation(store, sdk_client(settings.api_url), secret)
        self._reading: dict[Workspace, asyncio.Task[str]] = {}
        self._renewing: set[Workspace] = set()

    async def token(self, workspace: Workspace) -> str:
        """The token, or "". Raises DATABASE_ERRORS where none is known."""
        known = self.cache.fresh(workspace)
        if known is not None:
            return known
        try:
            return await self._read_once(workspace)
        except DATABASE_ERRORS:
            if latest := self.cache.latest(workspace):
                return latest
            raise

    async def close(self) -> None:
        """Wait for running reads and renewals."""
        if self._reading:
            await asyncio.wait([*self._reading.values()])
        await self._renewals.wait()

    async def _read_once(self, workspace: Workspace) -> str:
        """Read in a task that all callers share, and that outlives any of them."""
        task = self._reading.get(workspace)
        if task is None:
            task = asyncio.create_task(self._read(workspace), name="slack token")
            self._reading[workspace] = task
            task.add_done_callback(lambda done: self._forget_read(workspace, done))
        return await asyncio.shield(task)

    def _forget_read(self, workspace: Workspace, task: asyncio.Task[str]) -> None:
        del self._reading[workspace]
        if not task.cancelled():
            task.exception()  # whoever waited has got it

    async def _read(self, workspace: Workspace) -> str:
        try:
            bot = await self._installed(workspace)
            if bot and is_expired(bot):
                bot = await self._rotation.renewed(bot)
        except UnreadableSecretError:
            log.error("slack_token_unreadable", team=workspace[0], enterprise=workspace[1])
            bot = None
        if bot and is_due(bot) and not is_expired(bot) and workspace not in self._renewing:
            self._renewing.add(workspace)
            self._renewals.start(self._renew(workspace, bot), name="slack token renewal")
        return self._keep(workspace, bot)

    async def _renew(self, workspace: Workspace, bot: Bot) -> None:
        """Renew a token that still lives: nobody has to wait for it."""
        try:
            self._keep(workspace, await self._rotation.renewed(bot))
        except (*DATABASE_ERRORS, UnreadableSecretError) as error:
            log.warning("slack_token_not_renewed", team=workspace[0], code=type(error).__name__)
        finally:
            self._renewing.discard(workspace)

    async def _installed(self, workspace: Workspace) -> Bot | None:
        """The bot in the workspace, else in all workspaces of its organisation."""
        team, enterprise = workspace[0] or None, workspace[1] or None
        found = await self._store.async_find_bot(enterprise_id=enterprise, team_id=team)
        if found is None and enterprise and team:
            found = await self._store.async_find_bot(enterprise_id=enterprise, team_id=None)
        return found

    def _keep(self, workspace: Workspace, bot: Bot | None) -> str:
        token = "" if bot is None or is_expired(bot) else bot.bot_token
        return self.cache.keep(workspace, token if BOT_TOKEN.fullmatch(token) else "")


def installations_of(settings: SlackSettings, database: AsyncEngine) -> Installations | None:
    """The installations in the database; None without OAuth's settings."""
    if not settings.keeps_installations:
        return None
    return Installations(settings.client_id, database, SecretCipher(settings.cipher_keys))
