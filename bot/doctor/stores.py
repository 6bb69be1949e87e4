"""Postgres, Valkey, and the workers that announce themselves there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.doctor.audit_chain import check_audit_chain
from bot.doctor.quiet_work import check_quiet_work
from bot.domain.findings import Finding, Verdict
from bot.settings import Settings
from bot.store.migrations import SchemaState, is_read_only, schema_state
from inference_queue.worker_registry import WorkerStatus, list_workers
from runtime.database import DATABASE_ERRORS, CannotConnectError, connect_unpooled, refusal
from runtime.database_url import DatabaseUrl, DatabaseUrlError, read_database_url
from runtime.redis_client import connect_redis, redis_cause, redis_place
from runtime.redis_url import RedisUrl, RedisUrlError, read_redis_url

Url = TypeVar("Url", DatabaseUrl, RedisUrl)

STATEMENT_TIMEOUT_S = 5.0
_UNSET = "`python -m bot serve` does not start without it (`make run` brings its own {name})."
_SCHEMA = {
    SchemaState.CURRENT: Finding(Verdict.OK, "The schema is up to date."),
    SchemaState.BEHIND: Finding(
        Verdict.WRONG, "The schema is old: run `python -m bot migrate` (`make run` does it itself)."
    ),
    SchemaState.NEWER: Finding(
        Verdict.HINT, "The schema is newer than this version, which works with it."
    ),
    SchemaState.INCOMPATIBLE: Finding(
        Verdict.WRONG,
        "The schema no longer has what this version needs: run the newer version, or restore the "
        "backup from before the upgrade.",
    ),
    SchemaState.FOREIGN: Finding(
        Verdict.WRONG, "The database is another program's: give the bot one of its own."
    ),
}


def _read_url(
    raw: str, read: Callable[[str], Url], *, setting: str, store: str
) -> tuple[Url | None, list[Finding]]:
    """The URL of a store, None where it is unset or unreadable; and the findings about it."""
    if not raw:
        advice = _UNSET.format(name=store)
        return None, [Finding(Verdict.WRONG, f"{setting} is not set: {advice}")]
    try:
        url = read(raw)
    except (DatabaseUrlError, RedisUrlError) as error:
        return None, [Finding(Verdict.WRONG, f"{setting}: {error}.")]
    if not url.without_effect:
        return url, []
    names = ", ".join(url.without_effect)
    return url, [Finding(Verdict.HINT, f"{setting}: {names} has no effect here.")]


async def check_postgres(settings: Settings) -> AsyncIterator[Finding]:
    """Whether Postgres answers, is set up safely, and has this version's schema."""
    raw = settings.database_url.get_secret_value()
    url, findings = _read_url(raw, read_database_url, setting="BOT_DATABASE_URL", store="Postgres")
    for finding in findings:
        yield finding
    if url is None:
        return
    engine = connect_unpooled(raw, statement_s=STATEMENT_TIMEOUT_S)
    try:
        async with engine.connect() as connection:
            async for finding in _database(connection):
                yield finding
    except CannotConnectError as error:
        yield Finding(Verdict.WRONG, _sentence(str(error)))
    except DATABASE_ERRORS as error:
        yield Finding(Verdict.WRONG, f"Postgres at {url.place}: {refusal(error)}.")
    finally:
        await engine.dispose()


async def _database(connection: AsyncConnection) -> AsyncIterator[Finding]:
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
    if await is_read_only(connection):
        yield Finding(
            Verdict.WRONG,
            "The database takes no writes: it is a standby, or its host made it read-only, as for "
            "a full disk.",
        )
    state = await schema_state(connection)
    yield _SCHEMA[state]
    if state in (SchemaState.CURRENT, SchemaState.NEWER):
        yield await check_audit_chain(connection)
        async for finding in check_quiet_work(connection):
            yield finding


async def check_valkey(settings: Settings) -> AsyncIterator[Finding]:
    """Whether Valkey answers, and the state of the workers."""
    raw = settings.redis_url.get_secret_value()
    url, findings = _read_url(raw, read_redis_url, setting="BOT_REDIS_URL", store="Valkey")
    for finding in findings:
        yield finding
    if url is None:
        return
    redis = connect_redis(raw)
    try:
        workers = await list_workers(redis)
    except (RedisError, OSError) as error:
        sentence = f"Valkey/Redis at {redis_place(redis)}: {redis_cause(error)}"
        yield Finding(Verdict.WRONG, _sentence(sentence))
        return
    finally:
        await redis.aclose()
    yield Finding(Verdict.OK, "Valkey/Redis answers.")
    if not workers:
        yield Finding(Verdict.WRONG, "No worker is running: start `python -m inference_worker`.")
    for worker in workers:
        for finding in _worker(worker):
            yield finding


def _worker(worker: WorkerStatus) -> list[Finding]:
    words = " ".join(word for word in (worker.model, worker.detail) if word)
    sentence = f"Worker {worker.id}: {worker.state}. {words}".strip()
    verdict = Verdict.OK if worker.state == "ready" else Verdict.WRONG
    found = [Finding(verdict, sentence)]
    if worker.vision:
        found.append(Finding(Verdict.OK, "Its model sees pictures."))
    if names := ", ".join(worker.offered_adapters):
        found.append(Finding(Verdict.OK, f"It answers with the adapters {names}."))
    if worker.demo:
        found.append(Finding(Verdict.HINT, "It runs the demo model, which speaks English only."))
    return found


def _sentence(clause: str) -> str:
    return clause if clause.endswith(("?", ".")) else f"{clause}."
