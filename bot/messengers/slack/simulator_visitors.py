"""The people in front of the simulator, each with a channel and a direct message of their own.

All of them share one workspace in memory: the bot has one token. What a person would see there
goes to that person's page.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.messengers.slack import rich_text
from bot.messengers.slack.simulated_workspace.people import People
from bot.messengers.slack.simulated_workspace.rules import WorkspaceRules
from bot.messengers.slack.simulated_workspace.sightings import Sighting, SightingKind
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from bot.messengers.slack.view_tree import view_tree
from bot.simulator.sessions import MAX_SESSIONS, Exchange

MAX_MESSAGES, MAX_ROOM_CHARS = 300, 500_000  #: of a room


class PlatformState(StrEnum):
    """How Slack treats the bot's calls for one person."""

    WORKS = "works"
    RATE_LIMITED = "rate_limited"  #: HTTP 429
    SERVER_ERROR = "server_error"  #: HTTP 500
    CUT = "cut"  #: takes the call and closes the connection without a response
    NO_STREAMS = "no_streams"  #: channel_type_not_supported


@dataclass(slots=True, kw_only=True)
class Visitor:
    """One person, and where their page gets its events."""

    user: str
    channel: str
    dm: str
    page: Exchange
    platform: PlatformState = PlatformState.WORKS

    def room(self, surface: str) -> str:
        """The room's id; ``surface``: channel or dm."""
        return self.channel if surface == "channel" else self.dm

    def surface(self, room_id: str) -> str:
        """The page's name of a room."""
        return "channel" if room_id == self.channel else "dm"


class Visitors:
    """The visitors of a workspace; beyond ``capacity`` the least recent one's rooms go."""

    def __init__(self, token: str, capacity: int = MAX_SESSIONS) -> None:
        rules = WorkspaceRules(
            max_records=0, max_messages=MAX_MESSAGES, max_room_chars=MAX_ROOM_CHARS
        )
        self.workspace = SimulatedWorkspace(rules=rules)
        self.people = People(self.workspace)
        self._capacity = capacity
        self._visitors: OrderedDict[str, Visitor] = OrderedDict()  #: by person
        self._by_id: dict[str, Visitor] = {}  #: by room and by user
        self.workspace.state.listeners.append(self._show)
        if token:
            self.workspace.tokens.add(token)

    def of(self, exchange: Exchange) -> Visitor:
        """The visitor of an exchange; new people get their rooms."""
        visitor = self._visitors.get(exchange.person)
        if visitor is None:
            visitor = self._visitors[exchange.person] = self._settle(exchange)
        self._visitors.move_to_end(exchange.person)
        while len(self._visitors) > self._capacity:
            self._forget(self._visitors.popitem(last=False)[1])
        return visitor

    def concerned(self, values: dict[str, Any]) -> Visitor | None:
        """The visitor whose room or view a call of the bot is about."""
        for name in ("channel", "channel_id", "user_id"):
            if visitor := self._by_id.get(str(values.get(name, ""))):
                return visitor
        return None

    def set_platform(self, visitor: Visitor, state: PlatformState) -> None:
        """From now on Slack treats the bot's calls like this."""
        visitor.platform = state
        refusing = self.workspace.rules.rooms_without_streams
        rooms = {visitor.channel, visitor.dm}
        refusing.difference_update(rooms)
        if state is PlatformState.NO_STREAMS:
            refusing.update(rooms)

    def _settle(self, exchange: Exchange) -> Visitor:
        name = exchange.person[:10].upper()
        directory = self.workspace.directory
        user, channel = f"U{name}", f"C{name}"
        directory.add_user(user, "나")
        directory.add_room(channel, "bllossom", user)
        directory.joined.add(channel)
        dm = directory.dm(user).id
        visitor = Visitor(user=user, channel=channel, dm=dm, page=exchange)
        self._by_id |= dict.fromkeys((user, channel, dm), visitor)
        return visitor

    def _forget(self, visitor: Visitor) -> None:
        directory = self.workspace.directory
        directory.users.pop(visitor.user, None)
        self.workspace.views.forget(visitor.user)
        for room in (visitor.channel, visitor.dm):
            directory.rooms.pop(room, None)
            directory.joined.discard(room)
            self.workspace.rules.rooms_without_streams.discard(room)
        for name in (visitor.user, visitor.channel, visitor.dm):
            self._by_id.pop(name, None)

    def _show(self, sighting: Sighting) -> None:
        visitor = self._by_id.get(sighting.room or sighting.only)
        if visitor is not None and sighting.is_seen_by(visitor.user):
            show(visitor, sighting)


def show(visitor: Visitor, sighting: Sighting) -> None:
    """Pass on what a person sees, as an event of the page."""
    kind = sighting.kind
    if kind in _SURFACES:
        _show_surface(visitor, sighting)
        return
    place = {"surface": visitor.surface(sighting.room), "thread_ts": sighting.thread_ts}
    slot = f"{sighting.room}:{sighting.ts}"
    if kind is SightingKind.DELETE:
        visitor.page.show("deleted", slot=slot, ts=sighting.ts, **place)
        return
    document = sighting.document
    visitor.page.show(
        "message",
        slot=slot,
        ts=sighting.ts,
        own=sighting.author == visitor.user,
        user_id=visitor.user,
        ephemeral=kind is SightingKind.EPHEMERAL,
        streaming="streaming_state" in document,
        edited="edited" in document or kind is SightingKind.EDIT,
        view=rich_text.message(document),
        **place,
    )


def _show_surface(visitor: Visitor, sighting: Sighting) -> None:
    fields = sighting.document
    surface, thread_ts = visitor.surface(sighting.room), sighting.thread_ts
    slot = f"{sighting.kind}:{sighting.room}:{thread_ts}"
    if sighting.kind is SightingKind.STATUS:
        fields = {"text": sighting.text, "loading": fields.get("loading", [])}
    elif sighting.kind is SightingKind.SESSION:
        fields = {"status": sighting.text, "title": fields.get("title", "")}
    elif sighting.kind is SightingKind.PROMPTS:
        fields = {"title": fields.get("title", ""), "prompts": fields["prompts"]}
    else:
        fields = view_tree(fields)
    visitor.page.show(str(sighting.kind), slot=slot, surface=surface, thread_ts=thread_ts, **fields)


_SURFACES = frozenset(
    {
        SightingKind.STATUS,
        SightingKind.SESSION,
        SightingKind.PROMPTS,
        SightingKind.HOME,
        SightingKind.MODAL,
    }
)
