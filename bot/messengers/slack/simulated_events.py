"""Events as Slack's Events API sends them: for the simulator and the stand-ins.

Pure functions: each returns the inner event; ``event_callback`` wraps it, ``signed_json`` signs it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from bot.messengers.slack.simulated_requests import TEAM_ID, signature_headers

APP_ID = "A0BLLOSSOM"
BOT_USER_ID = "U0BLLOSSOM"
BOT_ID = "B0BLLOSSOM"


def new_ts() -> str:
    """A ts of now."""
    micros = time.time_ns() // 1000
    return f"{micros // 10**6}.{micros % 10**6:06d}"


def event_callback(
    event: dict[str, Any],
    *,
    team_id: str = TEAM_ID,
    event_id: str = "",
    event_time: int | None = None,
    bot_user_id: str = BOT_USER_ID,
    app_id: str = APP_ID,
) -> dict[str, Any]:
    """The body of a delivery; a new ``event_id`` unless one is given."""
    return {
        "token": "simulated-verification-token",
        "team_id": team_id,
        "api_app_id": app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id or f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(time.time()) if event_time is None else event_time,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team_id,
                "user_id": bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(16)}",
    }


def url_verification(challenge: str) -> dict[str, Any]:
    """The request by which Slack checks a new events URL."""
    token = "simulated-verification-token"  # noqa: S105 - no secret
    return {"token": token, "challenge": challenge, "type": "url_verification"}


def signed_json(
    secret: str, body: dict[str, Any], *, timestamp: int | None = None
) -> tuple[bytes, dict[str, str]]:
    """A JSON request of the Events API, ready to send."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    headers = signature_headers(secret, raw, timestamp)
    return raw, {**headers, "Content-Type": "application/json"}


def signed_event(
    secret: str, event: dict[str, Any], *, timestamp: int | None = None, **envelope: Any
) -> tuple[bytes, dict[str, str]]:
    """An event ready to send; ``envelope``: the keywords of ``event_callback``."""
    return signed_json(secret, event_callback(event, **envelope), timestamp=timestamp)


def retry_headers(number: int, reason: str = "http_timeout") -> dict[str, str]:
    """The headers of the ``number``-th repetition of a delivery, from 1."""
    return {"x-slack-retry-num": str(number), "x-slack-retry-reason": reason}


def message(
    channel: str, user: str, text: str, *, ts: str = "", thread_ts: str = "", **fields: Any
) -> dict[str, Any]:
    """A person's message in a channel (C), a private channel (G) or a direct message (D)."""
    ts = ts or new_ts()
    own = {"thread_ts": thread_ts, "parent_user_id": user} if thread_ts else {}
    return {
        "type": "message",
        "channel": channel,
        "user": user,
        "text": text,
        "ts": ts,
        "client_msg_id": secrets.token_hex(16),
        "team": TEAM_ID,
        "blocks": [_rich_text(text)],
        "event_ts": ts,
        "channel_type": _channel_type(channel),
        **own,
        **fields,
    }


def app_mention(
    channel: str, user: str, text: str, *, ts: str = "", thread_ts: str = "", **fields: Any
) -> dict[str, Any]:
    """A mention of the bot; Slack sends it beside the message's own event, with the same ts."""
    event = message(channel, user, text, ts=ts, thread_ts=thread_ts, **fields)
    del event["channel_type"]
    return {**event, "type": "app_mention"}


def message_changed(channel: str, previous: dict[str, Any], text: str) -> dict[str, Any]:
    """An edit of a message."""
    event_ts = new_ts()
    edited = {"user": previous.get("user", ""), "ts": event_ts}
    return _hidden(
        "message_changed",
        channel,
        event_ts,
        message={**previous, "text": text, "edited": edited},
        previous_message=previous,
    )


def message_deleted(channel: str, previous: dict[str, Any]) -> dict[str, Any]:
    """The deletion of a message."""
    return _hidden(
        "message_deleted",
        channel,
        new_ts(),
        deleted_ts=previous["ts"],
        previous_message=previous,
    )


def bot_message(
    channel: str, text: str, *, bot_id: str = "B0OTHERBOT", ts: str = "", thread_ts: str = ""
) -> dict[str, Any]:
    """A message of another app, or with ``bot_id`` BOT_ID of this one."""
    own = {"subtype": "bot_message", "bot_id": bot_id}
    return {**message(channel, "", text, ts=ts, thread_ts=thread_ts), **own, "user": None}


def file_share(
    channel: str, user: str, text: str, files: Sequence[dict[str, Any]], **fields: Any
) -> dict[str, Any]:
    """A message with files."""
    return message(channel, user, text, subtype="file_share", files=[*files], **fields)


def file(name: str, mimetype: str, url: str, size: int) -> dict[str, Any]:
    """A file as a message holds it; ``size`` in bytes."""
    return {
        "id": f"F{secrets.token_hex(5).upper()}",
        "name": name,
        "mimetype": mimetype,
        "filetype": mimetype.partition("/")[2],
        "size": size,
        "url_private": url,
        "url_private_download": url,
    }


def app_home_opened(user: str, channel: str, tab: str = "messages") -> dict[str, Any]:
    """A person opens the app's ``home`` or ``messages`` tab; ``channel``: their direct message."""
    return {
        "type": "app_home_opened",
        "user": user,
        "channel": channel,
        "tab": tab,
        "event_ts": new_ts(),
    }


def app_context_changed(user: str, channel: str, viewed: str) -> dict[str, Any]:
    """A person with the agent open looks at another channel, ``viewed``."""
    entity = {"type": "slack#/types/channel_id", "value": viewed, "team_id": TEAM_ID}
    return {
        "type": "app_context_changed",
        "user": user,
        "channel": channel,
        "context": {"entities": [entity]},
        "event_ts": new_ts(),
    }


def agent_session_stopped(
    channel: str, thread_ts: str, user: str, streaming_message_ts: Sequence[str] = ()
) -> dict[str, Any]:
    """A person pressed Slack's stop button; ``streaming_message_ts``: the streams it ended."""
    return {
        "type": "agent_session_stopped",
        "channel": channel,
        "thread_ts": thread_ts,
        "streaming_message_ts": [*streaming_message_ts],
        "user": user,
        "event_ts": new_ts(),
    }


def app_uninstalled() -> dict[str, Any]:
    """The workspace removed the app."""
    return {"type": "app_uninstalled", "event_ts": new_ts()}


def tokens_revoked(bots: Sequence[str] = (BOT_USER_ID,)) -> dict[str, Any]:
    """Tokens were revoked, by the ids of their bot users."""
    return {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [*bots]}}


def member_moved(channel: str, user: str, *, joined: bool = True) -> dict[str, Any]:
    """Somebody, perhaps the bot, joined or left a channel."""
    return {
        "type": "member_joined_channel" if joined else "member_left_channel",
        "user": user,
        "channel": channel,
        "channel_type": channel[0],
        "team": TEAM_ID,
        "event_ts": new_ts(),
    }


def _channel_type(channel: str) -> str:
    return {"D": "im", "G": "group"}.get(channel[0], "channel")


def _rich_text(text: str) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": secrets.token_hex(3), "elements": [section]}


def _hidden(subtype: str, channel: str, event_ts: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel,
        "ts": event_ts,
        "event_ts": event_ts,
        "channel_type": _channel_type(channel),
        **fields,
    }
