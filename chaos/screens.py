"""What people saw of the bot's messages in Slack: each with all its versions, in order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.messengers.slack.controls import STOP_ACTION
from bot.messengers.slack.simulated_workspace.block_limits import elements_of
from bot.messengers.slack.simulated_workspace.sightings import Sighting, SightingKind
from bot.messengers.slack.web_api import EVENT_TYPE, SENTENCE_TYPE
from chaos.journal import marks

#: Below a text that is edited as it grows.
ELLIPSIS = " …"
_OF_MESSAGES = frozenset(
    {
        SightingKind.POST,
        SightingKind.EDIT,
        SightingKind.STREAM_START,
        SightingKind.STREAM_CHUNK,
        SightingKind.STREAM_STOP,
    }
)


class Stage(StrEnum):
    """How far a message had come."""

    STREAM = "stream"
    GROWING = "growing"  #: by edits
    FINAL = "final"
    SENTENCE = "sentence"  #: the bot's own, no answer


@dataclass(frozen=True, slots=True)
class Version:
    """A message as it stood at a time, in seconds of ``time.monotonic``."""

    stage: Stage
    text: str
    at: float


@dataclass(slots=True, kw_only=True)
class BotPost:
    """One message of the bot."""

    room: str
    root: str  #: of its thread
    ts: str
    turn_id: str = ""  #: the turn that it names
    versions: list[Version] = field(default_factory=list)
    begun_by: str = ""  #: the token that began it
    finished_by: str = ""

    @property
    def last(self) -> Version:
        """As it stands now."""
        return self.versions[-1]

    @property
    def way(self) -> str:
        """How its answer came: as a stream, by edits, or at once."""
        stages = {version.stage for version in self.versions}
        if Stage.STREAM in stages:
            return "stream, then edits" if Stage.GROWING in stages else "stream"
        return "edits" if Stage.GROWING in stages else "thread"


class Screens:
    """The bot's messages of a workspace, by room and ts."""

    def __init__(self, bot_user: str) -> None:
        self.posts: dict[tuple[str, str], BotPost] = {}
        self._bot_user = bot_user

    def see(self, sighting: Sighting) -> BotPost | None:
        """Note what came on a screen; the bot's message that it shows, if it is one."""
        key = (sighting.room, sighting.ts)
        if sighting.kind is SightingKind.DELETE:
            self.posts.pop(key, None)
        if sighting.kind not in _OF_MESSAGES or sighting.author != self._bot_user:
            return None
        post = self.posts.setdefault(
            key, BotPost(room=sighting.room, root=sighting.thread_ts, ts=sighting.ts)
        )
        version, turn_id = read_version(sighting.document, time.monotonic())
        post.turn_id = turn_id or post.turn_id
        post.versions.append(version)
        return post

    def in_thread(self, room: str, root: str) -> list[BotPost]:
        """The bot's messages in one thread."""
        posts = self.posts.values()
        return [post for post in posts if (post.room, post.root) == (room, root)]

    def answers(self) -> list[BotPost]:
        """All but the bot's own sentences, and the answers to slash commands."""
        return [
            post
            for post in self.posts.values()
            if post.last.stage is not Stage.SENTENCE and not is_of_a_command(post)
        ]

    def account(self, room: str, root: str) -> str:
        """The versions of the messages of a thread, for people."""
        began = min((post.versions[0].at for post in self.in_thread(room, root)), default=0.0)
        return "; ".join(
            f"{post.ts} {post.turn_id[:8]}: "
            + ", ".join(
                f"{each.at - began:.1f}s {each.stage} {_short(each.text)}" for each in post.versions
            )
            for post in self.in_thread(room, root)
        )


def is_of_a_command(post: BotPost) -> bool:
    """Whether the message is outside threads, and shows no answer to a message in one."""
    begun = [name for version in post.versions for name, _ in marks(version.text)[0]]
    return post.root == post.ts and not any(name[0] in "dc" for name in begun)


def _short(text: str) -> str:
    return text if len(text) < 40 else f"{text[:15]}...({len(text)})...{text[-15:]}"


def read_version(document: dict[str, Any], at: float) -> tuple[Version, str]:
    """A message's stage and text, and the turn that it names; "" where it names none."""
    metadata = document.get("metadata") or {}
    kind = metadata.get("event_type")
    blocks = document.get("blocks") or []
    markdown = [block["text"] for block in blocks if block.get("type") == "markdown"]
    text = "".join(markdown) or str(document.get("text", ""))
    if kind == SENTENCE_TYPE:
        return Version(Stage.SENTENCE, text, at), ""
    if kind != EVENT_TYPE:
        return Version(Stage.STREAM, text, at), ""
    turn_id = str(metadata["event_payload"].get("turn_id", ""))
    pressable = {each.get("action_id") for block in blocks for each in elements_of(block)}
    if STOP_ACTION in pressable:
        return Version(Stage.GROWING, text.removesuffix(ELLIPSIS), at), turn_id
    return Version(Stage.FINAL, text, at), turn_id
