"""One run: start everything, let people write while it burns, let it drain, count."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, TCPConnector

from chaos import ledger
from chaos.checker import Verdict, judge, suspects
from chaos.clients import Crowd, channels_with_the_bot
from chaos.cluster import Cluster, World, running_cluster
from chaos.disasters import Blow, Disaster, Disasters
from chaos.journal import Journal
from fakes.engine_server import engine_server
from fakes.faults import Fault
from fakes.kakao import kakao_platform
from fakes.slack import slack_platform

TOKEN_S = 0.05
#: A person's messages: so many at most, and so far apart on average.
PER_CONVERSATION, APART_S = 25, 5.0
#: Of the messages, where they are merged: those that follow another one closely.
SHARE_IN_BURSTS = 0.4
#: How the platforms fail, in a hundred requests.
FAULTS: dict[Fault | None, int] = {
    None: 88,
    Fault.SLOW: 3,
    Fault.RATE_LIMITED: 4,
    Fault.SERVER_ERROR: 1,
    Fault.CUT: 1,
    Fault.DROPPED: 1,
    Fault.TIME_OUT: 2,
}
DRAIN_S = 300.0
#: Longer than any retry, lease or claim of a dead process lasts, and two traces of one answer.
RECONCILE_DELAY_S = 100.0
#: Messages that are told of at most.
_ACCOUNTS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of a run."""

    seed: int
    messages: int
    seconds: float
    every_s: float  #: between two disasters, on average
    merge_s: float = 0.0  #: messages sent so close to each other are answered together
    beside: Path | None = None  #: the checkout of another version that takes part
    kinds: tuple[Disaster, ...] = tuple(Disaster)  #: what happens

    @property
    def conversations(self) -> list[str]:
        """Half of them on Kakao, half on Slack."""
        apart = self.messages * APART_S / self.seconds
        count = max(8, self.messages // PER_CONVERSATION, round(apart))
        return [f"{'ks'[number % 2]}{number}" for number in range(count)]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run showed."""

    verdict: Verdict
    accounts: dict[str, str]  #: of the offenders among the messages
    blows: list[Blow]
    recovery_s: dict[Disaster, list[float]]
    faults: Counter[str]  #: of the platforms
    fell_by_themselves: int
    longest_pause_s: float  #: of the people and platforms: the driver had no processor
    took_s: float


def dice(plan: Plan, subject: str) -> random.Random:
    """Each subject's own dice, so that one does not disturb the other."""
    return random.Random(f"{plan.seed} {subject}")


async def run(plan: Plan, folder: Path, say: Say) -> Result:
    """Do it all. Raises CannotStart and TimeoutError where the driver itself fails."""
    began = time.monotonic()
    journal = Journal()
    async with _world(plan, folder, journal) as (cluster, crowd):
        say(f"up after {time.monotonic() - began:.1f} s; {plan.messages} messages to send")
        disasters = Disasters(cluster, dice(plan, "disasters"), plan.kinds)
        watching = asyncio.create_task(crowd.watch())
        keeping = asyncio.create_task(cluster.keep())
        telling = asyncio.create_task(_tell(journal, disasters, say))
        try:
            await _send(plan, crowd, disasters)
            crowd.calm()
            await disasters.over()
            say("all sent, all faults over; draining")
            await _drain(journal)
        finally:
            for task in (watching, keeping, telling):
                task.cancel()
            await asyncio.gather(watching, keeping, telling, return_exceptions=True)
            await crowd.close()
        suspected = suspects(journal, _kills(plan, disasters.blows))
        killed = await ledger.died_in_hand(cluster.database_url, suspected)
        verdict = judge(journal, killed)
        known = await _accounts(cluster, journal, verdict)
    return Result(
        verdict,
        known,
        disasters.blows,
        _recoveries(journal, disasters.blows),
        journal.faults,
        cluster.fell_by_themselves,
        crowd.longest_pause_s,
        time.monotonic() - began,
    )


@asynccontextmanager
async def _world(
    plan: Plan, folder: Path, journal: Journal
) -> AsyncIterator[tuple[Cluster, Crowd]]:
    fate = dice(plan, "platforms")
    async with (
        kakao_platform() as kakao,
        slack_platform() as slack,
        engine_server(reply=journal.reply, delay_per_token_s=TOKEN_S) as engine,
        ClientSession(connector=TCPConnector(limit=0, force_close=True)) as http,
        running_cluster(
            folder,
            World(kakao.origin, slack.origin, engine.url),
            merge_s=plan.merge_s,
            beside=plan.beside,
        ) as cluster,
    ):
        slack.join(*channels_with_the_bot())
        for faults in (kakao.faults, slack.faults, slack.history_faults):
            fates = fate.choices(list(FAULTS), list(FAULTS.values()), k=plan.messages * 2)
            faults.once(*fates)
        yield cluster, Crowd(journal, cluster, kakao, slack, http, dice(plan, "people"))


async def _send(plan: Plan, crowd: Crowd, disasters: Disasters) -> None:
    start = time.monotonic() + 0.5
    raging = asyncio.create_task(disasters.rage(start, plan.seconds, plan.every_s))
    times: dict[str, list[float]] = {name: [] for name in plan.conversations}
    for _ in range(plan.messages):
        name = crowd.dice.choice(plan.conversations)
        if times[name] and crowd.dice.random() < SHARE_IN_BURSTS * bool(plan.merge_s):
            times[name].append(times[name][-1] + crowd.dice.random() * plan.merge_s)
        else:
            times[name].append(start + crowd.dice.random() * plan.seconds)
    async with asyncio.timeout(plan.seconds * 2 + 120):
        await asyncio.gather(*(crowd.write(name, sorted(at)) for name, at in times.items()))
    await raging


async def _drain(journal: Journal) -> None:
    """Until nobody waits, nothing more happens, or the time is over."""
    began = quiet_since = time.monotonic()
    before = -1
    while time.monotonic() - began < DRAIN_S:
        waiting = sum(message.waits for message in journal.messages.values())
        if waiting != before:
            before, quiet_since = waiting, time.monotonic()
        if time.monotonic() - quiet_since > (RECONCILE_DELAY_S if waiting else 3.0):
            return
        await asyncio.sleep(0.2)


async def _tell(journal: Journal, disasters: Disasters, say: Say) -> None:
    while True:
        await asyncio.sleep(15)
        messages = journal.messages.values()
        ended = sum(message.ended for message in messages)
        waiting = sum(message.waits for message in messages)
        blows = len(disasters.blows)
        say(f"{len(messages)} sent, {ended} ended, {waiting} waiting, {blows} disasters")


def _kills(plan: Plan, blows: list[Blow]) -> list[float]:
    """When a bot lost what it had in its hands.

    With Postgres too where the version before takes part: it does not give back what it claimed.
    """
    fatal = (Disaster.KILL_BOT, *([Disaster.RESTART_POSTGRES] if plan.beside else []))
    return [blow.at for blow in blows if blow.kind in fatal]


async def _accounts(cluster: Cluster, journal: Journal, verdict: Verdict) -> dict[str, str]:
    """What people and tables know of each message that speaks against the product."""
    names = [name for name in verdict.offenders if name in journal.messages][:_ACCOUNTS]
    inside = await ledger.accounts(cluster.database_url, names) if names else {}
    return {
        name: f"{journal.account(name)} | {inside.get(name, 'not in the log')}" for name in names
    }


def _recoveries(journal: Journal, blows: list[Blow]) -> dict[Disaster, list[float]]:
    """Seconds from each disaster to the first answer to a message sent after it."""
    found: dict[Disaster, list[float]] = {kind: [] for kind in Disaster}
    answered = [
        (message.sent_at, message.shown[0].at)
        for message in journal.messages.values()
        if message.shown
    ]
    for blow in blows:
        after = [shown for sent, shown in answered if sent > blow.at]
        if after:
            found[blow.kind].append(min(after) - blow.at)
    return found
