"""The product as an operator would run it: its real command lines, on servers of its own.

Every process is tied to this one by the kernel (onebox/tether.py): whatever ends the driver ends
them all. Only processes started here are ever signalled.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from onebox.data_dir import CannotStart
from onebox.embedded_servers import postgres_part, valkey_part
from onebox.supervisor import SupervisedProcess

ROOT = Path(__file__).resolve().parent.parent
KAKAO_SECRET = "chaos-kakao-secret-of-32-characters"
SLACK_SECRET = "chaos-slack-signing-secret"
SLACK_TOKEN = "xoxb-chaos"

BOTS, WORKERS = 2, 3
LEASE_S = 2.0
SYNC_BUDGET_S = 1.0
CALLBACK_BUDGET_S = 20.0
SLOTS = 24
_PORTS = range(20_000, 32_000)
_BOOT_S = 60.0
_STARTS = 5


@dataclass(slots=True)
class Node:
    """A process that may be hit, one blow at a time."""

    part: SupervisedProcess
    url: str = ""  #: where a bot listens
    up: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    fell_by_itself: int = 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        if self.part.process is not None and self.part.process.poll() is None:
            self.part.process.send_signal(number)

    async def end_by(self, number: signal.Signals) -> None:
        """Send a signal and see the process gone."""
        self.up = False
        self.send(number)
        async with asyncio.timeout(20):
            await self.part.ended()

    async def start(self) -> None:
        """Start it; what ends at once, because a server is away, is started again."""
        for attempt in range(_STARTS):
            try:
                await self.part.start()
            except CannotStart:
                self.fell_by_itself += 1
                if attempt == _STARTS - 1:
                    raise
                await asyncio.sleep(1.0)
            else:
                self.up = True
                return


@dataclass(slots=True)
class Cluster:
    """All nodes of a run."""

    postgres: Node
    valkey: Node
    bots: list[Node]
    workers: list[Node]
    database_url: str
    redis_url: str

    async def keep(self) -> None:
        """Start again what ended without being hit, and count it, until cancelled."""
        while True:
            for node in [*self.bots, *self.workers]:
                process = node.part.process
                if not node.lock.locked() and process is not None and process.poll() is not None:
                    async with node.lock:
                        node.fell_by_itself += 1
                        node.up = False
                        await node.start()
            await asyncio.sleep(0.5)

    @property
    def fell_by_themselves(self) -> int:
        """Processes that ended though nobody hit them."""
        return sum(node.fell_by_itself for node in [*self.bots, *self.workers])


@dataclass(frozen=True, slots=True)
class World:
    """The stand-ins' origins."""

    kakao: str
    slack: str
    engine: str


@asynccontextmanager
async def running_cluster(
    folder: Path, world: World, *, merge_s: float = 0.0, beside: Path | None = None
) -> AsyncIterator[Cluster]:
    """Start everything; the second bot and the second worker run the code of ``beside``."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(postgres_part(folder))
        valkey = await stack.enter_async_context(valkey_part(folder))
        urls = (postgres.url, valkey.url)
        code = [ROOT, beside or ROOT, ROOT]
        bots = [_bot(folder, n, urls, world, merge_s, code[n]) for n in range(BOTS)]
        workers = [_worker(folder, n, urls, world, code[n]) for n in range(WORKERS)]
        nodes = (Node(postgres.part, up=True), Node(valkey.part, up=True))
        cluster = Cluster(*nodes, bots, workers, *urls)
        for node in [*bots, *workers]:
            stack.push_async_callback(_stop, node)
        await _migration(folder, dict(bots[0].part.env)).run(_BOOT_S)
        await asyncio.gather(*(node.start() for node in [*bots, *workers]))
        await _until_ready(cluster)
        yield cluster


async def _stop(node: Node) -> None:
    node.send(signal.SIGCONT)
    await node.part.stop(5.0)


def _environment(values: dict[str, str], code: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_", "PG"))}
    return kept | {"PYTHONPATH": str(code.resolve())} | values


def _module(*words: str) -> list[str]:
    # -P: the code is PYTHONPATH's, whatever lies in the working directory.
    return [sys.executable, "-P", "-m", *words]


def _bot(
    folder: Path, number: int, urls: tuple[str, str], world: World, merge_s: float, code: Path
) -> Node:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    values = {
        "BOT_DATABASE_URL": urls[0],
        "BOT_REDIS_URL": urls[1],
        "BOT_PORT": str(port),
        "BOT_DATA_DIR": str(folder),
        "BOT_KAKAO_SECRET": KAKAO_SECRET,
        "BOT_KAKAO_CALLBACK_HOSTS": world.kakao,
        "BOT_KAKAO_SYNC_BUDGET_S": str(SYNC_BUDGET_S),
        "BOT_KAKAO_CALLBACK_BUDGET_S": str(CALLBACK_BUDGET_S),
        "BOT_SLACK_SIGNING_SECRET": SLACK_SECRET,
        "BOT_SLACK_RESPONSE_HOSTS": world.slack,
        "BOT_SLACK_BOT_TOKEN": SLACK_TOKEN,
        "BOT_SLACK_API_URL": f"{world.slack}/api/",
        "BOT_MERGE_WINDOW_S": str(merge_s),
    }
    part = SupervisedProcess(
        name=f"bot {number}",
        argv=_module("bot", "serve"),
        log=folder / "logs" / f"bot{number}.log",
        env=_environment(values, code),
        answers=partial(_alive, url),
    )
    return Node(part, url)


def _worker(folder: Path, number: int, urls: tuple[str, str], world: World, code: Path) -> Node:
    values = {
        "WORKER_DATABASE_URL": urls[0],
        "WORKER_REDIS_URL": urls[1],
        "WORKER_DATA_DIR": str(folder),
        "WORKER_BASE_URL": world.engine,
        "WORKER_ENGINE": "served",
        "WORKER_SLOTS": str(SLOTS),
        "WORKER_LEASE_S": str(LEASE_S),
        "WORKER_DRAIN_S": "3",
    }
    part = SupervisedProcess(
        name=f"worker {number}",
        argv=_module("inference_worker"),
        log=folder / "logs" / f"worker{number}.log",
        env=_environment(values, code),
    )
    return Node(part)


def _migration(folder: Path, environment: dict[str, str]) -> SupervisedProcess:
    log = folder / "logs" / "migrate.log"
    return SupervisedProcess(
        name="migrate", argv=_module("bot", "migrate"), log=log, env=environment
    )


def _free_port() -> int:
    """A free port below those that Linux gives to connections: none takes it from a dead bot."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _alive(url: str, path: str = "/healthz") -> bool:
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=3)) as http,
            http.get(url + path) as response,
        ):
            return response.status == 200
    except (ClientError, TimeoutError, OSError):
        return False


async def _until_ready(cluster: Cluster) -> None:
    async with asyncio.timeout(_BOOT_S):
        for node in cluster.bots:
            while not await _alive(node.url, "/readyz"):  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.2)
