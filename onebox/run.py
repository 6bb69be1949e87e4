"""Everything on one machine: Postgres, Valkey, the schema, the bot and a worker, in one command.

BOT_DATABASE_URL and BOT_REDIS_URL each replace one embedded server. The bot and the worker are
separate processes, with the same command lines as anywhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import text

from bot.configuration import Configuration
from bot.settings import Settings
from bot.simulator.model_switch import ModelSwitch
from bot.store.migrations import IncompatibleSchemaError, migrate
from onebox.data_dir import CannotStart, locked, os_errors_as_cannot_start, rotate_log
from onebox.doctor_file import told_to_the_doctor
from onebox.embedded_servers import postgres_process, valkey_process
from onebox.local_settings import (
    Machine,
    bot_environment,
    free_port,
    local_secrets,
    set_for_the_worker,
    simulator_is_on,
    worker_environment,
)
from onebox.model_switch import switchable
from onebox.progress import bound_logs, relay_model_progress, until_ready, watch_readiness
from onebox.supervisor import ProcessSpec, SupervisedProcess, keep_running, raise_if_cancelled
from runtime.database import DATABASE_ERRORS, CannotConnectError, connect_database, refusal
from runtime.ip_address import is_loopback
from runtime.redis_client import connect_redis, redis_cause

BOT = (sys.executable, "-m", "bot", "serve")
WORKER = (sys.executable, "-m", "inference_worker")


def say(line: str) -> None:
    """Write a line to the terminal, which may be closed."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


async def run_onebox(
    configuration: Configuration, *, bot: Sequence[str] = BOT, worker: Sequence[str] = WORKER
) -> int:
    """Run everything until Ctrl-C or SIGTERM; exit status 1 and one sentence where it cannot.

    ``bot`` and ``worker`` are the command lines of the two programs.
    """
    everything = asyncio.create_task(_run(configuration, bot, worker))
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP on purpose. A shell script ignores SIGINT for background jobs too,
        # which must not leave everything running.
        if signum is not signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN:
            loop.add_signal_handler(signum, _stop, everything)
    try:
        await everything
    except asyncio.CancelledError:
        say("Stopped; the data is kept.")
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _stop(everything: asyncio.Task[None]) -> None:
    if not everything.cancelling():
        say("Stopping; answers that are being written are finished first ...")
        everything.cancel()


async def _run(configuration: Configuration, bot: Sequence[str], worker: Sequence[str]) -> None:
    settings = configuration.settings
    since = time.monotonic()
    port, worker_set = free_port(settings.host, settings.port), set_for_the_worker()
    async with AsyncExitStack() as stack:
        with os_errors_as_cannot_start(settings.data_dir) as data_dir:
            stack.enter_context(locked(data_dir, "onebox"))
            made = local_secrets(configuration, data_dir / "secrets.json")
        say(f"Starting everything on this machine; data and logs are in {data_dir}")
        _tell_of_the_simulator(settings)
        database_url, database_processes = await _database(stack, settings, data_dir)
        raise_if_cancelled()
        redis_url, redis_processes = await _redis(stack, settings, data_dir)
        raise_if_cancelled()
        machine = Machine(
            data_dir=data_dir,
            host=settings.host,
            port=port,
            database_url=database_url,
            redis_url=redis_url,
        )
        bot_env = bot_environment(configuration, machine, made)
        worker_env = worker_environment(machine, worker_set)
        stack.enter_context(told_to_the_doctor(data_dir, bot_env))
        programs = [
            _program("bot", bot, machine, bot_env, vital=True),
            _program("worker", worker, machine, worker_env, vital=False),
        ]
        await stack.enter_async_context(_started(programs))
        if simulator_is_on(settings):
            await stack.enter_async_context(switchable(programs[-1], ModelSwitch.of(data_dir)))
        processes = [*database_processes, *redis_processes, *programs]
        await _serve(processes, machine, made, settings, since)


def _tell_of_the_simulator(settings: Settings) -> None:
    """Say what becomes of the simulator where others than this machine reach the bot."""
    if is_loopback(settings.host):
        return
    reached = f"BOT_HOST={settings.host} lets other machines in"
    if simulator_is_on(settings):
        say(f"  The simulator is open to strangers: {reached}, and BOT_SIMULATOR is true.")
    elif "simulator" not in settings.model_fields_set:
        say(
            f"  The simulator stays off: {reached}, and whoever opens it speaks in anybody's name "
            "without a login. BOT_SIMULATOR=true opens it all the same."
        )


async def _database(
    stack: AsyncExitStack, settings: Settings, data_dir: Path
) -> tuple[str, list[SupervisedProcess]]:
    """The URL of a migrated database, and its server's process if it is embedded."""
    url, processes = settings.database_url.get_secret_value(), list[SupervisedProcess]()
    if not url:
        since = time.monotonic()
        server = await stack.enter_async_context(postgres_process(data_dir))
        url, processes = server.url, [server.process]
        say(f"  Postgres runs ({time.monotonic() - since:.1f} s)")
    try:
        await _reachable(url)
        # Only this version runs here.
        await migrate(url, after_deploy=True)
    except ValueError as problem:
        raise CannotStart(f"BOT_DATABASE_URL: {problem}.") from None
    except IncompatibleSchemaError as problem:
        raise CannotStart(str(problem)) from None
    except CannotConnectError as problem:
        raise CannotStart(f"BOT_DATABASE_URL: {problem}") from None
    except DATABASE_ERRORS as problem:
        raise CannotStart(
            f"The database of BOT_DATABASE_URL cannot be migrated: {refusal(problem)}."
        ) from problem
    say("  The database's schema is up to date")
    return url, processes


async def _reachable(url: str) -> None:
    # With a timeout: an address that drops packets would block the migration for minutes.
    engine = connect_database(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()


async def _redis(
    stack: AsyncExitStack, settings: Settings, data_dir: Path
) -> tuple[str, list[SupervisedProcess]]:
    url = settings.redis_url.get_secret_value()
    if url:
        await _tell_if_silent(url)
        return url, []
    since = time.monotonic()
    server = await stack.enter_async_context(valkey_process(data_dir))
    say(f"  Valkey runs ({time.monotonic() - since:.1f} s)")
    return server.url, [server.process]


async def _tell_if_silent(url: str) -> None:
    """Tell of an unreachable Valkey: all works without it, so a wrong URL would go unnoticed."""
    try:
        problem = await _unanswered(url)
    except ValueError as error:
        raise CannotStart(f"BOT_REDIS_URL: {error}.") from None
    if problem:
        say(f"  BOT_REDIS_URL does not answer ({problem}): going on without, a little slower")


async def _unanswered(url: str) -> str:
    redis = connect_redis(url)
    try:
        await redis.ping()
    except (RedisError, OSError) as problem:
        return redis_cause(problem)
    finally:
        await redis.aclose()
    return ""


def _program(
    name: str, argv: Sequence[str], machine: Machine, env: dict[str, str], *, vital: bool
) -> SupervisedProcess:
    log = machine.data_dir / "logs" / f"{name}.log"
    return SupervisedProcess(
        ProcessSpec(name=f"The {name}", argv=list(argv), log=log, env=env, vital=vital)
    )


@asynccontextmanager
async def _started(programs: list[SupervisedProcess]) -> AsyncIterator[None]:
    """Start the programs; at the end stop them concurrently, each after its drain."""
    try:
        for program in programs:
            with os_errors_as_cannot_start(program.spec.data_dir):
                rotate_log(program.spec.log)
            await program.start()
        yield
    finally:
        await asyncio.gather(*(program.stop() for program in programs))


async def _serve(
    processes: list[SupervisedProcess],
    machine: Machine,
    made: dict[str, str],
    settings: Settings,
    since: float,
) -> None:
    say("  The bot and the worker are starting; the first start also prepares the model")
    worker = processes[-1]
    try:
        async with asyncio.TaskGroup() as group:
            for process in processes:
                group.create_task(keep_running(process, say))
            group.create_task(relay_model_progress(worker.spec.log, say))
            group.create_task(bound_logs([process.spec.log for process in processes]))
            await until_ready(machine.origin, say)
            raise_if_cancelled()
            say(f"Ready after {time.monotonic() - since:.1f} s.")
            _welcome(machine, made, settings)
            group.create_task(watch_readiness(machine.origin, say))
    except ExceptionGroup as ended:
        raise ended.exceptions[0] from None


def _welcome(machine: Machine, made: dict[str, str], settings: Settings) -> None:
    if simulator_is_on(settings):
        say(f"  Write a message   {machine.origin}/simulator")
    login = f"user {settings.admin_user}, {_password(machine, made)}"
    say(f"  Read the log      {machine.origin}/admin/   {login}")
    say("  Stop              Ctrl-C")


def _password(machine: Machine, made: dict[str, str]) -> str:
    if "admin_password" not in made:
        return "the password you set"
    if sys.stdout.isatty():
        return f"password {made['admin_password']}"
    return f"password in {machine.data_dir / 'secrets.json'}"
