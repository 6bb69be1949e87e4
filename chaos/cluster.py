"""The product as an operator would run it: its real command lines, on servers of its own.

The kernel ties every process to this one (onebox/tether.py): they end with the driver, however it
ends. Only processes started here are ever signalled.
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

from chaos.versions import knows_rooms
from onebox.data_dir import CannotStart
from onebox.embedded_servers import postgres_process, valkey_process
from onebox.supervisor import ProcessSpec, SupervisedProcess

ROOT = Path(__file__).resolve().parent.parent
KAKAO_SECRET = "chaos-kakao-secret-of-32-characters"
SLACK_SECRET = "chaos-slack-signing-secret"
SLACK_TOKEN = "xoxb-chaos"
GENERIC_SECRET = "chaos-generic-secret-of-32-characters"

BOTS, WORKERS = 3, 3
#: The worker that does not see pictures.
TEXT_ONLY = 1
#: Each bot has its own, so that a call tells who makes it.
SLACK_TOKENS = tuple(f"{SLACK_TOKEN}-{number}" for number in range(BOTS))
LEASE_S = 2.0
SYNC_BUDGET_S = 1.0
CALLBACK_BUDGET_S = 20.0
#: Longer than the driver waits for a change: an answer that is lost does not expire unseen.
HOLD_S = 120.0
SLOTS = 24
_PORTS = range(20_000, 32_000)
_BOOT_S = 180.0
_MAX_STARTS = 5


@dataclass(slots=True)
class Node:
    """A process for fault injection, one fault at a time."""

    process: SupervisedProcess
    url: str = ""  #: a bot's origin
    serves_generic: bool = True  #: whether a bot's version knows the generic webhook
    serves_events: bool = True  #: whether its guarantee covers Slack's rooms
    is_up: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  #: held during an injection
    unexpected_exits: int = 0

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs."""
        if self.process.child is not None and self.process.child.poll() is None:
            self.process.child.send_signal(number)

    async def end_by(self, number: signal.Signals) -> None:
        """Send a signal and wait for the exit."""
        self.is_up = False
        self.send(number)
        async with asyncio.timeout(20):
            await self.process.wait()

    async def start(self) -> None:
        """Start it; repeat a start that fails because a server is down."""
        for attempt in range(_MAX_STARTS):
            try:
                await self.process.start()
            except CannotStart:
                self.unexpected_exits += 1
                if attempt == _MAX_STARTS - 1:
                    raise
                await asyncio.sleep(1.0)
            else:
                self.is_up = True
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

    async def restart_exited(self) -> None:
        """Count and restart processes that exit without an injection, until cancelled."""
        while True:
            for node in [*self.bots, *self.workers]:
                child = node.process.child
                if not node.lock.locked() and child is not None and child.poll() is not None:
                    async with node.lock:
                        node.unexpected_exits += 1
                        node.is_up = False
                        await node.start()
            await asyncio.sleep(0.5)

    @property
    def unexpected_exits(self) -> int:
        """Exits without an injection."""
        return sum(node.unexpected_exits for node in [*self.bots, *self.workers])


@dataclass(frozen=True, slots=True)
class StandIns:
    """The origins of the platforms' and the engine's stand-ins."""

    kakao: str
    slack: str
    generic: str
    engine: str
    photos: str
    files: str


@asynccontextmanager
async def running_cluster(
    folder: Path,
    stand_ins: StandIns,
    *,
    merge_s: float = 0.0,
    previous_version: Path | None = None,
) -> AsyncIterator[Cluster]:
    """Start everything; the second bot and the second worker run ``previous_version``."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(postgres_process(folder))
        valkey = await stack.enter_async_context(valkey_process(folder))
        urls = (postgres.url, valkey.url)
        code = [ROOT, previous_version or ROOT, ROOT]
        bots = [_bot(folder, n, urls, stand_ins, merge_s, code[n]) for n in range(BOTS)]
        workers = [_worker(folder, n, urls, stand_ins, code[n]) for n in range(WORKERS)]
        nodes = (Node(postgres.process, is_up=True), Node(valkey.process, is_up=True))
        cluster = Cluster(*nodes, bots, workers, *urls)
        for node in [*bots, *workers]:
            stack.push_async_callback(_stop, node)
        await _migration(folder, dict(bots[0].process.spec.env)).run(_BOOT_S)
        await asyncio.gather(*(node.start() for node in [*bots, *workers]))
        await _until_ready(cluster)
        yield cluster


async def _stop(node: Node) -> None:
    node.send(signal.SIGCONT)
    await node.process.stop(5.0)


def _environment(values: dict[str, str], code: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_", "PG"))}
    return kept | {"PYTHONPATH": str(code.resolve())} | values


def _module(*arguments: str) -> list[str]:
    # -P: imports come from PYTHONPATH, never from the working directory.
    return [sys.executable, "-P", "-m", *arguments]


def _bot(
    folder: Path,
    number: int,
    urls: tuple[str, str],
    stand_ins: StandIns,
    merge_s: float,
    code: Path,
) -> Node:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    values = {
        "BOT_DATABASE_URL": urls[0],
        "BOT_REDIS_URL": urls[1],
        "BOT_PORT": str(port),
        "BOT_DATA_DIR": str(folder),
        "BOT_KAKAO_SECRET": KAKAO_SECRET,
        "BOT_KAKAO_CALLBACK_HOSTS": stand_ins.kakao,
        "BOT_KAKAO_PICTURE_HOSTS": stand_ins.photos,
        "BOT_SLACK_PICTURE_HOSTS": stand_ins.files,
        "BOT_KAKAO_SYNC_BUDGET_S": str(SYNC_BUDGET_S),
        "BOT_KAKAO_CALLBACK_BUDGET_S": str(CALLBACK_BUDGET_S),
        "BOT_SLACK_SIGNING_SECRET": SLACK_SECRET,
        "BOT_SLACK_RESPONSE_HOSTS": stand_ins.slack,
        "BOT_SLACK_BOT_TOKEN": SLACK_TOKENS[number],
        "BOT_SLACK_CHANNEL_ANSWERS": "edits" if number == BOTS - 1 else "once",
        "BOT_SLACK_API_URL": f"{stand_ins.slack}/api/",
        "BOT_GENERIC_SECRET": GENERIC_SECRET,
        "BOT_GENERIC_CALLBACK_HOSTS": stand_ins.generic,
        "BOT_GENERIC_HOLD_S": str(HOLD_S),
        "BOT_MERGE_WINDOW_S": str(merge_s),
        # The clients send faster than people, and every message has to be taken.
        "BOT_MAX_WAITING_TURNS": "0",
        "BOT_RATE_LIMIT_PER_MINUTE": "0",
    }
    spec = ProcessSpec(
        name=f"bot {number}",
        argv=_module("bot", "serve"),
        log=folder / "logs" / f"bot{number}.log",
        env=_environment(values, code),
        is_ready=partial(_answers, url),
    )
    serves_generic = (code / "bot/messengers/generic").is_dir()
    return Node(
        SupervisedProcess(spec),
        url,
        serves_generic=serves_generic,
        serves_events=knows_rooms(code),
    )


def _worker(
    folder: Path, number: int, urls: tuple[str, str], stand_ins: StandIns, code: Path
) -> Node:
    values = {
        "WORKER_DATABASE_URL": urls[0],
        "WORKER_REDIS_URL": urls[1],
        "WORKER_DATA_DIR": str(folder),
        "WORKER_BASE_URL": stand_ins.engine,
        "WORKER_ENGINE": "served",
        "WORKER_SLOTS": str(SLOTS),
        "WORKER_VISION": "false" if number == TEXT_ONLY else "true",
        "WORKER_LEASE_S": str(LEASE_S),
        "WORKER_DRAIN_S": "3",
    }
    spec = ProcessSpec(
        name=f"worker {number}",
        argv=_module("inference_worker"),
        log=folder / "logs" / f"worker{number}.log",
        env=_environment(values, code),
    )
    return Node(SupervisedProcess(spec))


def _migration(folder: Path, environment: dict[str, str]) -> SupervisedProcess:
    log = folder / "logs" / "migrate.log"
    return SupervisedProcess(
        ProcessSpec(name="migrate", argv=_module("bot", "migrate"), log=log, env=environment)
    )


def _free_port() -> int:
    """A free port below the ephemeral range, from which a dead bot's port could be taken."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _answers(url: str, path: str = "/healthz") -> bool:
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
            while not await _answers(node.url, "/readyz?model=1"):  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.2)
