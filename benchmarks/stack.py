"""The measured processes: stores, bot, worker, bare handler, load generator."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from aiohttp import ClientError, ClientSession
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.load import STRAGGLERS_S, Load, LoadResult
from benchmarks.loop_blocks import blocks_counted
from benchmarks.raw_http import KAKAO_SECRET, SLACK_SECRET, SLACK_TOKEN
from bot.store.migrations import migrate
from onebox.embedded_servers import EmbeddedServer, postgres_process, valkey_process
from onebox.supervisor import ProcessSpec, SupervisedProcess
from runtime.database import connect_database, sqlstate

ROOT = Path(__file__).resolve().parents[1]
#: The SQLSTATE of a statement that was ended for a deadlock.
DEADLOCK = "40P01"


@dataclass(frozen=True, slots=True)
class Served:
    """A process with a listener."""

    process: SupervisedProcess
    port: int

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Stores:
    """The bot's servers, with commits as durable as in production."""

    postgres: EmbeddedServer
    valkey: EmbeddedServer
    folder: Path


@contextlib.asynccontextmanager
async def running_stores() -> AsyncIterator[Stores]:
    """A fresh, migrated Postgres (fsync and synchronous_commit on) and a Valkey."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with postgres_process(folder) as postgres, valkey_process(folder) as valkey:
            await migrate(postgres.url)
            yield Stores(postgres, valkey, folder)


@contextlib.asynccontextmanager
async def running_bot(stores: Stores, origin: str, **settings: str) -> AsyncIterator[Served]:
    """A bot whose answers may go to ``origin``; ``settings`` without the prefix BOT_."""
    port = free_port()
    own = {
        "port": str(port),
        "database_url": stores.postgres.url,
        "redis_url": stores.valkey.url,
        "data_dir": str(stores.folder),
        "kakao_secret": KAKAO_SECRET,
        "slack_signing_secret": SLACK_SECRET,
        "kakao_callback_hosts": origin,
        "slack_response_hosts": origin,
        "max_waiting": "0",  # no admission control
        "max_waiting_turns": "0",
        "rate_limit_per_minute": "0",
        **settings,
    }
    argv = [sys.executable, *os.environ.get("BENCH_PYTHON", "").split(), "-m", "bot", "serve"]
    env = {f"BOT_{k.upper()}": v for k, v in own.items()}
    process = _process("bot", argv, stores.folder, env)
    async with _running(process):
        served = Served(process, port)
        await _until_answers(f"{served.url}/healthz")
        async with blocks_counted(served.url):
            yield served


@contextlib.asynccontextmanager
async def running_worker(
    stores: Stores, engine_url: str, *, slots: int = 4, **settings: str
) -> AsyncIterator[SupervisedProcess]:
    """A worker for the engine server; the bot's /readyz?model=1 tells when it is ready."""
    own = {
        "database_url": stores.postgres.url,
        "redis_url": stores.valkey.url,
        "data_dir": str(stores.folder),
        "base_url": engine_url,
        "slots": str(slots),
        **settings,
    }
    argv = [sys.executable, "-m", "inference_worker"]
    process = _process(
        "worker", argv, stores.folder, {f"WORKER_{k.upper()}": v for k, v in own.items()}
    )
    async with _running(process):
        yield process


@contextlib.asynccontextmanager
async def running_bare(folder: Path) -> AsyncIterator[Served]:
    """The bare handler."""
    port = free_port()
    process = _process("bare", [sys.executable, "-m", "benchmarks.bare", str(port)], folder, {})
    async with _running(process):
        await _until_answers(f"http://127.0.0.1:{port}/readyz")
        yield Served(process, port)


@contextlib.asynccontextmanager
async def running_minimal_bot(
    folder: Path, origin: str, database_url: str = ""
) -> AsyncIterator[Served]:
    """A bot by hand, whose engine and Slack are at ``origin``.

    ``database_url``: where it keeps what it must know after a crash; "": nowhere.
    """
    port = free_port()
    dsn = database_url.replace("+asyncpg", "")
    argv = [sys.executable, "-m", "benchmarks.minimal_bot", str(port), origin, origin, dsn]
    process = _process("keeping_bot" if database_url else "minimal_bot", argv, folder, {})
    async with _running(process):
        await _until_answers(f"http://127.0.0.1:{port}/healthz")
        yield Served(process, port)


@contextlib.asynccontextmanager
async def running_instant_slack(folder: Path) -> AsyncIterator[Served]:
    """A Web API of Slack that answers every call at once."""
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.instant_slack", str(port)]
    process = _process("instant_slack", argv, folder, {})
    async with _running(process):
        await _until_answers(f"http://127.0.0.1:{port}/api/api.test")
        yield Served(process, port)


def slack_settings(url: str) -> dict[str, str]:
    """A bot's settings for Slack's Web API at the origin ``url``."""
    return {"slack_bot_token": SLACK_TOKEN, "slack_api_url": f"{url}/api/"}


async def fire(load: Load) -> LoadResult:
    """Run the load generator."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(load.seconds + 3 * STRAGGLERS_S):
        output, _ = await process.communicate(json.dumps(asdict(load)).encode())
    if process.returncode:
        raise RuntimeError("the load generator broke off")
    return LoadResult(**json.loads(output))


async def count_turns(stores: Stores) -> int:
    """How many turns Postgres holds."""
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        async with database.connect() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM turns")) or 0)
    finally:
        await database.dispose()


async def _execute(connection: AsyncConnection, statement: str) -> None:
    """Run the statement; again where it met the bot's own in a deadlock."""
    while True:
        try:
            await connection.execute(text(statement))
        except DBAPIError as error:
            if sqlstate(error) != DEADLOCK:
                raise
        else:
            return


async def settle_everything(stores: Stores) -> None:
    """Settle and deliver all pending turns, as a worker and a bot would; the log keeps them."""
    statements = (
        # First: the bot would deliver turns that become answered.
        "UPDATE deliveries SET state = 'delivered' WHERE state <> 'delivered'",
        "DELETE FROM jobs",
        "UPDATE turns SET status = 'answered', settled_at = now() WHERE settled_at IS NULL",
        "VACUUM ANALYZE",
    )
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection:
            for statement in statements:
                await _execute(connection, statement)
    finally:
        await database.dispose()


async def until_ready(served: Served) -> None:
    """Wait until the bot sees a ready worker."""
    await _until_answers(f"{served.url}/readyz?model=1", within_s=180)


def cpu_s(supervised: SupervisedProcess) -> float:
    """CPU seconds of the process and its living children so far."""
    if supervised.child is None:
        return 0.0
    parent = psutil.Process(supervised.child.pid)
    used = 0.0
    for process in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def rss_mib(supervised: SupervisedProcess) -> float:
    """Resident memory of the process, in MiB."""
    pid = supervised.child.pid if supervised.child else os.getpid()
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _process(name: str, argv: list[str], folder: Path, own: dict[str, str]) -> SupervisedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
    env = {**clean, "PYTHONPATH": str(ROOT), **own}
    log = folder / "logs" / f"{name}.log"
    return SupervisedProcess(ProcessSpec(name=name, argv=argv, log=log, env=env))


@contextlib.asynccontextmanager
async def _running(process: SupervisedProcess) -> AsyncIterator[None]:
    try:
        await process.start()
        yield
    finally:
        await process.stop()


async def _until_answers(url: str, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s), ClientSession() as http:
        while True:
            with contextlib.suppress(ClientError):
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)
