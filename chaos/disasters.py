"""What goes wrong, and when: a schedule drawn from the seed, every wanted kind at least once."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.cluster import LEASE_S, Cluster, Node


class Disaster(StrEnum):
    """The kinds."""

    KILL_BOT = "kill -9 of a bot"
    KILL_WORKER = "kill -9 of a worker"
    FREEZE_WORKER = "a worker frozen past its lease"
    KILL_VALKEY = "kill -9 of Valkey"
    FLUSH_VALKEY = "FLUSHALL"
    RESTART_POSTGRES = "immediate restart of Postgres"


@dataclass(frozen=True, slots=True)
class Blow:
    """One disaster that was done, and when."""

    kind: Disaster
    at: float


class Disasters:
    """Does the schedule to a cluster, of these kinds."""

    def __init__(self, cluster: Cluster, dice: random.Random, kinds: Sequence[Disaster]) -> None:
        self.blows: list[Blow] = []
        self._kinds = kinds
        self._cluster = cluster
        self._dice = dice
        self._under_way: set[asyncio.Task[None]] = set()
        self._problems: list[BaseException] = []

    async def rage(self, start: float, seconds: float, every_s: float) -> None:
        """Strike every ``every_s`` seconds on average, and often enough for every kind."""
        count = max(len(self._kinds), round(seconds / every_s))
        kinds: list[Disaster] = []
        for number in range(count):
            kinds = kinds or self._dice.sample(self._kinds, len(self._kinds))
            at = start + (number + self._dice.random()) * seconds / count
            await asyncio.sleep(at - time.monotonic())
            task = asyncio.create_task(self._strike(kinds.pop()))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self._problems.append(problem)

    async def over(self) -> None:
        """Wait until everything that was hit runs again. Raises what a restart raised."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self._problems:
            raise self._problems[0]

    async def _strike(self, kind: Disaster) -> None:
        cluster = self._cluster
        ways: dict[Disaster, Callable[[], Awaitable[None]]] = {
            Disaster.KILL_BOT: lambda: self._kill(self._dice.choice(cluster.bots), kind),
            Disaster.KILL_WORKER: lambda: self._kill(self._dice.choice(cluster.workers), kind),
            Disaster.FREEZE_WORKER: lambda: self._freeze(self._dice.choice(cluster.workers)),
            Disaster.KILL_VALKEY: lambda: self._kill(cluster.valkey, kind),
            Disaster.FLUSH_VALKEY: self._flush,
            Disaster.RESTART_POSTGRES: lambda: self._kill(
                cluster.postgres, kind, signal.SIGQUIT, away_s=0.0
            ),
        }
        await ways[kind]()

    def _note(self, kind: Disaster) -> None:
        self.blows.append(Blow(kind, time.monotonic()))

    async def _kill(
        self,
        node: Node,
        kind: Disaster,
        by: signal.Signals = signal.SIGKILL,
        away_s: float = 1.0,
    ) -> None:
        async with node.lock:
            self._note(kind)
            await node.end_by(by)
            await asyncio.sleep(away_s * self._dice.random())
            await node.start()

    async def _freeze(self, node: Node) -> None:
        async with node.lock:
            self._note(Disaster.FREEZE_WORKER)
            node.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(LEASE_S * self._dice.uniform(1.5, 2.5))
            finally:
                node.send(signal.SIGCONT)

    async def _flush(self) -> None:
        self._note(Disaster.FLUSH_VALKEY)
        async with Redis.from_url(self._cluster.redis_url) as client:
            try:
                await client.flushall()
            except (RedisError, OSError):
                return  # it is dead at the moment, and so is what it held
