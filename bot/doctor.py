"""``python -m bot doctor``: what is misconfigured, in words an operator understands."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.configuration import Configuration, variable_names
from bot.domain.findings import Finding, Verdict
from bot.settings import Settings
from bot.store.migrations import pending
from inference_queue.worker_registry import list_workers
from runtime.database import DATABASE_ERRORS, asyncpg_url
from runtime.redis_client import connect_redis

MIN_PASSWORD_CHARS = 12
MIN_FREE_GB = 2


async def examine(configuration: Configuration, write: Callable[[str], object]) -> int:
    """Write a line per finding; exit status 1 where anything is wrong."""
    wrong = 0
    async for finding in _findings(configuration):
        write(f"{finding.verdict:>5}  {finding.sentence}\n")
        wrong += finding.verdict is Verdict.WRONG
    write("\nNothing is wrong.\n" if not wrong else f"\n{wrong} to mend.\n")
    return 1 if wrong else 0


async def _findings(configuration: Configuration) -> AsyncIterator[Finding]:
    settings = configuration.settings
    for finding in _names():
        yield finding
    for messenger in configuration.messengers:
        async for finding in messenger.checks():
            yield finding
    for finding in (*_admin(settings), *_machine(settings)):
        yield finding
    async for finding in _postgres(settings):
        yield finding
    async for finding in _redis(settings):
        yield finding


def _names() -> Iterator[Finding]:
    worker_names = _worker_names()
    known = variable_names() | worker_names
    prefixes = ("BOT_", "WORKER_") if worker_names else ("BOT_",)
    for name in sorted(os.environ):
        if name.startswith(prefixes) and name not in known:
            yield Finding(Verdict.WRONG, f"{name} is not a setting: a typing error?")


def _worker_names() -> set[str]:
    """The worker's settings; none where only the bot is installed, as in its image."""
    try:
        from inference_worker.settings import WorkerSettings  # noqa: PLC0415
    except ImportError:
        return set()
    return {f"WORKER_{name.upper()}" for name in WorkerSettings.model_fields}


def _admin(settings: Settings) -> Iterator[Finding]:
    password = settings.admin_password.get_secret_value()
    if not password:
        yield Finding(Verdict.HINT, "The dashboard is closed: set BOT_ADMIN_PASSWORD to open it.")
    elif not password.startswith("$argon2") and len(password) < MIN_PASSWORD_CHARS:
        yield Finding(
            Verdict.WRONG, f"BOT_ADMIN_PASSWORD has fewer than {MIN_PASSWORD_CHARS} characters."
        )
    else:
        yield Finding(Verdict.OK, "The dashboard has a password.")
    if settings.simulator and settings.host not in ("127.0.0.1", "::1", "localhost"):
        yield Finding(
            Verdict.WRONG,
            "BOT_SIMULATOR is on and the bot listens beyond this machine: anybody could chat as "
            "anybody. Switch it off.",
        )


def _machine(settings: Settings) -> Iterator[Finding]:
    folder = (
        settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute().parent
    )
    free_gb = shutil.disk_usage(folder if folder.exists() else "/").free / 1e9
    verdict = Verdict.OK if free_gb >= MIN_FREE_GB else Verdict.WRONG
    yield Finding(verdict, f"{free_gb:.0f} GB of disk are free.")


async def _postgres(settings: Settings) -> AsyncIterator[Finding]:
    raw = settings.database_url.get_secret_value()
    if not raw:
        yield Finding(
            Verdict.HINT, "BOT_DATABASE_URL is not set: only `make run` brings its own Postgres."
        )
        return
    try:
        url = asyncpg_url(raw)
    except ValueError as error:
        yield Finding(Verdict.WRONG, f"BOT_DATABASE_URL: {error}.")
        return
    engine = create_async_engine(url, connect_args={"timeout": 3, "command_timeout": 5})
    try:
        async with engine.connect() as connection:
            version = await connection.scalar(text("SHOW server_version"))
            encoding = await connection.scalar(text("SHOW server_encoding"))
            synchronous = await connection.scalar(text("SHOW synchronous_commit"))
        yield Finding(Verdict.OK, f"Postgres {version} answers.")
        if encoding != "UTF8":
            yield Finding(Verdict.WRONG, f"The database's encoding is {encoding}: UTF8 is needed.")
        if synchronous == "off":
            yield Finding(
                Verdict.WRONG, "synchronous_commit is off: a crash can lose accepted messages."
            )
        behind = await pending(url.render_as_string(hide_password=False))
        yield (
            Finding(Verdict.WRONG, "The schema is old: run `python -m bot migrate`.")
            if (behind)
            else Finding(Verdict.OK, "The schema is up to date.")
        )
    except DATABASE_ERRORS as error:
        yield Finding(
            Verdict.WRONG, f"Postgres at {url.host}:{url.port or 5432}: {type(error).__name__}."
        )
    finally:
        await engine.dispose()


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    raw = settings.redis_url.get_secret_value()
    if not raw:
        yield Finding(
            Verdict.HINT, "BOT_REDIS_URL is not set: only `make run` brings its own Valkey."
        )
        return
    try:
        redis = connect_redis(raw)
    except ValueError:
        yield Finding(Verdict.WRONG, "BOT_REDIS_URL cannot be read: redis://HOST:PORT/0 is meant.")
        return
    try:
        workers = await list_workers(redis)
    except (RedisError, OSError) as error:
        yield Finding(Verdict.WRONG, f"Valkey/Redis: {type(error).__name__}.")
        return
    finally:
        await redis.aclose()
    yield Finding(Verdict.OK, "Valkey/Redis answers.")
    if not workers:
        yield Finding(Verdict.WRONG, "No worker is running: start `python -m inference_worker`.")
    for worker in workers:
        ready = worker.state == "ready"
        words = f"Worker {worker.id}: {worker.state}. {worker.model} {worker.detail}".strip()
        yield Finding(Verdict.OK if ready else Verdict.WRONG, words)
        if worker.demo:
            yield Finding(Verdict.HINT, "It runs the demo model, which speaks English only.")
