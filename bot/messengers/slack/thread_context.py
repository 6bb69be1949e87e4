"""The thread in whose middle the bot is mentioned: read once, so that it knows the subject."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from bot.domain.turns import clean_text
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.events import SlackMessage
from bot.messengers.slack.ids import message_ts, slack_id
from bot.messengers.slack.message_text import readable
from bot.messengers.slack.people import People
from bot.text.catalog import Texts
from bot.text.splitting import shorten

log = structlog.get_logger(__name__)

#: The acknowledgement is due within three seconds, and the accept needs its own time.
READ_S = 1.0
MAX_MESSAGE_CHARS = 500
MAX_CONTEXT_CHARS = 6000
MAX_REPLY_BYTES = 2 * 1024 * 1024


class ThreadContext:
    """Reads threads where the bot may; without the scope it knows only what it is told."""

    def __init__(self, api: SlackApi, people: People, texts: Texts, *, max_messages: int) -> None:
        self._api = api
        self._people = people
        self._texts = texts
        self._max_messages = max_messages

    async def before(self, message: SlackMessage) -> str:
        """The thread before the message, one line per message; empty where it cannot be read."""
        if not (self._max_messages and message.thread_ts):
            return ""
        try:
            async with asyncio.timeout(READ_S):
                return await self._read(message)
        except TimeoutError:
            log.info("slack_thread_not_read", channel=message.channel, detail="too slow")
            return ""

    async def _read(self, message: SlackMessage) -> str:
        document = {
            "channel": message.channel,
            "ts": message.thread_ts,
            "latest": message.ts,
            "limit": self._max_messages,
        }
        result = await self._api.call(
            "conversations.replies",
            document,
            team=message.source.team,
            max_bytes=MAX_REPLY_BYTES,
            keep_alive=True,
        )
        messages = result.document.get("messages")
        if not result.ok or not isinstance(messages, list):
            log.info("slack_thread_not_read", channel=message.channel, detail=result.detail)
            return ""
        earlier = [one for one in messages if isinstance(one, dict) and one.get("ts") != message.ts]
        chosen = earlier[-self._max_messages :]
        names = await self._names(chosen, message.source.team)
        lines = [self._line(one, message, names) for one in chosen]
        return _newest_that_fit([line for line in lines if line])

    async def _names(self, messages: list[dict[str, Any]], team: str) -> dict[str, str]:
        """The names of all who speak, asked for at once."""
        users = sorted({user for one in messages if (user := slack_id(one.get("user")))})
        names = await asyncio.gather(*(self._people.name(team, user) for user in users))
        return dict(zip(users, names, strict=True))

    def _line(self, one: dict[str, Any], message: SlackMessage, names: dict[str, str]) -> str:
        raw = one.get("text")
        text = readable(raw, bot_user=message.source.bot_user) if isinstance(raw, str) else ""
        said = shorten(" ".join(clean_text(text).split()), MAX_MESSAGE_CHARS)
        user = slack_id(one.get("user"))
        if not said or not message_ts(one.get("ts")):
            return ""
        if one.get("bot_id") or user == message.source.bot_user or not user:
            return f"{self._texts.bot_label}: {said}"
        # Nobody speaks in the bot's name.
        name = names[user] if names[user] != self._texts.bot_label else user
        return f"{name}: {said}"


def _newest_that_fit(lines: list[str]) -> str:
    kept: list[str] = []
    left = MAX_CONTEXT_CHARS
    for line in reversed(lines):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept))
