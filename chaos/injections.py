"""Fault injection: a schedule drawn from the seed, with every requested kind at least once."""

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


class InjectionKind(StrEnum):
    """The faults of processes."""

    KILL_BOT = "kill -9 of a bot"
    KILL_WORKER = "kill -9 of a worker"
    FREEZE_WORKER = "a worker frozen past its lease"
    KILL_VALKEY = "kill -9 of Valkey"
    FLUSH_VALKEY = "FLUSHALL"
    RESTART_POSTGRES = "immediate restart of Postgres"


@dataclass(frozen=True, slots=True)
class Injection:
    """An injected fault and its time."""

    kind: InjectionKind
    at: float


class FaultInjector:
    """Injects faults of the given kinds into a cluster."""

    def __init__(
        self, cluster: Cluster, rng: random.Random, kinds: Sequence[InjectionKind]
    ) -> None:
        self.injections: list[Injection] = []
        self._kinds = kinds
        self._cluster = cluster
        self._rng = rng
        self._running: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    async def inject(self, start: float, seconds: float, every_s: float) -> None:
        """Inject a fault every ``every_s`` seconds on average, and each kind at least once."""
        count = max(len(self._kinds), round(seconds / every_s))
        kinds: list[InjectionKind] = []
        for number in range(count):
            kinds = kinds or self._rng.sample(self._kinds, len(self._kinds))
            at = start + (number + self._rng.random()) * seconds / count
            await asyncio.sleep(at - time.monotonic())
            task = asyncio.create_task(self._inject(kinds.pop()))
            self._running.add(task)
            task.add_done_callback(self._finished)

    async def wait_until_recovered(self) -> None:
        """Wait until every affected process runs again. Raises what a restart raised."""
        if self._running:
            await asyncio.wait(self._running)
        if self._errors:
            raise self._errors[0]

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._errors.append(error)

    async def _inject(self, kind: InjectionKind) -> None:
        cluster = self._cluster
        actions: dict[InjectionKind, Callable[[], Awaitable[None]]] = {
            InjectionKind.KILL_BOT: lambda: self._kill(self._rng.choice(cluster.bots), kind),
            InjectionKind.KILL_WORKER: lambda: self._kill(self._rng.choice(cluster.workers), kind),
            InjectionKind.FREEZE_WORKER: lambda: self._freeze(self._rng.choice(cluster.workers)),
            InjectionKind.KILL_VALKEY: lambda: self._kill(cluster.valkey, kind),
            InjectionKind.FLUSH_VALKEY: self._flush,
            InjectionKind.RESTART_POSTGRES: lambda: self._kill(
                cluster.postgres, kind, signal.SIGQUIT, max_downtime_s=0.0
            ),
        }
        await actions[kind]()

    def _record(self, kind: InjectionKind) -> None:
        self.injections.append(Injection(kind, time.monotonic()))

    async def _kill(
        self,
        node: Node,
        kind: InjectionKind,
        number: signal.Signals = signal.SIGKILL,
        max_downtime_s: float = 1.0,
    ) -> None:
        async with node.lock:
            self._record(kind)
            await node.end_by(number)
            await asyncio.sleep(max_downtime_s * self._rng.random())
            await node.start()

    async def _freeze(self, node: Node) -> None:
        async with node.lock:
            self._record(InjectionKind.FREEZE_WORKER)
            node.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(LEASE_S * self._rng.uniform(1.5, 2.5))
            finally:
                node.send(signal.SIGCONT)

    async def _flush(self) -> None:
        self._record(InjectionKind.FLUSH_VALKEY)
        async with Redis.from_url(self._cluster.redis_url) as client:
            try:
                await client.flushall()
            except (RedisError, OSError):
                return  # Valkey is down at the moment, which has emptied it too
