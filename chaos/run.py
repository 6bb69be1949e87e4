"""One run: start everything, let clients write under fault injection, drain, check."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from chaos import ledger
from chaos.bot_client import BotClient
from chaos.checker import CheckResult, check, suspects
from chaos.clients import ClientPool
from chaos.cluster import Cluster, StandIns, running_cluster
from chaos.injections import FaultInjector, Injection, InjectionKind
from chaos.journal import Journal
from chaos.kakao_clients import KakaoClients
from chaos.slack_clients import SlackClients, channels_with_the_bot
from fakes.engine_server import engine_server
from fakes.faults import Fault
from fakes.kakao import KakaoPlatform, kakao_platform
from fakes.slack import SlackPlatform, slack_platform

TOKEN_S = 0.05
#: Messages of a conversation at most, and their average distance.
MAX_PER_CONVERSATION, DISTANCE_S = 25, 5.0
#: Where messages are merged: the share of messages that follow another one closely.
SHARE_IN_BURSTS = 0.4
#: The platforms' faults, in a hundred requests.
PLATFORM_FAULTS: dict[Fault | None, int] = {
    None: 88,
    Fault.SLOW: 3,
    Fault.RATE_LIMITED: 4,
    Fault.SERVER_ERROR: 1,
    Fault.CUT: 1,
    Fault.DROPPED: 1,
    Fault.TIME_OUT: 2,
}
MAX_DRAIN_S = 300.0
#: Longer than any retry, lease or claim of a dead process, and than two look-ups of one answer.
QUIET_S = 100.0
_MAX_ACCOUNTS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a run."""

    seed: int
    messages: int
    seconds: float
    every_s: float  #: average distance of two injections
    merge_s: float = 0.0  #: messages at this distance are answered together
    previous_version: Path | None = None  #: a checkout that a bot and a worker run
    kinds: tuple[InjectionKind, ...] = tuple(InjectionKind)

    @property
    def conversations(self) -> list[str]:
        """Names of the conversations: k... on Kakao and s... on Slack, half of each."""
        concurrent = self.messages * DISTANCE_S / self.seconds
        count = max(8, self.messages // MAX_PER_CONVERSATION, round(concurrent))
        return [f"{'ks'[number % 2]}{number}" for number in range(count)]

    def rng(self, stream: str) -> random.Random:
        """A random stream of its own. Another name gives every seed another run."""
        return random.Random(f"{self.seed} {stream}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a run."""

    check: CheckResult
    accounts: dict[str, str]  #: of the offenders among the messages
    injections: list[Injection]
    recovery_s: dict[InjectionKind, list[float]]
    faults: Counter[str]  #: of the platforms
    unexpected_exits: int
    longest_pause_s: float  #: of the driver, for lack of a processor
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that runs during a run."""

    cluster: Cluster
    clients: ClientPool
    kakao: KakaoPlatform
    slack: SlackPlatform

    def stop_platform_faults(self) -> None:
        """From now on the platforms do not fail."""
        self.kakao.faults.forget()
        self.slack.faults.forget()
        self.slack.history_faults.forget()


async def run(plan: Plan, folder: Path, say: Say) -> Result:
    """Do one run. Raises CannotStart and TimeoutError where the driver itself fails."""
    began = time.monotonic()
    journal = Journal()
    async with _running_world(plan, folder, journal) as world:
        say(f"up after {time.monotonic() - began:.1f} s; {plan.messages} messages to send")
        injector = FaultInjector(world.cluster, plan.rng("injections"), plan.kinds)
        background = (
            world.clients.watch(world.kakao, world.slack),
            world.cluster.restart_exited(),
            _report_progress(journal, injector, say),
        )
        async with _in_background(*background):
            await _send_and_drain(plan, world, injector, journal, say)
        found, accounts = await _check(plan, world.cluster, journal, injector.injections)
    return Result(
        check=found,
        accounts=accounts,
        injections=injector.injections,
        recovery_s=_recoveries(journal, injector.injections),
        faults=journal.faults,
        unexpected_exits=world.cluster.unexpected_exits,
        longest_pause_s=world.clients.longest_pause_s,
        took_s=time.monotonic() - began,
    )


@asynccontextmanager
async def _in_background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _running_world(plan: Plan, folder: Path, journal: Journal) -> AsyncIterator[World]:
    async with (
        kakao_platform() as kakao,
        slack_platform() as slack,
        engine_server(reply=journal.reply, delay_per_token_s=TOKEN_S) as engine,
        ClientSession(connector=TCPConnector(limit=0, force_close=True)) as http,
        running_cluster(
            folder,
            StandIns(kakao.origin, slack.origin, engine.url),
            merge_s=plan.merge_s,
            previous_version=plan.previous_version,
        ) as cluster,
    ):
        slack.channels.join(*channels_with_the_bot())
        _schedule_faults(plan, kakao, slack)
        rng = plan.rng("clients")
        bots = BotClient(cluster, http, journal, rng)
        on_kakao = KakaoClients(journal, bots, kakao, rng)
        clients = ClientPool(journal, on_kakao, SlackClients(journal, bots, slack))
        yield World(cluster=cluster, clients=clients, kakao=kakao, slack=slack)


def _schedule_faults(plan: Plan, kakao: KakaoPlatform, slack: SlackPlatform) -> None:
    rng = plan.rng("platform faults")
    kinds, weights = list(PLATFORM_FAULTS), list(PLATFORM_FAULTS.values())
    for faults in (kakao.faults, slack.faults, slack.history_faults):
        faults.once(*rng.choices(kinds, weights, k=plan.messages * 2))


async def _send_and_drain(
    plan: Plan, world: World, injector: FaultInjector, journal: Journal, say: Say
) -> None:
    try:
        await _send(plan, world.clients, injector)
        world.stop_platform_faults()
        await injector.wait_until_recovered()
        say("all sent, all faults over; draining")
        await _drain(journal)
    finally:
        await world.clients.close()


async def _send(plan: Plan, clients: ClientPool, injector: FaultInjector) -> None:
    start = time.monotonic() + 0.5
    injecting = asyncio.create_task(injector.inject(start, plan.seconds, plan.every_s))
    times = _send_times(plan, start)
    async with asyncio.timeout(plan.seconds * 2 + 120):
        await asyncio.gather(*(clients.write(name, sorted(at)) for name, at in times.items()))
    await injecting


def _send_times(plan: Plan, start: float) -> dict[str, list[float]]:
    """When each conversation's messages are due."""
    rng = plan.rng("send times")
    conversations = plan.conversations
    times: dict[str, list[float]] = {name: [] for name in conversations}
    for _ in range(plan.messages):
        name = rng.choice(conversations)
        if times[name] and rng.random() < SHARE_IN_BURSTS * bool(plan.merge_s):
            times[name].append(times[name][-1] + rng.random() * plan.merge_s)
        else:
            times[name].append(start + rng.random() * plan.seconds)
    return times


async def _drain(journal: Journal) -> None:
    """Wait until no message is pending, nothing changes any more, or the time is over."""
    began = changed_at = time.monotonic()
    before = -1
    while time.monotonic() - began < MAX_DRAIN_S:
        pending = sum(message.is_pending for message in journal.messages.values())
        if pending != before:
            before, changed_at = pending, time.monotonic()
        if time.monotonic() - changed_at > (QUIET_S if pending else 3.0):
            return
        await asyncio.sleep(0.2)


async def _report_progress(journal: Journal, injector: FaultInjector, say: Say) -> None:
    while True:
        await asyncio.sleep(15)
        messages = journal.messages.values()
        ended = sum(message.ended for message in messages)
        pending = sum(message.is_pending for message in messages)
        injected = len(injector.injections)
        say(f"{len(messages)} sent, {ended} ended, {pending} pending, {injected} injections")


async def _check(
    plan: Plan, cluster: Cluster, journal: Journal, injections: list[Injection]
) -> tuple[CheckResult, dict[str, str]]:
    suspected = suspects(journal, _kills(plan, injections))
    died_in_hand = await ledger.died_in_hand(cluster.database_url, suspected)
    found = check(journal, died_in_hand)
    return found, await _accounts(cluster, journal, found)


def _kills(plan: Plan, injections: list[Injection]) -> list[float]:
    """When a bot lost the deliveries that it had claimed.

    Also when Postgres restarts, if the previous version takes part: it does not release claims
    whose commit was ambiguous.
    """
    restarts = [InjectionKind.RESTART_POSTGRES] if plan.previous_version else []
    fatal = (InjectionKind.KILL_BOT, *restarts)
    return [injection.at for injection in injections if injection.kind in fatal]


async def _accounts(cluster: Cluster, journal: Journal, found: CheckResult) -> dict[str, str]:
    """What clients and tables say about each message that speaks against the product."""
    names = [name for name in found.offenders if name in journal.messages][:_MAX_ACCOUNTS]
    inside = await ledger.accounts(cluster.database_url, names) if names else {}
    return {
        name: f"{journal.account(name)} | {inside.get(name, 'not in the log')}" for name in names
    }


def _recoveries(journal: Journal, injections: list[Injection]) -> dict[InjectionKind, list[float]]:
    """Seconds from each injection to the first answer to a message sent after it."""
    found: dict[InjectionKind, list[float]] = {kind: [] for kind in InjectionKind}
    answered = [
        (message.sent_at, message.shown[0].at)
        for message in journal.messages.values()
        if message.shown
    ]
    for injection in injections:
        after = [shown for sent, shown in answered if sent > injection.at]
        if after:
            found[injection.kind].append(min(after) - injection.at)
    return found
