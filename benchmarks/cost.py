"""CPU milliseconds a message of every process, beside bots by hand in the same run.

One keeps all in memory. The other one commits what a bot must know after a crash to answer each
message once, and nothing else: what it costs more is the least price of that guarantee.

The engine and the platforms answer at once, so that the product's own work remains. Blocks of both
bots follow each other, and CPU time hardly depends on what else runs on the machine.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, TCPConnector

from benchmarks.figures import Figure, median, say
from benchmarks.idle import shares_of_a_core, used_s
from benchmarks.load import Load
from benchmarks.overhead import until_posted
from benchmarks.slack_rig import SlackRig, running_slack_rig
from benchmarks.stack import (
    Served,
    Stores,
    fire,
    running_bot,
    running_minimal_bot,
    running_stores,
    running_worker,
    slack_settings,
    until_ready,
)
from benchmarks.stand_ins import StandIns, running_stand_ins
from onebox.embedded_servers import postgres_process
from onebox.supervisor import SupervisedProcess

#: The loads by what is measured.
POSTED = {"command": "slack_crowd", "callback": "kakao_crowd"}
STREAM = "stream"
#: Every skill request is answered by its callback, however soon the answer is there.
CALLS_BACK = {"kakao_sync_budget_s": "0"}
GOAL = "of the bot by hand; goal 2.5"
KEPT = "of the bot by hand: the least price of a guarantee"
IDLE_GOAL = "of a core; goal 2"
#: Answers of one workspace in a block of streams: its limits leave each several pieces.
ANSWERS_A_WORKSPACE = 5
#: What follows an answer's arrival: its records.
SETTLING_S = 0.5

#: CPU milliseconds a message, by process.
Costs = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The amount of work."""

    kinds: tuple[str, ...] = (*POSTED, STREAM)
    rates: tuple[int, ...] = (10, 40, 80)  #: messages a second
    rounds: int = 3
    seconds: float = 8.0  #: of a block
    warm_up_s: float = 5.0
    settling_s: float = 15.0  #: before the idle time
    idle_s: float = 45.0


@dataclass(frozen=True, slots=True)
class Side:
    """The product, or a bot by hand."""

    name: str
    served: Served
    processes: Mapping[str, SupervisedProcess]


async def bench(size: Size) -> list[Figure]:
    """Commands and callbacks by their URLs, streams by the Web API, and nobody at all."""
    figures: list[Figure] = []
    if kinds := [kind for kind in size.kinds if kind in POSTED]:
        async with running_stand_ins() as stand_ins, _sides(stand_ins.origin, CALLS_BACK) as sides:
            for kind in kinds:
                figures += await _measured(kind, size, sides, Posts(stand_ins, POSTED[kind]))
            figures += await _idle(size, sides)
    if STREAM in size.kinds:
        async with (
            running_slack_rig() as rig,
            _sides(rig.origin, slack_settings(rig.origin)) as sides,
            ClientSession(connector=TCPConnector(limit=64)) as http,
        ):
            figures += await _measured(STREAM, size, sides, Streams(rig, http))
    return figures


class Posts:
    """Messages whose answers are posted to a URL of each."""

    def __init__(self, stand_ins: StandIns, kind: str) -> None:
        self._stand_ins = stand_ins
        self._kind = kind
        self._blocks = itertools.count()

    async def send(self, side: Side, rate: int, seconds: float) -> int:
        """Send a block's messages, until all are answered; how many they were."""
        self._stand_ins.forget()
        load = Load(
            port=side.served.port,
            kind=self._kind,
            run=f"{side.name}{next(self._blocks)}x",
            origin=self._stand_ins.origin,
            clients=16,
            seconds=seconds,
            rate=rate,
        )
        answered = (await fire(load)).answered
        await until_posted(self._stand_ins, answered)
        return answered


class Streams:
    """Direct messages of Slack whose answers grow before people's eyes."""

    def __init__(self, rig: SlackRig, http: ClientSession) -> None:
        rig.pieces, rig.piece_s = 8, 0.25
        self._rig = rig
        self._http = http
        self._numbers = itertools.count(1)
        self._teams = itertools.count(1)

    async def send(self, side: Side, rate: int, seconds: float) -> int:
        """Send a block's messages, until all are answered; how many they were."""
        count = max(int(rate * seconds), 1)
        numbers = list(itertools.islice(self._numbers, count))
        teams = itertools.islice(self._teams, -(-count // ANSWERS_A_WORKSPACE))
        places = itertools.cycle([self._rig.workspace(f"T{team:05}") for team in teams])
        asks = []
        for number in numbers:
            asking = self._rig.ask(self._http, side.served.url, next(places), number)
            asks.append(asyncio.create_task(asking))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*asks)
        async with asyncio.timeout(60):
            for number in numbers:
                while not self._rig.answers[number].is_whole:  # noqa: ASYNC110 - costs nothing
                    await asyncio.sleep(0.1)
        streamed = sum(self._rig.answers.pop(number).streamed for number in numbers)
        say(f"  {side.name}: {streamed} of {count} streamed")
        return count


@asynccontextmanager
async def _sides(origin: str, settings: Mapping[str, str]) -> AsyncIterator[list[Side]]:
    """The product and the bots by hand, side by side on the same stand-ins."""
    async with (
        running_stores() as stores,
        running_bot(stores, origin, **settings) as bot,
        running_worker(stores, origin, slots=512) as worker,
        running_minimal_bot(stores.folder, origin) as minimal,
        postgres_process(stores.folder / "keeping") as own,
        running_minimal_bot(stores.folder, origin, own.url) as keeping,
    ):
        await until_ready(bot)
        yield [
            Side("product", bot, _of_product(stores, bot, worker)),
            Side("minimal", minimal, {"minimal": minimal.process}),
            Side("keeping", keeping, {"keeping": keeping.process, "its_postgres": own.process}),
        ]


def _of_product(
    stores: Stores, bot: Served, worker: SupervisedProcess
) -> dict[str, SupervisedProcess]:
    return {
        "bot": bot.process,
        "worker": worker,
        "postgres": stores.postgres.process,
        "valkey": stores.valkey.process,
    }


async def _measured(
    kind: str, size: Size, sides: Sequence[Side], traffic: Posts | Streams
) -> list[Figure]:
    """The figures of one kind of message, at each rate."""
    for side in sides:  # statements are compiled, pools filled, modules loaded
        await _block(side, traffic, min(size.rates), size.warm_up_s)
    figures = []
    for rate in size.rates:
        blocks: dict[str, list[Costs]] = {side.name: [] for side in sides}
        try:
            for _ in range(size.rounds):
                for side in sides:
                    blocks[side.name].append(await _block(side, traffic, rate, size.seconds))
        except (ClientError, TimeoutError) as error:
            say(f"{kind}: the machine does not carry {rate} a second ({type(error).__name__})")
            break
        figures += _figures(f"cost.{kind}.{rate}", blocks)
    return figures


async def _block(side: Side, traffic: Posts | Streams, rate: int, seconds: float) -> Costs:
    before = {name: used_s(process) for name, process in side.processes.items()}
    answered = await traffic.send(side, rate, seconds)
    await asyncio.sleep(SETTLING_S)
    return {
        name: 1000 * (used_s(process) - before[name]) / max(answered, 1)
        for name, process in side.processes.items()
    }


def _figures(name: str, blocks: Mapping[str, Sequence[Costs]]) -> list[Figure]:
    """All processes together beside the bot by hand, then each alone, and the bot that keeps."""
    every, minimal, keeping = (
        median([sum(costs.values()) for costs in blocks[side]])
        for side in ("product", "minimal", "keeping")
    )
    parts = [
        Figure(f"{name}.{part}", median([costs[part] for costs in blocks["product"]]), "ms CPU")
        for part in blocks["product"][0]
    ]
    return [
        Figure(name, every, "ms CPU", GOAL, every / minimal if minimal else None),
        *parts,
        Figure(f"{name}.minimal", minimal, "ms CPU"),
        Figure(f"{name}.keeping", keeping, "ms CPU", KEPT, keeping / minimal if minimal else None),
    ]


async def _idle(size: Size, sides: Sequence[Side]) -> list[Figure]:
    """The processes while nobody speaks."""
    await asyncio.sleep(size.settling_s)
    processes = {name: process for side in sides for name, process in side.processes.items()}
    shares = await shares_of_a_core(processes, size.idle_s)
    programs = Figure("cost.idle", shares["bot"] + shares["worker"], "% of a core", IDLE_GOAL)
    stores = [Figure(f"cost.idle.{name}", share, "% of a core") for name, share in shares.items()]
    return [programs, *stores]
