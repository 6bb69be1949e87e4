from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.admin.app import create_admin
from bot.admin.reading.parts import AnswerDisplay
from bot.configs.texts import ScopedTexts
from bot.delivery.answers import AnswerPresenter
from bot.domain.dashboard_users import Role
from bot.messengers.generic.plugin import GenericPlugin
from bot.messengers.kakao.plugin import KakaoPlugin
from bot.messengers.plugin import MessengerPlugin
from bot.messengers.slack.plugin import SlackPlugin
from bot.settings import Settings
from bot.store import dashboard_users
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from runtime.redis_client import connect_redis

PASSWORD = "맞는 비밀번호"

#: Of the same password, and quick to check.
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

#: Encrypts the secrets of second factors.
SECRET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#: Nobody listens there.
NO_REDIS = "redis://127.0.0.1:1"

MESSENGER_LABELS = {"kakao": "카카오톡", "slack": "Slack"}

Client = TestClient[web.Request, web.Application]
StartAdmin = Callable[..., Awaitable[Client]]


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = field(default=1_700_000_000.0)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    # AUTOCOMMIT, as the bot's hot path runs: the dashboard must open its own transactions.
    engine = create_async_engine(database_url, isolation_level="AUTOCOMMIT")
    yield engine
    await engine.dispose()


@pytest.fixture
async def unreachable() -> AsyncIterator[AsyncEngine]:
    """A database nobody listens for: for what needs none, and for its failure."""
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", poolclass=NullPool)
    yield engine
    await engine.dispose()


async def serve_admin(
    engine: AsyncEngine, clock: Callable[[], float], redis_url: str = NO_REDIS, **settings: object
) -> Client:
    """The dashboard below a root application, and a client with its own cookies; close it."""
    root = web.Application()
    given = {"admin_password": HASHED, "admin_secret_keys": SECRET_KEY} | settings
    chosen = Settings.model_validate(given)
    redis = connect_redis(redis_url)
    workers = WorkerRegistry(redis)
    await workers.refresh()
    root.on_cleanup.append(lambda _: redis.aclose())
    root.add_subapp(
        "/admin/",
        create_admin(
            chosen,
            engine,
            MESSENGER_LABELS,
            clock=clock,
            workers=workers,
            max_new_tokens={"kakao": 1300},
            display=display_of(engine, redis, workers),
        ),
    )
    client = TestClient(TestServer(root), cookie_jar=None)
    await client.start_server()
    return client


@pytest.fixture
async def start_admin(clock: Clock) -> AsyncIterator[StartAdmin]:
    """Start the dashboard and a client, as ``serve_admin`` does."""
    clients: list[Client] = []

    async def start(engine: AsyncEngine, **options: Any) -> Client:
        clients.append(await serve_admin(engine, clock, **options))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()


def display_of(database: AsyncEngine, redis: Redis, workers: WorkerRegistry) -> AnswerDisplay:
    """The real messengers, with the settings that nothing changes."""
    texts = TEXTS["ko"]
    answers = AnswerPresenter(
        database=database, texts=texts, queue=JobQueue(redis), workers=workers, ai_notice=True
    )
    plugins: list[MessengerPlugin] = [
        KakaoPlugin.configured(secret="secret"),
        SlackPlugin.configured(signing_secret="secret"),
        GenericPlugin.configured(secret="secret"),
    ]
    texts_for = ScopedTexts(texts).for_scope
    return AnswerDisplay(
        compose=answers.bare, viewers={one.name: one.viewer(texts, texts_for) for one in plugins}
    )


@pytest.fixture
async def closed_client(start_admin: StartAdmin, unreachable: AsyncEngine) -> Client:
    return await start_admin(unreachable, admin_password="")


@pytest.fixture
async def stranger(start_admin: StartAdmin, unreachable: AsyncEngine) -> Client:
    """Not logged in, and no database behind."""
    return await start_admin(unreachable)


@pytest.fixture
async def offline(stranger: Client) -> Client:
    """Logged in, and no database behind."""
    await log_in(stranger)
    return stranger


@pytest.fixture
async def operator(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    """Logged in, on real Postgres."""
    client = await start_admin(database)
    await log_in(client)
    return client


def no_workers() -> WorkerRegistry:
    """The registry of a bot without Redis."""
    return WorkerRegistry(connect_redis(NO_REDIS))


async def log_in(
    client: Client, password: str = PASSWORD, *, user: str = "admin", target: str = "", **sent: str
) -> ClientResponse:
    """Fetch the login form, fill it in, and send it without following the redirect."""
    shown = await client.get("/admin/login", params={"next": target} if target else {})
    fields = {"csrf": csrf_of(await shown.text()), "user": user, "password": password}
    if target:
        fields["next"] = target
    return await client.post("/admin/login", data=fields, allow_redirects=False, headers=sent)


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, "no form with a token on the page"
    return found[1]


async def add_user(
    database: AsyncEngine, name: str, role: Role = Role.VIEWER, *, password: str = PASSWORD
) -> int:
    """A user who has chosen a password, which is quick to check."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    hashed = HASHED if password == PASSWORD else hasher.hash(password)
    async with database.begin() as connection:
        user_id = await dashboard_users.add(connection, name, role, password_hash=hashed)
        assert user_id
        await dashboard_users.set_password(connection, user_id, hashed, by_another=False)
    return user_id


async def send(client: Client, path: str, **fields: str) -> ClientResponse:
    """Send a form of the session's, without following the redirect."""
    shown = await client.get("/admin/account")
    data = {"csrf": csrf_of(await shown.text()), **fields}
    return await client.post(path, data=data, allow_redirects=False)
