"""Answers that are written before people's eyes, in Slack's direct messages.

A real bot and a real worker; the engine, with a fixed rate of tokens, and Slack, with its rate
limits, are in this process. The time to the first visible text counts from the engine's first
token.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientSession, TCPConnector

from benchmarks.figures import Figure, percentile, say
from benchmarks.letters import tokens
from benchmarks.slack_rig import Answer, SlackRig, running_slack_rig
from benchmarks.stack import (
    Served,
    rss_mib,
    running_bot,
    running_stores,
    running_worker,
    slack_settings,
    until_ready,
)
from benchmarks.stand_ins import END
from bot.messengers.slack.blocks import defused
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from bot.text.catalog import TEXTS

WORKSPACES = 25
#: Streams that a workspace of Slack starts in a minute.
STARTS = 20
FIRST_GOALS = {50: 0.7, 99: 1.5}
STATUS_GOAL_S = 1.0
MEMORY_GOAL_KIB = 64
#: Stands below each answer.
NOTICE = TEXTS["ko"].ai_notice
#: Answers of so many tokens, to so many people at once, in pieces of so many: 4,000 tokens a second
#: are half of what a worker on one core reads.
LETTERS_EACH, LETTERS_PEOPLE, LETTERS_A_PIECE = 2000, 50, 20


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    at_once: tuple[tuple[int, int], ...] = ((1, 5), (20, 2), (100, 1))  #: answers, rounds
    many: int = WORKSPACES * STARTS
    crowd: int = 40  #: people of one workspace
    slow: int = 100  #: people of the workspace whose calls take long
    letters: int = 1_000_000  #: tokens of letters that break easily


async def bench(size: Size) -> list[Figure]:
    """First texts, then many streams at once, a crowded workspace, and a slow one."""
    async with (
        running_slack_rig() as rig,
        running_stores() as stores,
        running_bot(stores, rig.origin, **slack_settings(rig.origin)) as bot,
        running_worker(stores, rig.origin, slots=1024),
        ClientSession(connector=TCPConnector(limit=64)) as http,
    ):
        await until_ready(bot)
        streams = Streams(rig, bot, http)
        await streams.ask(100)  # compiles statements, fills pools
        figures = []
        for count, rounds in size.at_once:
            figures += await streams.first_texts(count, rounds)
        figures += await streams.many(size.many)
        figures += await streams.crowded(size.crowd)
        figures += await streams.beside_a_slow_workspace(size.slow)
        figures += await streams.broken_letters(size.letters)
        return figures


class Streams:
    """Questions at once, and what was seen of their answers."""

    def __init__(self, rig: SlackRig, bot: Served, http: ClientSession) -> None:
        self._rig = rig
        self._bot = bot
        self._http = http
        self._numbers = itertools.count(1)
        self._teams = itertools.count(1)

    async def ask(
        self, count: int, workspaces: Sequence[SimulatedWorkspace] | None = None
    ) -> list[Answer]:
        """Ask ``count`` questions at once; the answers, once all are whole."""
        answers = await self.begin(count, workspaces or self.workspaces())
        await self.until_whole(answers)
        return answers

    def workspaces(self, count: int = WORKSPACES) -> list[SimulatedWorkspace]:
        """New workspaces, which have not used any of their limits."""
        return [self._rig.workspace(f"T{next(self._teams):04}") for _ in range(count)]

    async def begin(self, count: int, workspaces: Sequence[SimulatedWorkspace]) -> list[Answer]:
        """Ask ``count`` questions at once."""
        numbers = list(itertools.islice(self._numbers, count))
        places = itertools.cycle(workspaces)
        asks = [self._rig.ask(self._http, self._bot.url, next(places), n) for n in numbers]
        await asyncio.gather(*asks)
        return [self._rig.answers[number] for number in numbers]

    async def until_whole(self, answers: Sequence[Answer], within_s: float = 120.0) -> None:
        """Wait until everybody sees the whole answer once; raises RuntimeError."""
        for _ in range(int(within_s / 0.1)):
            if all(answer.is_whole for answer in answers):
                return
            await asyncio.sleep(0.1)
        lost = [answer for answer in answers if not answer.is_whole]
        raise RuntimeError(f"{len(lost)} of {len(answers)} are not whole: {lost[:3]}")

    async def first_texts(self, count: int, rounds: int) -> list[Figure]:
        """The first visible text, and the status."""
        seen = [answer for _ in range(rounds) for answer in await self.ask(count)]
        return _waits(f"streams.{count}", seen)

    async def many(self, count: int) -> list[Figure]:
        """Memory with many streams at once, and what they see."""
        # A worker on one core writes no more: 500 tokens a second.
        self._rig.pieces, self._rig.piece_s = 30, 1.0
        before = rss_mib(self._bot.process)
        answers = await self.begin(count, self.workspaces())
        most = before
        whole = asyncio.create_task(self.until_whole(answers))
        while not whole.done():
            most = max(most, rss_mib(self._bot.process))
            await asyncio.sleep(0.2)
        whole.result()
        self._rig.pieces, self._rig.piece_s = 20, 0.25
        grown_kib = (most - before) * 1024 / count
        streamed = sum(answer.streamed for answer in answers)
        say(f"streams: {streamed} of {count} streamed, {before:.1f} to {most:.1f} MiB")
        name = f"streams.{count}"
        return [
            *_waits(name, answers),
            Figure(f"{name}.streamed", streamed / count * 100, "%"),
            _against(f"{name}.memory", grown_kib, "KiB/stream", MEMORY_GOAL_KIB),
        ]

    async def crowded(self, count: int) -> list[Figure]:
        """One workspace with more streams than it may start: the others get one post each."""
        answers = await self.ask(count, self.workspaces(1))
        streamed = sum(answer.streamed for answer in answers)
        say(f"streams: {streamed} of {count} of one workspace streamed, all are whole")
        return [Figure("streams.crowded.streamed", streamed, "answers", f"{STARTS} may", None)]

    async def beside_a_slow_workspace(self, count: int) -> list[Figure]:
        """Others' first texts with and without a workspace whose calls take four seconds."""
        alone = await self.ask(100)
        slow = self.workspaces(1)
        self._rig.slow_s[slow[0].team_id] = 4.0
        slowed = await self.begin(count, slow)
        beside = await self.ask(100)
        self._rig.slow_s.clear()
        await self.until_whole(slowed)
        waits = [_first_s(alone), _first_s(beside)]
        without, with_it = (percentile(each, 99) for each in waits)
        say(f"streams: p99 {without:.2f} s alone, {with_it:.2f} s beside a slow workspace")
        label = "without the slow workspace; goal 1.5"
        return [Figure("streams.beside_slow.p99", with_it, "s", label, with_it / without)]

    async def broken_letters(self, count: int) -> list[Figure]:
        """Letters that were lost, changed or broken on their way to the screen, at any time."""
        rig = self._rig
        rig.tokens = functools.partial(tokens, count=LETTERS_EACH)
        rig.tokens_a_piece, rig.keeps_versions = LETTERS_A_PIECE, True
        broken = versions = 0
        for _ in range(max(count // (LETTERS_EACH * LETTERS_PEOPLE), 1)):
            for answer in await self.ask(LETTERS_PEOPLE):
                versions += len(answer.versions)
                broken += self._broken(answer)
        say(f"streams: {versions} texts were seen of {count} tokens")
        return [Figure(f"streams.broken_of_{count}_tokens", broken, "texts", "goal 0")]

    def _broken(self, answer: Answer) -> int:
        """How many of the texts that were seen are no beginning of what the model wrote."""
        source = defused("".join(self._rig.tokens(answer.number))) + END
        *growing, whole = answer.versions
        broken = sum(not source.startswith(seen) for seen in growing)
        return broken + (whole.removesuffix(f"\n{NOTICE}") != source)


def _waits(name: str, answers: Sequence[Answer]) -> list[Figure]:
    first, status = _first_s(answers), [a.status - a.asked for a in answers if a.status]
    return [
        *(
            _against(f"{name}.first_text.p{percent}", percentile(first, percent), "s", goal_s)
            for percent, goal_s in FIRST_GOALS.items()
        ),
        _against(f"{name}.status.p99", percentile(status, 99), "s", STATUS_GOAL_S),
        Figure(f"{name}.status.shown", len(status) / len(answers) * 100, "%"),
    ]


def _first_s(answers: Sequence[Answer]) -> list[float]:
    return [answer.shown - answer.token for answer in answers if answer.streamed]


def _against(name: str, value: float, unit: str, goal: float) -> Figure:
    return Figure(name, value, unit, f"the goal, {goal:g} {unit}", value / goal)
