"""People on Slack: they send commands, and read posts, messages and the bot's look-ups."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from bot.messengers.slack.commands import SHOW_COMMAND
from bot.messengers.slack.platform_limits import ACK_TIMEOUT_S
from chaos.bot_client import BotClient
from chaos.cluster import SLACK_SECRET
from chaos.journal import Journal, Message, utterance
from chaos.notices import Notices
from chaos.outcomes import AMBIGUOUS_FAULTS, record_fault
from fakes.slack import SlackPlatform, SlackPost, SlackReading, signed_command

#: Slack's channels; the bot is in three of four.
_CHANNELS, _WITHOUT_BOT = 40, 4
_QUOTE = re.compile(r"^> <@US\d+> (s\d+m\d+) ")


class SlackClients:
    """Everybody on Slack."""

    def __init__(
        self, journal: Journal, bots: BotClient, platform: SlackPlatform, notices: Notices
    ) -> None:
        self._journal = journal
        self._notices = notices
        self._bots = bots
        self._platform = platform
        self._messages_by_path: dict[str, Message] = {}  #: of response URLs
        self._reconcilable: dict[str, Message] = {}  #: by the turn of an unanswered POST

    async def write(self, message: Message) -> None:
        """Send a command and read the acknowledgements."""
        url = self._platform.new_response_url()
        self._messages_by_path[url.removeprefix(self._platform.origin)] = message
        body, headers = signed_command(
            SLACK_SECRET,
            utterance(message),
            response_url=url,
            user_id=f"U{message.conversation.upper()}",
            channel_id=channel_of(message.conversation),
        )
        path = "/webhooks/slack/commands"
        copies = self._bots.draw_deliveries()
        posts = (self._bots.post(path, body, headers, ACK_TIMEOUT_S) for _ in range(copies))
        for status, response in await asyncio.gather(*posts):
            self._read_acknowledgement(message, status, response)

    def read_post(self, post: SlackPost) -> None:
        """Read a POST to a response URL."""
        message = self._messages_by_path.get(post.path_qs)
        if message is None:
            self._journal.misdelivered.append(f"a post nobody asked for: {post.path_qs}")
            return
        self._show(message, "post", post)
        record_fault(self._journal, message, post.fault, post.at)

    def read_message(self, post: SlackPost) -> None:
        """Read a call of chat.postMessage; what is in a thread answers no command."""
        if post.message.get("thread_ts"):
            return
        message = self._asked_in(post)
        if message is None or post.channel != channel_of(message.conversation):
            self._journal.misdelivered.append(f"a message nobody asked for in {post.channel}")
            return
        self._show(message, "message, sent again" if message.reconcilable else "message", post)
        # In other channels nothing can be looked up, not even the error that the bot is not in.
        if post.fault in AMBIGUOUS_FAULTS and post.channel in self._platform.channels.joined:
            self._journal.faults[str(post.fault)] += 1
            message.reconcilable.append(str(post.fault))
            self._reconcilable[post.message["metadata"]["event_payload"]["turn_id"]] = message
        else:
            record_fault(self._journal, message, post.fault, post.at)

    def read_lookup(self, reading: SlackReading) -> None:
        """Read a call of conversations.history."""
        self._journal.faults["history read"] += 1
        if reading.fault in AMBIGUOUS_FAULTS or reading.error:
            self._journal.faults["history not read"] += 1
            return
        for turn in reading.turns:
            if turn in self._reconcilable:
                self._reconcilable[turn].found = True

    def _asked_in(self, post: SlackPost) -> Message | None:
        """The message that a post quotes."""
        quote = post.blocks[0].get("text", {}) if post.blocks else {}
        asked = _QUOTE.match(quote.get("text", "") if isinstance(quote, dict) else "")
        return self._journal.messages.get(asked.group(1)) if asked else None

    def _show(self, message: Message, via: str, post: SlackPost) -> None:
        if post.shown and not self._journal.show(message, via, post.markdown):
            message.notices += self._notices.final(post.markdown)

    def _read_acknowledgement(self, message: Message, status: int, response: Any) -> None:
        text = response.get("text", "") if isinstance(response, dict) else ""
        # The limit within the sentence is a setting's.
        delayed = tuple(each.partition("{")[0] for each in self._notices.sentences("worker_down"))
        waits = text in self._notices.sentences("thinking") or text.startswith(delayed)
        if status == 200 and (waits or response == SHOW_COMMAND):
            message.accepted_at = message.accepted_at or time.monotonic()
        else:
            message.rejection = f"HTTP {status} {text or response}"


def channel_of(conversation: str) -> str:
    """The channel of a Slack conversation."""
    return f"C{int(conversation[1:]) // 5 % _CHANNELS}"


def channels_with_the_bot() -> list[str]:
    """The channels in which the bot may post and look up its posts."""
    return [f"C{number}" for number in range(_CHANNELS) if number % _WITHOUT_BOT]
