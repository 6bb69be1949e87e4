"""Slack's rooms in a run: the people in them, what they see, and the check of both."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from chaos import deed_checker, thread_checker
from chaos.bot_client import BotClient
from chaos.checker import CheckResult
from chaos.journal import Journal
from chaos.notices import Notices
from chaos.screens import Screens
from chaos.slack_events import SlackSender
from chaos.thread_clients import ThreadClients
from chaos.thread_ledger import ThreadLedger
from chaos.thread_reader import ThreadReader
from chaos.voters import Voters
from fakes.slack import SlackPlatform
from fakes.slack_files import SlackFiles

#: Slack ends streams after minutes. Here each one that is older than this ends now and then.
STREAM_LIFE_S, ENDS_EVERY_S = 1.0, 4.0
_LOOK_EVERY_S = 1.0


class Rooms:
    """Everybody in direct messages and threads."""

    def __init__(
        self,
        journal: Journal,
        bots: BotClient,
        platform: SlackPlatform,
        notices: Notices,
        ledger: ThreadLedger,
        rng: random.Random,
        files: SlackFiles | None,
    ) -> None:
        """``files``: where the pictures of messages are; None: people send none."""
        sender = SlackSender(bots)
        self._journal = journal
        self._platform = platform
        self._notices = notices
        self._ledger = ledger
        self._screens = Screens(platform.workspace.directory.bot.user_id)
        self._reader = ThreadReader(journal, self._screens, notices)
        self._voters = Voters(journal, sender, platform, rng)
        self._ends_streams = True
        self.people = ThreadClients(journal, sender, platform, self._screens, rng, files)
        self._reader.listeners.append(self._voters.see_answer)
        platform.workspace.state.listeners.append(self._reader.read_sighting)
        platform.web_api.listeners.append(lambda call, _: self._reader.read_call(call))

    async def watch(self) -> None:
        """Read the screens, and end streams early, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reader.look_up_turns(self._ledger))
            tasks.create_task(self._end_streams())

    def stop_ending_streams(self) -> None:
        """From now on streams live for their time."""
        self._ends_streams = False

    async def finish_deeds(self) -> None:
        """Wait until all stops and votes that were begun are done."""
        await self.people.wait()
        await self._voters.wait()

    async def wait_for_log(self, within_s: float) -> None:
        """Wait until the log holds every message as final: an unanswered post is looked up late."""
        gives_up_at = time.monotonic() + within_s
        while time.monotonic() < gives_up_at:
            turns = await self._ledger.all_turns()
            if all(state == "final" for turn in turns for state in turn.posts):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def check(self, result: CheckResult, injected_at: Sequence[float]) -> None:
        """Add what the screens say, and the log of these rooms."""
        journal, posts = self._journal, self._screens.answers()
        turns = await self._ledger.all_turns()
        notes = sorted(self._notices.sentences("stopped_note"))
        self._count(injected_at)
        result.lost += thread_checker.stopped_unasked(journal, turns)
        result.duplicated += thread_checker.repeated(posts)
        result.misdelivered += thread_checker.misplaced(journal, posts)
        result.orphaned += thread_checker.orphaned(posts)
        result.untrue += thread_checker.untrue(posts, turns, notes)
        result.unsteady += thread_checker.unsteady([*self._screens.posts.values()])
        result.undone += deed_checker.late_stops(journal, turns, injected_at)
        result.undone += deed_checker.wrong_votes(journal, await self._ledger.judgements())

    def account(self, name: str) -> str:
        """What was seen in a message's thread."""
        message = self._journal.messages[name]
        return self._screens.account(message.room, message.root) if message.room else ""

    def _count(self, injected_at: Sequence[float]) -> None:
        posts = self._screens.answers()
        finished = [post for post in posts if post.begun_by and post.finished_by]
        deeds = self._journal.deeds
        deeds["streams finished"] = len(finished)
        deeds["streams finished by another bot"] = sum(
            post.begun_by != post.finished_by for post in finished
        )
        answered = (message for message in self._journal.messages.values() if message.shown)
        deeds["pictures answered"] = sum(message.is_photo for message in answered)
        deeds["stops timed"] = len(deed_checker.timed_stops(self._journal, injected_at))
        deeds["stops acknowledged"] = sum(stop.acknowledged for stop in self._journal.stops)

    async def _end_streams(self) -> None:
        rules, streams = self._platform.workspace.rules, self._platform.workspace.streams
        while True:
            await asyncio.sleep(ENDS_EVERY_S)
            if not self._ends_streams:
                continue
            usual = rules.stream_lifetime_s
            rules.stream_lifetime_s = STREAM_LIFE_S
            self._journal.deeds["streams ended by Slack"] += streams.expire()
            rules.stream_lifetime_s = usual

    async def close(self) -> None:
        """Stop stopping and judging."""
        await self.people.close()
        await self._voters.close()
