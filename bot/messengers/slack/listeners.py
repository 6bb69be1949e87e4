"""Bolt's listeners: each hands its payload on and returns once it is committed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.conversation.inbox import StoreDownError
from bot.conversation.requests import PersonRequests
from bot.messengers.parsing import joined
from bot.messengers.slack.actions import ActionReceiver
from bot.messengers.slack.controls import NOTE_BLOCK, REASON_VIEW
from bot.messengers.slack.conversations import thread_key
from bot.messengers.slack.events import SlackSource, read_message, source_of
from bot.messengers.slack.home import HomePages
from bot.messengers.slack.ids import message_ts, slack_id
from bot.messengers.slack.message_receiver import MessageReceiver
from bot.messengers.slack.messages_first import MessagesFirst
from bot.messengers.slack.settings import SlackSettings
from bot.store.conversations import ConversationKey
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

RETRY_HEADER = "x-slack-retry-num"
#: Erases what is kept about a workspace that removed the app; takes the event's envelope.
Removed = Callable[[Mapping[str, Any]], Awaitable[None]]
Event = dict[str, Any]


class Listeners:
    """The listeners of one app."""

    def __init__(
        self,
        *,
        messages: MessageReceiver,
        actions: ActionReceiver,
        home: HomePages,
        requests: PersonRequests,
        settings: SlackSettings,
        texts: Texts,
        removed: Removed,
    ) -> None:
        self._messages = messages
        self._actions = actions
        self._home = home
        self._requests = requests
        self._settings = settings
        self._texts = texts
        self._removed = removed

    @property
    def messages(self) -> MessagesFirst:
        """The listener of messages: the app's first middleware."""
        return MessagesFirst(self._on_message)

    def add_to(self, app: AsyncApp) -> None:
        """Register the others."""

        # Functions, not methods: bolt passes arguments by name, "self" included.
        async def on_home(event: Event, body: Event) -> None:
            self._home.opened(source_of(body), event)

        async def on_stop(event: Event, body: Event) -> None:
            await self._on_stop(event, source_of(body))

        async def on_removal(body: Event) -> None:
            await self._removed(body)

        async def on_nothing() -> None:
            """Acknowledge what needs no answer."""

        async def on_action(ack: AsyncAck, body: Event) -> None:
            await self._actions.receive(body)
            await ack()

        async def on_form(ack: AsyncAck, body: Event) -> None:
            await self._on_form(ack, body)

        app.event("app_home_opened")(on_home)
        app.event("agent_session_stopped")(on_stop)
        for kind in ("app_uninstalled", "tokens_revoked"):
            app.event(kind)(on_removal)
        app.event("app_context_changed")(on_nothing)
        app.action(re.compile(".*", re.DOTALL))(on_action)
        app.view(REASON_VIEW)(on_form)

    async def _on_message(
        self, event: Mapping[str, Any], body: Mapping[str, Any], request: AsyncBoltRequest
    ) -> None:
        message = read_message(event, source_of(body, retry=_retry(request)))
        if message is not None:
            await self._messages.receive(message, datetime.now(UTC))

    async def _on_stop(self, event: Mapping[str, Any], source: SlackSource) -> None:
        """Stop what is written in the thread whose session a person has stopped."""
        channel, thread = slack_id(event.get("channel")), message_ts(event.get("thread_ts"))
        if not (source.team and channel and thread):
            log.warning("slack_stop_unreadable")
            return
        conversation = ConversationKey(
            messenger="slack", tenant=source.tenant, key=self._key(channel, thread)
        )
        stopped = await self._requests.stop(conversation, by=slack_id(event.get("user")))
        log.info("slack_session_stopped", channel=channel, turns=stopped)

    async def _on_form(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        try:
            await self._actions.receive_reasons(body)
        except StoreDownError:
            await ack(response_action="errors", errors={NOTE_BLOCK: self._texts.storage_down})
        else:
            await ack()

    def _key(self, channel: str, thread: str) -> str:
        if not channel.startswith("D"):
            return thread_key(channel, thread)
        if self._settings.direct_messages == "one":
            return joined("dm", channel, by=":")
        return joined("dm", channel, thread, by=":")


def _retry(request: AsyncBoltRequest) -> int:
    number = (request.headers.get(RETRY_HEADER) or ["0"])[0]
    return int(number) if re.fullmatch("[0-9]{1,2}", number) else 0
