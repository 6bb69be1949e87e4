"""What a workspace holds: tokens, people, rooms, messages and streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.messengers.slack.installing.scopes import SCOPE_NAMES

#: What an app with our manifest may do.
BOT_SCOPES = frozenset(SCOPE_NAMES)


@dataclass(slots=True, kw_only=True)
class Token:
    """A bot token. ``error``: why Slack takes it no longer, such as ``token_revoked``."""

    scopes: set[str] = field(default_factory=lambda: set(BOT_SCOPES))
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotIdentity:
    """The app's bot user in one workspace."""

    user_id: str = "U0BLLOSSOM"
    bot_id: str = "B0BLLOSSOM"
    app_id: str = "A0BLLOSSOM"
    name: str = "bllossom"


@dataclass(slots=True, kw_only=True)
class User:
    """A person of the workspace, or the user of an app."""

    id: str
    name: str
    real_name: str = ""
    is_bot: bool = False
    deleted: bool = False
    locale: str = "ko-KR"

    def document(self, team_id: str) -> dict[str, Any]:
        """The user as users.info returns it."""
        real_name = self.real_name or self.name
        return {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "deleted": self.deleted,
            "real_name": real_name,
            "is_bot": self.is_bot,
            "locale": self.locale,
            "profile": {"display_name": self.name, "real_name": real_name},
        }


@dataclass(slots=True, kw_only=True)
class Stream:
    """A message that is being written; it ends by a stop, a person or after its lifetime."""

    started_at: float  #: Unix seconds
    recipient: str  #: who sees it live; "" in a direct message, where everybody does
    task_display_mode: str = "timeline"


@dataclass(slots=True, kw_only=True)
class Message:
    """One message of a room; ``stream`` while it is being written."""

    ts: str
    user: str
    text: str
    thread_ts: str = ""  #: its thread's root; "" at the top level
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    edited: dict[str, str] | None = None
    extra: dict[str, Any] = field(default_factory=dict)  #: such as files
    stream: Stream | None = None
    reactions: dict[str, set[str]] = field(default_factory=dict)

    @property
    def root_ts(self) -> str:
        """The thread that the message opens or belongs to."""
        return self.thread_ts or self.ts

    @property
    def chars(self) -> int:
        """The length of its texts together."""
        return len(self.text) + sum(
            len(text) for block in self.blocks for text in block_texts(block)
        )

    def shown_text(self) -> str:
        """What a person reads: the blocks' texts, or the text where no block has one."""
        texts = [text for block in self.blocks for text in block_texts(block)]
        return "\n".join(texts) or self.text

    def document(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """The message as histories, responses and events hold it."""
        optional = {
            "thread_ts": self.thread_ts,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "subtype": self.subtype,
            "blocks": self.blocks,
            "edited": self.edited,
            "metadata": self.metadata if with_metadata else None,
            "streaming_state": "in_progress" if self.stream else "",
        }
        kept = {name: value for name, value in optional.items() if value}
        basic = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text}
        return {**basic, **kept, **self.extra}


@dataclass(slots=True, kw_only=True)
class Room:
    """A channel (C), a private channel (G) or a direct message (D), with its messages by ts."""

    id: str
    name: str = ""
    members: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    ephemeral: dict[str, Message] = field(default_factory=dict)  #: in no history

    @property
    def is_dm(self) -> bool:
        """Whether it is a direct message of one person and the bot."""
        return self.id.startswith("D")

    @property
    def is_private(self) -> bool:
        """Whether only its members can read it."""
        return self.id.startswith(("G", "D"))

    @property
    def history_scope(self) -> str:
        """The scope that reading it takes."""
        return {"D": "im:history", "G": "groups:history"}.get(self.id[0], "channels:history")

    def thread(self, root_ts: str) -> list[Message]:
        """The root, if it still exists, and its replies, oldest first."""
        return [each for each in self.messages.values() if each.root_ts == root_ts]

    def top_level(self) -> list[Message]:
        """The messages of the room itself, oldest first."""
        broadcast = "thread_broadcast"
        return [m for m in self.messages.values() if not m.thread_ts or m.subtype == broadcast]


def block_texts(block: dict[str, Any]) -> list[str]:
    """The texts that a block shows, without its buttons."""
    text = block.get("text")
    found = [text["text"] if isinstance(text, dict) else text] if text else []
    if block.get("type") in {"context", "section"}:
        parts = [*block.get("elements", ()), *block.get("fields", ())]
        shown = [part for part in parts if isinstance(part, dict)]
        found += [part["text"] for part in shown if isinstance(part.get("text"), str)]
    return [each for each in found if isinstance(each, str)]
