"""Slack's event callbacks, read: who wrote what, where (slack.md 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.messengers.slack.ids import field, message_ts, slack_id, tenant_of
from bot.messengers.slack.message_text import first_mentioned, mentions

#: Slack's own bot, whose messages name no bot.
SLACKBOT = "USLACKBOT"
#: A message may have ten files.
MAX_PICTURE_FILES = 10
#: The subtypes of messages that people write; all others tell of edits, joins and the like.
_WRITTEN = (None, "file_share", "thread_broadcast")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSource:
    """The workspace and the app of an event."""

    team: str
    enterprise: str
    app: str
    bot_user: str  #: the bot's own user; empty where Slack does not tell it
    retry: int = 0  #: how often Slack has sent the event before

    @property
    def tenant(self) -> str:
        """The tenant of its conversations."""
        return tenant_of(self.team, self.enterprise)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """A message that a person wrote."""

    source: SlackSource
    channel: str
    is_direct: bool
    user: str
    ts: str
    thread_ts: str  #: the ts of the thread's root; empty for a message outside threads
    raw_text: str  #: with Slack's entities
    mentions_bot: bool
    has_files: bool
    #: Addresses of the pictures among the files, unchecked; at most MAX_PICTURE_FILES.
    pictures: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        """The root of its thread: itself where it is in none."""
        return self.thread_ts or self.ts


def source_of(body: Mapping[str, Any], *, retry: int = 0) -> SlackSource:
    """The workspace and the app; empty ids where they are missing or odd."""
    granted = body.get("authorizations")
    first = granted[0] if isinstance(granted, list) and granted else None
    is_bot = field(first, "is_bot") is True
    team, enterprise = _place(body, first)
    return SlackSource(
        team=team,
        enterprise=enterprise,
        app=slack_id(body.get("api_app_id")),
        bot_user=slack_id(field(first, "user_id")) if is_bot else "",
        retry=retry,
    )


def _place(body: Mapping[str, Any], granted: object) -> tuple[str, str]:
    """Team and enterprise of the app's installation.

    In a shared channel the event's own may be those of the other company. An organisation's
    installation names no team.
    """
    team, enterprise = slack_id(body.get("team_id")), slack_id(body.get("enterprise_id"))
    own, its = slack_id(field(granted, "team_id")), slack_id(field(granted, "enterprise_id"))
    if own and own != team:
        return own, its
    return team, its or enterprise


def read_message(event: Mapping[str, Any], source: SlackSource) -> SlackMessage | None:
    """The message of an app_mention or message event; None for all that no person wrote.

    Edits, deletions, hidden messages and those of bots are nobody's question.
    """
    user, channel = slack_id(event.get("user")), slack_id(event.get("channel"))
    ts = message_ts(event.get("ts"))
    by_person = not event.get("bot_id") and not event.get("hidden") and not event.get("edited")
    if not (source.team and user and channel and ts and by_person):
        return None
    if user in (source.bot_user, SLACKBOT):
        return None
    if event.get("subtype") not in _WRITTEN:
        return None
    raw = event.get("text")
    text = raw if isinstance(raw, str) else ""
    is_mention = event.get("type") == "app_mention"
    if is_mention and not source.bot_user:
        source = replace(source, bot_user=first_mentioned(text))
    return SlackMessage(
        source=source,
        channel=channel,
        is_direct=event.get("channel_type") == "im" or channel.startswith("D"),
        user=user,
        ts=ts,
        thread_ts=message_ts(event.get("thread_ts")),
        raw_text=text,
        mentions_bot=is_mention or mentions(text, source.bot_user),
        # Files of another company are not listed.
        has_files=bool(event.get("files")) or event.get("subtype") == "file_share",
        pictures=_pictures(event.get("files")),
    )


def _pictures(files: object) -> tuple[str, ...]:
    """The files that say they are pictures; their content is checked when it is there."""
    listed = files[:MAX_PICTURE_FILES] if isinstance(files, list) else []
    named = [(field(file, "mimetype"), field(file, "url_private")) for file in listed]
    return tuple(
        url
        for kind, url in named
        if isinstance(kind, str) and kind.startswith("image/") and isinstance(url, str) and url
    )
