"""GET /readyz costs one pooled connection, however often it is probed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from alembic.script import ScriptDirectory
from sqlalchemy import event, text
from sqlalchemy.pool import Pool

from bot import app_keys
from bot.health import Health
from bot.store import migrations
from runtime.database import connect_database
from tests.support.stack import running_stack


@contextmanager
def connections_opened() -> Iterator[list[object]]:
    """The connections that any pool of this process opens meanwhile, unpooled ones included."""
    opened: list[object] = []

    def note(connection: Any, _: Any) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    try:
        yield opened
    finally:
        event.remove(Pool, "connect", note)


@pytest.fixture
def directory_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often a script directory was walked."""
    reads: list[str] = []
    walk = ScriptDirectory.iterate_revisions

    def note(self: ScriptDirectory, *arguments: Any, **options: Any) -> Any:
        reads.append(str(self.dir))
        return walk(self, *arguments, **options)

    monkeypatch.setattr(ScriptDirectory, "iterate_revisions", note)
    return reads


async def test_a_second_probe_opens_no_connection_and_reads_no_scripts(
    database_url: str, redis_url: str, directory_reads: list[str]
) -> None:
    migrations._required.cache_clear()
    async with running_stack(database_url, redis_url) as stack:
        await stack.until("SELECT 1")
        first = await stack.get("/readyz")
        assert first.body["parts"]["postgres"] == {"ok": True}
        assert directory_reads
        reads = len(directory_reads)
        # The background loops may still fill the pool: they open no more than it holds.
        with connections_opened() as opened:
            for _ in range(40):
                assert (await stack.get("/readyz")).body["parts"]["postgres"] == {"ok": True}
        assert len(opened) <= 16
        assert len(directory_reads) == reads


async def test_a_bot_whose_database_takes_no_writes_is_not_ready(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(database_url, redis_url) as stack:
        engine = connect_database(database_url, pool_size=1)
        health = Health(
            redis=stack.app[app_keys.REDIS],
            schema=migrations.SchemaCheck(engine),
            workers=stack.app[app_keys.WORKERS],
            forecast=stack.app[app_keys.FORECAST],
        )
        request = make_mocked_request("GET", "/readyz")
        assert (await health.readyz(request)).status == 200
        async with engine.connect() as connection:
            await connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            await connection.commit()
        answer = await health.readyz(request)
        assert answer.status == 503
        assert "takes no writes" in str(answer.text)
        await engine.dispose()


async def test_probes_at_once_share_one_look(database_url: str, redis_url: str) -> None:
    """Strangers who ask all the time leave the pool to the webhooks."""
    async with running_stack(database_url, redis_url) as stack:
        engine = connect_database(database_url, pool_size=1)
        seen: list[str] = []
        health = Health(
            redis=stack.app[app_keys.REDIS],
            schema=migrations.SchemaCheck(engine),
            workers=stack.app[app_keys.WORKERS],
            forecast=stack.app[app_keys.FORECAST],
        )
        await health.readyz(make_mocked_request("GET", "/readyz"))
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        paths = ["/readyz", "/readyz?model=1"] * 25
        probes = (health.readyz(make_mocked_request("GET", path)) for path in paths)
        answers = await asyncio.gather(*probes)
        assert [answer.status for answer in answers] == [200, 503] * 25
        assert seen == ["SHOW transaction_read_only"]
        await engine.dispose()


async def test_a_schema_that_lags_behind_is_noticed_until_it_is_migrated(
    empty_database_url: str, redis_url: str
) -> None:
    async with running_stack(empty_database_url, redis_url) as stack:
        for _ in range(2):
            parts = (await stack.get("/readyz")).body["parts"]
            assert "migrate" in parts["postgres"]["detail"]
        await migrations.migrate(empty_database_url)
        assert (await stack.get("/readyz")).body["parts"]["postgres"] == {"ok": True}


async def test_the_schema_is_read_once_it_was_up_to_date_no_more(database_url: str) -> None:
    engine = connect_database(database_url, pool_size=1)
    check = migrations.SchemaCheck(engine)
    seen: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    assert await check.state() is migrations.SchemaState.CURRENT
    assert any("alembic_version" in statement for statement in seen)
    seen.clear()
    assert await check.state() is migrations.SchemaState.CURRENT
    assert seen == ["SHOW transaction_read_only"]
    await engine.dispose()


def test_the_required_revision_is_the_newest_expand_migration() -> None:
    scripts = Path(migrations.__file__).resolve().parents[2] / "migrations"
    names = sorted(script.name for script in scripts.glob("versions/[0-9]*.py"))
    expand = [name for name in names if "_contract_" not in name]
    required = migrations._required(scripts)
    assert required.revision == expand[-1].partition("_")[0]
    assert required.revision not in required.older
    assert {name.partition("_")[0] for name in names if name < expand[-1]} == required.older
