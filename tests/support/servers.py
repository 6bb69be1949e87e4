"""Real Postgres and Valkey for every test: one server of each per pytest process."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy import make_url

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


class Databases:
    """Those of one server, made and dropped over one connection: a new one costs milliseconds."""

    def __init__(self, server: str, connection: asyncpg.Connection) -> None:
        self.server = server
        self._connection = connection

    async def create(self, name: str, *, template: str = "template0") -> None:
        # A third less work than through the log, which nobody here replays.
        await self._connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
        )

    @asynccontextmanager
    async def fresh(self, template: str) -> AsyncIterator[str]:
        """The URL of a copy of the template, which is dropped at the end."""
        name = f"test_{next(_numbers)}"
        await self.create(name, template=template)
        yield at(self.server, name)
        await self._connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


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
async def databases(postgres_server: str) -> AsyncIterator[Databases]:
    """What makes and drops the databases of the tests."""
    connection = await asyncpg.connect(plain(postgres_server))
    yield Databases(postgres_server, connection)
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_template(databases: Databases) -> str:
    """The name of a database with today's schema, to be copied."""
    await databases.create("migrated")
    await migrate(at(databases.server, "migrated"))
    return "migrated"


@pytest_asyncio.fixture(loop_scope="session")
async def database_url(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    """A fresh, migrated database for this test alone."""
    async with databases.fresh(migrated_template) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def module_database_url(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    """A migrated database that the tests of one module share."""
    async with databases.fresh(migrated_template) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second_module_database_url(
    databases: Databases, migrated_template: str
) -> AsyncIterator[str]:
    """Another one, for a second bot whose turns the first must not settle."""
    async with databases.fresh(migrated_template) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def empty_database_url(databases: Databases) -> AsyncIterator[str]:
    """A fresh database without any table."""
    async with databases.fresh("template0") as url:
        yield url


@pytest.fixture
async def redis_url(valkey_url: str) -> str:
    """A flushed Valkey."""
    async with Redis.from_url(valkey_url) as client:
        await client.flushall()
    return valkey_url


def at(url: str, database: str) -> str:
    """The same server, another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def plain(url: str) -> str:
    """The URL as asyncpg itself reads it."""
    return url.replace("+asyncpg", "")


async def create_database(server: str, name: str) -> None:
    """An empty one on a server of somebody's own."""
    await on_server(server, f'CREATE DATABASE "{name}" TEMPLATE template0')


async def on_server(server: str, statement: str) -> None:
    connection = await asyncpg.connect(plain(server))
    await connection.execute(statement)
    await connection.close()
