"""The status line of a thread, and the state of an agent's session, while an answer is written."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, defaultdict

from bot.domain.deliveries import Outcome
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.pacing import Budget
from bot.messengers.slack.web_api import Room
from bot.text.catalog import Texts
from runtime.tasks import TaskSet

#: Workspaces whose refusal of sessions is remembered, and for how long: an admin may grant them.
MAX_REMEMBERED, REMEMBER_S = 1000, 3600.0
#: Sessions that this bot shows as at work; of others it is not known.
MAX_AT_WORK = 10_000
#: Refusals that say nothing of the workspace's other threads.
_OF_ONE_THREAD = frozenset(
    {
        "channel_not_found",
        "invalid_thread_ts",
        "is_archived",
        "message_not_found",
        "not_in_channel",
        "thread_not_found",
    }
)
#: Calls under way at once; a status that cannot be shown is left out.
MAX_UNDER_WAY = 500
#: Statuses of one workspace, and of all: above what Slack takes, far below what would slow the
#: accept of messages.
PER_WORKSPACE_S, PER_WORKSPACE_BURST = 10.0, 100
ALL_S, ALL_BURST = 50.0, 500
#: The wait for an answer that begins at once: its line would flicker, or stay if it came behind it.
BEGIN_AFTER_S = 0.2


class _Beginning:
    """A line that is about to be shown."""

    def __init__(self) -> None:
        self.is_over = False  #: the answer is whole
        self._shown = asyncio.Event()

    def show(self, *, whole: bool) -> None:
        """Something of the answer is shown, or all of it."""
        self.is_over |= whole
        self._shown.set()

    async def is_shown(self, within_s: float) -> bool:
        """Whether it is by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._shown.wait()
        return self._shown.is_set()


class StatusLine:
    """Shows that an answer is being written. Slack takes the line away with the next message."""

    def __init__(self, api: SlackApi, texts: Texts) -> None:
        self._api = api
        self._texts = texts
        self._tasks = TaskSet()
        self._beginnings: defaultdict[Room, dict[_Beginning, asyncio.Task[None]]]
        self._beginnings = defaultdict(dict)
        self._without_sessions: OrderedDict[str, float] = OrderedDict()
        self._at_work: OrderedDict[Room, bool] = OrderedDict()  # False: ended with its stream
        self._of_workspace = Budget(per_s=PER_WORKSPACE_S, burst=PER_WORKSPACE_BURST)
        self._of_all = Budget(per_s=ALL_S, burst=ALL_BURST)

    def begin(self, room: Room, *, may_be_shown: bool) -> None:
        """Show the line, and the session as at work.

        ``may_be_shown``: this bot hears of the answer's first text, and shows no line before that
        had its time.
        """
        if room.thread_ts and len(self._tasks) < MAX_UNDER_WAY and self._may_begin(room.team):
            beginning, within_s = _Beginning(), BEGIN_AFTER_S if may_be_shown else 0.0
            task = self._tasks.start(self._begin(room, beginning, within_s), name="slack status")
            self._beginnings[room][beginning] = task

    def shown(self, room: Room, *, whole: bool = False) -> None:
        """Text of an answer is about to be shown, or ``whole``: all of it, by any bot."""
        for beginning in self._beginnings.get(room, ()):
            beginning.show(whole=whole)

    def is_at_work(self, room: Room) -> bool:
        """Whether the session is certainly shown so: what ends a stream may end that with it."""
        return self._at_work.get(room, False) and room not in self._beginnings

    def ended(self, room: Room) -> None:
        """The session's state was changed with the end of a stream."""
        if room in self._at_work:
            self._at_work[room] = False

    def end(self, room: Room) -> None:
        """Show the session as waiting for the person: Slack would show it at work for an hour."""
        self.shown(room, whole=True)
        if self._at_work.pop(room, None) is False and room not in self._beginnings:
            return
        if room.thread_ts and len(self._tasks) < MAX_UNDER_WAY:
            self._tasks.start(self._end(room), name="slack session")

    async def close(self) -> None:
        """Wait for the calls under way."""
        await self._tasks.wait_for_started()

    def _may_begin(self, team: str) -> bool:
        return self._of_workspace.take(team) and self._of_all.take("")

    async def _begin(self, room: Room, beginning: _Beginning, within_s: float) -> None:
        try:
            if not await beginning.is_shown(within_s):
                await self._set_status(room)
            if not beginning.is_over:
                await self._set_session(room, "processing")
        finally:
            del self._beginnings[room][beginning]
            if not self._beginnings[room]:
                del self._beginnings[room]

    async def _end(self, room: Room) -> None:
        """Behind a call that says the contrary."""
        if beginnings := [*self._beginnings.get(room, {}).values()]:
            await asyncio.wait(beginnings)
        await self._set_session(room, "active")

    async def _set_status(self, room: Room) -> None:
        await self._api.call(
            "assistant.threads.setStatus",
            {
                "channel_id": room.channel,
                "thread_ts": room.thread_ts,
                "status": self._texts.status_writing,
                "loading_messages": [self._texts.status_writing],
            },
            team=room.team,
            keep_alive=True,
        )

    async def _set_session(self, room: Room, state: str) -> None:
        if self._without_sessions.get(room.team, 0.0) > time.monotonic():
            return
        result = await self._api.call(
            "agents.sessions.setStatus",
            {"channel_id": room.channel, "thread_ts": room.thread_ts, "status": state},
            team=room.team,
            keep_alive=True,
        )
        if result.ok and state == "processing":
            self._at_work[room] = True
            if len(self._at_work) > MAX_AT_WORK:
                self._at_work.popitem(last=False)
        if result.outcome is Outcome.REFUSED and result.error not in _OF_ONE_THREAD:
            if len(self._without_sessions) >= MAX_REMEMBERED:
                self._without_sessions.popitem(last=False)
            self._without_sessions.pop(room.team, None)
            self._without_sessions[room.team] = time.monotonic() + REMEMBER_S
