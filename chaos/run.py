"""One run: start everything, let clients write under fault injection, drain, check."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos import ledger, merge_checker
from chaos.background import BackgroundBatch
from chaos.checker import CheckResult, check, suspects, without_callback
from chaos.clients import ClientPool
from chaos.cluster import Cluster
from chaos.injections import FaultInjector, Injection, InjectionKind
from chaos.journal import Journal
from chaos.ledger import LedgerFindings
from chaos.plan import Plan
from chaos.world import World, running_world
from runtime.tasks import cancel_and_wait

MAX_DRAIN_S = 300.0
#: Longer than any retry, lease or claim of a dead process, and than two look-ups of one answer.
QUIET_S = 100.0
#: Where no message is pending.
END_S = 3.0
_MAX_ACCOUNTS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a run."""

    check: CheckResult
    accounts: dict[str, str]  #: of the offenders among the messages
    injections: list[Injection]
    recovery_s: dict[InjectionKind, list[float]]
    faults: Counter[str]  #: of the platforms
    deeds: Counter[str]  #: what people did in Slack's rooms, and how answers came there
    unexpected_exits: int
    longest_pause_s: float  #: of the driver, for lack of a processor
    took_s: float


async def run(plan: Plan, folder: Path, say: Say) -> Result:
    """Do one run. Raises CannotStart and TimeoutError where the driver itself fails."""
    began = time.monotonic()
    journal = Journal()
    async with running_world(plan, folder, journal) as world:
        batch = BackgroundBatch(world.cluster.database_url, plan.background_jobs)
        await batch.put()
        say(f"up after {time.monotonic() - began:.1f} s; {plan.messages} messages to send")
        injector = FaultInjector(world.cluster, plan.rng("injections"), plan.kinds)
        background = (
            world.clients.watch(world.platforms),
            world.cluster.restart_exited(),
            world.rooms.watch(),
            _report_progress(journal, injector, say),
        )
        async with _in_background(*background):
            await _send_and_drain(plan, world, injector, journal, say)
        found, accounts = await _check(plan, world, journal, injector.injections)
        found.unrun = await batch.broken()
    return Result(
        check=found,
        accounts=accounts,
        injections=injector.injections,
        recovery_s=_recoveries(journal, injector.injections),
        faults=journal.faults,
        deeds=journal.deeds,
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


async def _send_and_drain(
    plan: Plan, world: World, injector: FaultInjector, journal: Journal, say: Say
) -> None:
    try:
        await _send(plan, world.clients, injector)
        world.platforms.stop_faults()
        world.rooms.stop_ending_streams()
        await injector.wait_until_recovered()
        say("all sent, all faults over; draining")
        await _drain(plan, world.cluster, journal)
        await world.clients.finish_deeds()
        await world.rooms.wait_for_log(QUIET_S)
    finally:
        await world.clients.close()


async def _send(plan: Plan, clients: ClientPool, injector: FaultInjector) -> None:
    start = time.monotonic() + 0.5
    injecting = asyncio.create_task(injector.inject(start, plan.seconds, plan.every_s))
    times = plan.send_times(start)
    writing = [asyncio.create_task(clients.write(name, sorted(at))) for name, at in times.items()]
    try:
        async with asyncio.timeout(plan.seconds * 2 + 120):
            done, _ = await asyncio.wait(writing, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        # A cancellation that meets aiohttp's own time-out is lost: a task would write on.
        await cancel_and_wait(*writing)
    await injecting


async def _drain(plan: Plan, cluster: Cluster, journal: Journal) -> None:
    """Wait until no message is pending, nothing changes any more, or the time is over."""
    began = changed_at = time.monotonic()
    before = -1
    given_up: frozenset[str] = frozenset()
    while time.monotonic() - began < MAX_DRAIN_S:
        messages = journal.messages.values()
        pending = len({message.id for message in messages if message.is_pending} - given_up)
        if pending != before:
            before, changed_at = pending, time.monotonic()
        idle_s = time.monotonic() - changed_at
        if idle_s > (QUIET_S if pending else END_S):
            return
        if pending and idle_s > END_S:
            given_up = await _claimed_before(plan, cluster, journal)
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
    plan: Plan, world: World, journal: Journal, injections: list[Injection]
) -> tuple[CheckResult, dict[str, str]]:
    cluster = world.cluster
    suspected = suspects(journal, _kills(plan, injections))
    findings = LedgerFindings(
        died_in_hand=await ledger.died_in_hand(cluster.database_url, suspected),
        claimed_before=await _claimed_before(plan, cluster, journal),
        merges=await ledger.merges(cluster.database_url, merge_checker.unasked(journal)),
    )
    found = check(journal, findings)
    await world.rooms.check(found, [injection.at for injection in injections])
    return found, await _accounts(world, journal, found)


async def _claimed_before(plan: Plan, cluster: Cluster, journal: Journal) -> frozenset[str]:
    """The callbacks that the previous version claimed, whose bot lacks their messenger."""
    claimed = without_callback(journal) if plan.previous_version else set()
    return await ledger.claimed_before(cluster.database_url, claimed)


def _kills(plan: Plan, injections: list[Injection]) -> list[float]:
    """When a bot lost the deliveries that it had claimed.

    Also when Postgres restarts, if the previous version takes part: it does not release claims
    whose commit was ambiguous.
    """
    restarts = [InjectionKind.RESTART_POSTGRES] if plan.previous_version else []
    fatal = (InjectionKind.KILL_BOT, *restarts)
    return [injection.at for injection in injections if injection.kind in fatal]


async def _accounts(world: World, journal: Journal, found: CheckResult) -> dict[str, str]:
    """What clients and tables say about each message that speaks against the product."""
    names = [name for name in found.offenders if name in journal.messages][:_MAX_ACCOUNTS]
    inside = await ledger.accounts(world.cluster.database_url, names) if names else {}
    told = {name: [journal.account(name), inside.get(name, "not in the log")] for name in names}
    return {
        name: " | ".join([*parts, *filter(None, [world.rooms.account(name)])])
        for name, parts in told.items()
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
