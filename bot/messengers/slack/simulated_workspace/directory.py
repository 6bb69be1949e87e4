"""The people and rooms of a workspace, and where the bot is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.records import BotIdentity, Room, User


@dataclass(slots=True, kw_only=True)
class Directory:
    """Rooms by id, users by id. ``open``: every unknown C... or G... id is a channel."""

    bot: BotIdentity = field(default_factory=BotIdentity)
    open: bool = False
    users: dict[str, User] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)  #: the rooms that the bot is in
    archived: set[str] = field(default_factory=set)

    def add_user(self, user_id: str, name: str = "", *, is_bot: bool = False) -> User:
        """A person of the workspace; an existing one stays."""
        known = self.users.get(user_id)
        if known is None:
            user = User(id=user_id, name=name or user_id.lower(), is_bot=is_bot)
            known = self.users[user_id] = user
        return known

    def add_room(self, room_id: str, name: str = "", *members: str) -> Room:
        """A channel with these members; an existing one gets them."""
        room = self.rooms.setdefault(room_id, Room(id=room_id, name=name or room_id.lower()))
        room.members |= {*members}
        for member in members:
            self.add_user(member)
        return room

    def dm(self, user_id: str) -> Room:
        """The direct message of a person and the bot."""
        for room in self.rooms.values():
            if room.is_dm and room.members == {user_id}:
                return room
        room_id = "D" + (user_id[1:] or secrets.token_hex(4).upper())
        self.joined.add(room_id)
        return self.add_room(room_id, "", user_id)

    def room(self, room_id: str) -> Room:
        """The room; raises SlackError("channel_not_found")."""
        room = self.rooms.get(room_id)
        if room is not None:
            return room
        if self.open and room_id.startswith(("C", "G")):
            return self.add_room(room_id)
        raise SlackError("channel_not_found")

    def sees(self, person: str, room: Room) -> bool:
        """Whether a person can read the room."""
        return not room.is_private or person in room.members

    def for_reading(self, room_id: str) -> Room:
        """A room that the bot is in; raises SlackError."""
        room = self.room(room_id)
        if room_id in self.joined:
            return room
        # Slack does not tell an app which private rooms exist.
        hidden = room.is_private and not self.open
        raise SlackError("channel_not_found" if hidden else "not_in_channel")

    def for_writing(self, room_id: str) -> Room:
        """A room that the bot may write to, also by a person's id; raises SlackError."""
        if room_id.startswith("U"):
            if room_id not in self.users:
                raise SlackError("channel_not_found")
            return self.dm(room_id)
        if room_id in self.archived:
            raise SlackError("is_archived")
        return self.for_reading(room_id)
