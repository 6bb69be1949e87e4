"""People in Slack's direct messages and threads: they ask, ask again, and stop answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

from bot.messengers.slack.controls import STOP_ACTION
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from chaos import photos
from chaos.deeds import Stop, StopWay
from chaos.journal import Journal, Message, utterance
from chaos.screens import Screens, Stage
from chaos.slack_clients import channels_with_the_bot
from chaos.slack_events import SlackSender
from fakes.slack import SlackPlatform
from fakes.slack_files import SlackFiles
from runtime.tasks import TaskSet

#: Of messages in threads: that mention the bot though they need not, that ask for another answer,
#: and whose answer is stopped.
SHARE_MENTIONS, SHARE_AGAIN, SHARE_STOPPED = 0.3, 0.12, 0.12
_WAYS: tuple[StopWay, ...] = ("word", "session", "button")
_AGAIN, _STOP = "다시", "그만"


class ThreadClients:
    """Everybody who writes to the bot in a room. A conversation is a thread."""

    def __init__(
        self,
        journal: Journal,
        sender: SlackSender,
        platform: SlackPlatform,
        screens: Screens,
        rng: random.Random,
        files: SlackFiles | None = None,
    ) -> None:
        """``files``: where the pictures of messages are; None: people send none."""
        self._journal = journal
        self._sender = sender
        self._platform = platform
        self._screens = screens
        self._rng = rng
        self._files = files
        self._roots: dict[str, str] = {}  #: by conversation
        self._newest: dict[str, Message] = {}  #: by conversation
        self._with_pictures: set[str] = set()  #: conversations
        self._stopping = TaskSet()

    @property
    def _workspace(self) -> SimulatedWorkspace:
        return self._platform.workspace

    async def write(self, message: Message) -> None:
        """Write a message; sometimes ask again instead, or stop the answer a little later."""
        name = message.conversation
        message.room = room_of(self._workspace, name)
        message.asks_again = self._to_ask_again(name)
        text = _AGAIN if message.asks_again else utterance(message)
        is_first = name not in self._roots
        mentions = name[0] == "c" and (is_first or self._rng.random() < SHARE_MENTIONS)
        concerns = name[0] == "d" or mentions or self._is_known(name)
        self._newest[name] = message
        stop = self._rng.random() < SHARE_STOPPED
        acknowledged = await self._say(message, text, mentions=mentions)
        if acknowledged and concerns:
            message.accepted_at = time.monotonic()
        else:
            message.rejection = "HTTP 200 not concerned" if acknowledged else "no acknowledgement"
        if stop:
            self._stopping.start(self._stop_soon(name), name="stop")

    async def wait(self) -> None:
        """Wait until all stops that were begun are sent."""
        await self._stopping.wait()

    async def close(self) -> None:
        """Stop stopping."""
        await self._stopping.cancel()

    async def _say(self, message: Message, text: str, *, mentions: bool) -> bool:
        name = message.conversation
        said = f"<@{self._workspace.directory.bot.user_id}> {text}" if mentions else text
        events = self._platform.people.write(
            user_of(name), message.room, said, self._roots.get(name, ""), **self._file(message)
        )
        message.ts = str(events[0]["event"]["ts"])
        message.root = self._roots.setdefault(name, message.ts)
        self._journal.deeds[f"events of {_KINDS[name[0]]}"] += len(events)
        return await self._sender.send_events(events)

    def _file(self, message: Message) -> dict[str, Any]:
        """The fields of some messages: a picture that shows the message's name."""
        if self._files is None or message.asks_again or not photos.is_photo(self._rng):
            return {}
        message.is_photo = True
        self._with_pictures.add(message.conversation)
        self._journal.deeds["pictures in Slack"] += 1
        file = self._files.publish(photos.drawn(message), "image/jpeg")
        return {"subtype": "file_share", "files": [file]}

    def _is_known(self, name: str) -> bool:
        """Whether the bot was certainly asked into the thread before."""
        siblings = self._journal.by_conversation()[name]
        return any(message.accepted_at for message in siblings)

    def _to_ask_again(self, name: str) -> str:
        """The newest message, which has its answer and now has to get another; "": none."""
        newest = self._newest.get(name)
        # A picture is kept for its answer alone, and a burst may have one.
        known = newest is not None and newest.ended and name not in self._with_pictures
        if newest is None or not known or self._rng.random() >= SHARE_AGAIN:
            return ""
        self._journal.deeds["asked again"] += 1
        return newest.question

    async def _stop_soon(self, name: str) -> None:
        await asyncio.sleep(self._rng.uniform(0.2, 2.5))
        stop = Stop(conversation=name, way=self._rng.choice(_WAYS), sent_at=time.monotonic())
        sending = self._send_stop(stop)
        if sending is None:
            return
        self._journal.stops.append(stop)
        self._journal.deeds[f"stopped by {stop.way}"] += 1
        stop.acknowledged = await sending
        stop.ended_at, stop.acknowledged_at = time.monotonic(), time.time()

    def _send_stop(self, stop: Stop) -> Coroutine[Any, Any, bool] | None:
        """Send the stop; None: there is no answer to press a button of."""
        people, root = self._platform.people, self._roots[stop.conversation]
        user, room = user_of(stop.conversation), room_of(self._workspace, stop.conversation)
        if stop.way == "session":
            return self._sender.send_events([people.stop(user, room, root)])
        if stop.way == "word":
            return self._sender.send_events(people.write(user, room, _STOP, root))
        for post in self._screens.in_thread(room, root):
            if post.last.stage is Stage.GROWING:
                stop.turn_id = post.turn_id
                return self._press(people.press(user, room, post.ts, STOP_ACTION))
        return None

    async def _press(self, payload: dict[str, Any]) -> bool:
        status, _ = await self._sender.press(payload)
        return status == 200


_KINDS = {"d": "direct messages", "c": "threads"}


def user_of(conversation: str) -> str:
    """The person of a conversation."""
    number = int(conversation[1:])
    # Two threads belong to one person's direct channel.
    return f"UD{number // 10}" if conversation[0] == "d" else f"UC{number}"


def room_of(workspace: SimulatedWorkspace, conversation: str) -> str:
    """The direct channel or the channel of a conversation."""
    if conversation[0] == "d":
        return workspace.directory.dm(user_of(conversation)).id
    rooms = channels_with_the_bot()
    return rooms[int(conversation[1:]) // 5 % len(rooms)]
