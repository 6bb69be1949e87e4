"""Which messages are the bot's: direct ones, mentions, and threads that go on without one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.inbox import ACCEPT_TIMEOUT_S, store_errors
from bot.domain.bot_config import ConfigLookup, nothing_set
from bot.messengers.slack.conversations import conversation_key
from bot.messengers.slack.events import SlackMessage
from bot.messengers.slack.message_text import mentions_anybody
from bot.messengers.slack.settings import SlackSettings
from bot.store.conversations import ConversationKey
from bot.store.known_conversations import is_known
from runtime.direct import connect_directly
from runtime.timeouts import run_with_timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Whether a message is the bot's, and whether it is the first of its conversation."""

    concerns: bool
    is_first: bool = False


NOT_OURS = Concern(concerns=False)


class ThreadRules:
    """Decides before any work: most messages of a channel are not for the bot."""

    def __init__(
        self,
        database: AsyncEngine,
        settings: SlackSettings,
        config_for: ConfigLookup = nothing_set,
    ) -> None:
        """``config_for``: a scope's own rule."""
        self._config_for = config_for
        self._database = database
        self._settings = settings

    async def concern(self, message: SlackMessage) -> Concern:
        """Whether the message is the bot's. Raises StoreDownError."""
        if message.is_direct:
            return Concern(concerns=True)
        if message.mentions_bot:
            in_thread = bool(message.thread_ts)
            known = in_thread and await self._is_known(message)
            return Concern(concerns=True, is_first=in_thread and not known)
        if not message.thread_ts or mentions_anybody(message.raw_text):
            return NOT_OURS
        config = self._config_for("slack", message.source.tenant, message.channel)
        rule = config.values.thread_rule or self._settings.thread_rule
        if rule == "never":
            return NOT_OURS
        known = await self._is_known(message)
        return Concern(concerns=known or rule == "always", is_first=not known)

    async def _is_known(self, message: SlackMessage) -> bool:
        key = ConversationKey(
            messenger="slack",
            tenant=message.source.tenant,
            key=conversation_key(message, self._settings),
        )
        with store_errors("is_known", down_only=True):
            return await run_with_timeout(ACCEPT_TIMEOUT_S, self._ask(key))

    async def _ask(self, key: ConversationKey) -> bool:
        async with connect_directly(self._database) as connection:
            return await is_known(connection, key)
