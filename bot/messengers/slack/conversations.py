"""Which conversation a Slack message belongs to, and how its answer is addressed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.messengers.parsing import joined
from bot.messengers.slack.events import SlackMessage
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.web_api import Room

#: An answer that comes later than this is worth nothing any more.
ANSWER_LIFE = timedelta(minutes=30)


def conversation_key(message: SlackMessage, settings: SlackSettings) -> str:
    """The key of its conversation: a thread, or the whole direct channel."""
    if not message.is_direct:
        return thread_key(message.channel, message.root)
    if settings.direct_messages == "one":
        return joined("dm", message.channel, by=":")
    return joined("dm", message.channel, message.root, by=":")


def thread_key(channel: str, root: str) -> str:
    """The key of a conversation in a thread of a channel."""
    return joined("thread", channel, root, by=":")


def event_key(message: SlackMessage) -> str:
    """The same for every event that tells of this message: a mention comes in two of them."""
    return joined("message", message.channel, message.ts, by=":")


def reply_handle(
    message: SlackMessage, received_at: datetime, settings: SlackSettings
) -> ReplyHandle:
    """Where the answer goes: into the message's thread, or below it in one running conversation."""
    as_one = message.is_direct and settings.direct_messages == "one" and not message.thread_ts
    address: dict[str, Any] = {
        "kind": "direct" if message.is_direct else "room",
        "team": message.source.team,
        "channel": message.channel,
        "thread_ts": "" if as_one else message.root,
        "ts": message.ts,
        "user_id": message.user,
        "app": message.source.app or None,
    }
    return ReplyHandle(via=DeliveryVia.POST, address=address, expires_at=received_at + ANSWER_LIFE)


def room_of(handle: ReplyHandle) -> Room | None:
    """The room of an answer that is posted by Web API; None for one to a response_url alone."""
    address = handle.address
    channel, kind = address.get("channel"), address.get("kind")
    if not isinstance(channel, str) or kind not in ("direct", "room"):
        return None
    return Room(
        team=str(address.get("team") or ""),
        channel=channel,
        thread_ts=str(address.get("thread_ts") or ""),
    )
