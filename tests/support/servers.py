"""Real Postgres and Valkey for every test: one server of each per pytest process."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.migrations import migrate
from onebox.embedded_servers import embedded_postgres, embedded_valkey

_numbers = itertools.count(1)


#: Files in memory: a database is made there in a tenth of the time that it takes on a disk.
MEMORY = Path("/dev/shm")
#: Left free there, and of the machine's memory.
MEMORY_BYTES = 6 * 2**30
PREFIX = "bot-tests-"


def _folder() -> Path:
    """A short path of its own, for sockets live under it; in memory where there is plenty."""
    parent = Path(tempfile.gettempdir())
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        _remove_leftovers(MEMORY)
        room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
        parent = MEMORY if room > MEMORY_BYTES else parent
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))


def _remove_leftovers(parent: Path) -> None:
    """The folders of test processes that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def servers_dir() -> Iterator[Path]:
    """The folder of the servers that all tests of this process share."""
    folder = _folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_servers_dir() -> Iterator[Path]:
    """The same for the servers that one test starts itself: they begin empty."""
    folder = _folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(servers_dir: Path) -> AsyncIterator[str]:
    """The URL of a throwaway server's own database; fsync is off."""
    async with embedded_postgres(servers_dir, durable=False) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey_url(servers_dir: Path) -> AsyncIterator[str]:
    """The URL of a throwaway server; a test wants ``redis_url`` instead."""
    async with embedded_valkey(servers_dir) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_template(postgres_server: str) -> str:
    """The name of a database with today's schema, to be copied."""
    await create_database(postgres_server, "migrated")
    await migrate(at(postgres_server, "migrated"))
    return "migrated"


@pytest.fixture
async def database_url(postgres_server: str, migrated_template: str) -> AsyncIterator[str]:
    """A fresh, migrated database for this test alone."""
    name = f"test_{next(_numbers)}"
    await create_database(postgres_server, name, template=migrated_template)
    yield at(postgres_server, name)
    await on_server(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_database_url(postgres_server: str, migrated_template: str) -> AsyncIterator[str]:
    """A migrated database that the tests of one module share."""
    name = f"test_{next(_numbers)}"
    await create_database(postgres_server, name, template=migrated_template)
    yield at(postgres_server, name)
    await on_server(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second_module_database_url(
    postgres_server: str, migrated_template: str
) -> AsyncIterator[str]:
    """Another one, for a second bot whose turns the first must not settle."""
    name = f"test_{next(_numbers)}"
    await create_database(postgres_server, name, template=migrated_template)
    yield at(postgres_server, name)
    await on_server(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def empty_database_url(postgres_server: str) -> AsyncIterator[str]:
    """A fresh database without any table."""
    name = f"test_{next(_numbers)}"
    await create_database(postgres_server, name)
    yield at(postgres_server, name)
    await on_server(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def redis_url(valkey_url: str) -> str:
    """A flushed Valkey."""
    async with Redis.from_url(valkey_url) as client:
        await client.flushall()
    return valkey_url


def at(url: str, database: str) -> str:
    """The same server, another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


async def create_database(server: str, name: str, *, template: str = "template0") -> None:
    # A third less work than through the log, which nobody here replays.
    await on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')


async def on_server(server: str, statement: str) -> None:
    engine = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
