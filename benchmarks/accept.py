"""Accepts: webhooks committed to Postgres and acknowledged, against a handler that answers 200.

Rounds alternate between the bare handler and the bot, because the machine is shared; the ratio is
the median over the rounds. Slack's Web API is a stand-in that answers at once. There is no worker,
but scheduling runs beside the accept. Pending turns are settled before each round, because
admission control, which bounds them, is off here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from benchmarks.figures import Figure, median, percentile, say
from benchmarks.load import Load, LoadResult
from benchmarks.stack import (
    Served,
    Stores,
    count_turns,
    cpu_s,
    fire,
    running_bare,
    running_bot,
    running_instant_slack,
    running_stores,
    settle_everything,
    slack_settings,
)

NOWHERE = "http://127.0.0.1:9"  # nothing is delivered: there is no worker
CLIENTS = 64
KINDS = ("slack", "slack_events", "kakao")
BARE = "the bare handler in the same rounds"


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    rounds: int = 5
    seconds: float = 4.0
    paced_rate: float = 1000.0
    paced_s: float = 10.0
    warm_up_s: float = 1.0


@dataclass(slots=True)
class Tally:
    """The results of the rounds of one kind of load."""

    hits: list[LoadResult] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)  #: of the server, per request
    store_cpu_us: list[float] = field(default_factory=list)  #: of Postgres, per request

    @property
    def rates(self) -> list[float]:
        return [hits.rate for hits in self.hits]

    @property
    def latencies_ms(self) -> list[float]:
        return [ms for hits in self.hits for ms in hits.latencies_ms]


async def bench(size: Size) -> list[Figure]:
    """Each kind at saturation, then at a steady pace."""
    # Without a sync budget Kakao is acknowledged for the callback at once, as with slow answers.
    settings = {"kakao_sync_budget_s": "0", "kakao_callback_budget_s": "290"}
    async with (
        running_stores() as stores,
        running_instant_slack(stores.folder) as slack,
        running_bot(stores, NOWHERE, **settings, **slack_settings(slack.url)) as bot,
        running_bare(stores.folder) as bare,
    ):
        rig = Rig(stores, bot, bare, size)
        await rig.warm_up()
        figures = []
        for kind in KINDS:
            figures += await rig.saturate(kind)
            figures += await rig.pace(kind)
        if (kept := await count_turns(stores)) < rig.acknowledged:
            raise RuntimeError(f"{rig.acknowledged} were acknowledged, and {kept} are in the log")
        return figures


class Rig:
    """The bot and the bare handler side by side."""

    def __init__(self, stores: Stores, bot: Served, bare: Served, size: Size) -> None:
        self._stores = stores
        self._bot = bot
        self._bare = bare
        self._size = size
        self._runs: Iterator[int] = count()
        self.acknowledged = 0  #: webhooks that the bot answered 200

    async def warm_up(self) -> None:
        """Compile statements and fill pools."""
        for kind in KINDS:
            for server in (self._bare, self._bot):
                await self._fire(server, kind, Tally(), seconds=self._size.warm_up_s)

    async def saturate(self, kind: str) -> list[Figure]:
        """Closed loop: 64 clients, each waiting for its response."""
        ours, bare = Tally(), Tally()
        for number in range(self._size.rounds):
            await self._fire(self._bare, kind, bare)
            await self._fire(self._bot, kind, ours)
            say(
                f"{kind} round {number + 1}: {ours.rates[-1]:,.0f}/s, {ours.cpu_us[-1]:.0f} us "
                f"(Postgres {ours.store_cpu_us[-1]:.0f} us); bare {bare.rates[-1]:,.0f}/s, "
                f"{bare.cpu_us[-1]:.0f} us; client {_client_us(bare.hits[-1]):.0f} us"
            )
        ratios = [mine / base for mine, base in zip(ours.rates, bare.rates, strict=True)]
        name, ms = f"accept.{kind}", ours.latencies_ms
        cpu_ratio = median(ours.cpu_us) / max(median(bare.cpu_us), 1e-9)
        return [
            Figure(f"{name}.rate", median(ours.rates), "webhooks/s", BARE, median(ratios)),
            Figure(f"{name}.p50", percentile(ms, 50), "ms", f"{CLIENTS} clients"),
            Figure(f"{name}.p99", percentile(ms, 99), "ms", f"{CLIENTS} clients"),
            Figure(f"{name}.cpu", median(ours.cpu_us), "us/webhook", BARE, cpu_ratio),
            Figure(f"{name}.cpu.postgres", median(ours.store_cpu_us), "us/webhook"),
        ]

    async def pace(self, kind: str) -> list[Figure]:
        """Open loop at a fixed rate; latencies count from when each webhook was due."""
        ours, size = Tally(), self._size
        await self._fire(self._bot, kind, ours, seconds=size.paced_s, rate=size.paced_rate)
        name, ms = f"accept.{kind}.paced", ours.latencies_ms
        label = f"{size.paced_rate:,.0f} webhooks/s offered"
        kept = ours.rates[0] / size.paced_rate
        return [
            Figure(f"{name}.rate", ours.rates[0], "webhooks/s", label, kept),
            Figure(f"{name}.p50", percentile(ms, 50), "ms", label),
            Figure(f"{name}.p99", percentile(ms, 99), "ms", label),
        ]

    async def _fire(
        self,
        server: Served,
        kind: str,
        tally: Tally,
        *,
        seconds: float | None = None,
        rate: float | None = None,
    ) -> None:
        await settle_everything(self._stores)
        processes = server.process, self._stores.postgres.process
        before = [cpu_s(process) for process in processes]
        load = Load(
            port=server.port,
            kind=kind,
            run=f"r{next(self._runs)}",
            origin=NOWHERE,
            clients=CLIENTS,
            seconds=self._size.seconds if seconds is None else seconds,
            rate=rate,
        )
        hits = await fire(load)
        if set(hits.statuses) != {"200"}:
            raise RuntimeError(f"not all were answered 200: {hits.statuses}")
        self.acknowledged += hits.answered if server is self._bot else 0
        tally.hits.append(hits)
        used = [cpu_s(process) - was for process, was in zip(processes, before, strict=True)]
        tally.cpu_us.append(used[0] / hits.answered * 1e6)
        tally.store_cpu_us.append(used[1] / hits.answered * 1e6)


def _client_us(hits: LoadResult) -> float:
    return hits.cpu_s / max(hits.answered, 1) * 1e6
