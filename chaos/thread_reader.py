"""Reads the screens of Slack's rooms: which answers came, whose they are, how streams went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.messengers.slack.simulated_workspace.sightings import Sighting, SightingKind
from chaos import photos
from chaos.journal import Journal, Message
from chaos.notices import Notices
from chaos.screens import BotPost, Screens, Stage, is_of_a_command
from chaos.thread_ledger import ThreadLedger, ThreadTurn
from fakes.slack import SlackCall
from runtime.database import DATABASE_ERRORS

_LOOK_EVERY_S = 0.5

_FINISHING = ("chat.stopStream", "chat.update")

#: Told of every answer that has come to its end on a screen.
Listener = Callable[[BotPost, Message], object]


class ThreadReader:
    """Everything that people see in rooms."""

    def __init__(self, journal: Journal, screens: Screens, notices: Notices) -> None:
        self.listeners: list[Listener] = []
        self._journal = journal
        self._screens = screens
        self._notices = notices
        self._unread: list[BotPost] = []  #: whose answers nobody has been told of
        self._read: set[tuple[str, str]] = set()

    def read_sighting(self, sighting: Sighting) -> None:
        """Read one change of a screen."""
        if photos.is_refused([sighting.text]) and sighting.author != "":
            self._refuse_photo(sighting.room, sighting.thread_ts)
        post = self._screens.see(sighting)
        if post is None or is_of_a_command(post):
            return
        if sighting.kind is SightingKind.STREAM_START:
            self._journal.deeds["streams begun"] += 1
        key = (post.room, post.ts)
        if post.last.stage is Stage.FINAL and key not in self._read:
            self._read.add(key)
            self._unread.append(post)

    def read_call(self, call: SlackCall) -> None:
        """Note which bot begins and finishes a message: each has a token of its own."""
        if call.fault:
            self._journal.faults[f"{call.method} failed"] += 1
        room = str(call.arguments.get("channel", ""))
        if (call.fault or call.error) and photos.is_refused([str(call.arguments.get("text"))]):
            self._refuse_photo(room, str(call.arguments.get("thread_ts", "")))
        if call.method == "chat.startStream":
            post = self._screens.posts.get((room, str(call.document.get("ts", ""))))
            if post is not None:
                post.begun_by = call.token
        elif call.method in _FINISHING and not call.error:
            post = self._screens.posts.get((room, str(call.arguments.get("ts", ""))))
            if post is not None and post.last.stage is Stage.FINAL:
                post.finished_by = post.finished_by or call.token

    async def look_up_turns(self, ledger: ThreadLedger) -> None:
        """Ask the log whose the answers are, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.look_up_once(ledger)
            except (*DATABASE_ERRORS, TimeoutError):
                continue  # Postgres restarts

    async def look_up_once(self, ledger: ThreadLedger) -> None:
        """Assign the answers that came, and find the messages that will get none."""
        posts = list(self._unread)
        stopped = self._perhaps_stopped()
        if not posts and not stopped:
            return
        turns = await ledger.turns({post.turn_id for post in posts}, {*stopped})
        by_id = {turn.id: turn for turn in turns}
        for turn in turns:
            if turn.is_silent and (turn.room, turn.ts) in stopped:
                stopped[turn.room, turn.ts].cancelled = True
        for post in posts:
            self._unread.remove(post)
            self._assign(post, by_id.get(post.turn_id))

    def _assign(self, post: BotPost, turn: ThreadTurn | None) -> None:
        message = self._asked_at(turn.room, turn.ts) if turn else None
        if message is None:
            self._journal.misdelivered.append(f"an answer nobody asked for in {post.room}")
            return
        final = next(each for each in post.versions if each.stage is Stage.FINAL)
        self._journal.deeds[f"answers shown: {post.way}"] += 1
        stopped = self._notices.stopped(final.text)
        # One that was stopped at its very end may be whole, and yet enters no history.
        if stopped or not self._journal.show(message, post.way, final.text, final.at):
            message.notices += stopped or self._notices.final(final.text)
        for listener in self.listeners:
            listener(post, message)

    def _refuse_photo(self, room: str, root: str) -> None:
        """The newest photo of the thread is no question: the person was told, or Slack failed."""
        messages = reversed(self._journal.messages.values())
        in_thread = (m for m in messages if (m.room, m.root) == (room, root))
        refused = next((m for m in in_thread if m.is_photo and not m.ended), None)
        if refused is not None:
            refused.notices.append("photo refused")

    def _asked_at(self, room: str, ts: str) -> Message | None:
        messages = self._journal.messages.values()
        return next((m for m in messages if (m.room, m.ts) == (room, ts)), None)

    def _perhaps_stopped(self) -> dict[tuple[str, str], Message]:
        """The messages without an answer in conversations in which somebody stopped one."""
        stopped = {stop.conversation for stop in self._journal.stops}
        return {
            (message.room, message.ts): message
            for message in self._journal.messages.values()
            if message.room and message.is_pending and message.conversation in stopped
        }
