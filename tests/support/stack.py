"""The whole product in one process, on real parts: bot, worker, stand-ins for the platforms."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, web
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import app_keys
from bot.app import create_app
from bot.configuration import Configuration
from bot.messengers.kakao.platform_limits import check_webhook_response
from bot.messengers.kakao.presses import FETCH_KEY
from bot.messengers.registry import MESSENGERS
from bot.messengers.slack.simulated_requests import CHANNEL_ID
from bot.settings import Settings
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer, engine_server
from fakes.kakao import KakaoPlatform, kakao_platform, skill_request
from fakes.slack import SlackPlatform, signed_command, slack_platform
from inference_queue.channels import CANCEL_CHANNEL, WAKE_CHANNEL
from inference_queue.leases import LeaseClient
from inference_queue.worker_registry import Heartbeat
from inference_worker.engines.base import Engine
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.worker import Worker, WorkerConnections, WorkerTimeouts
from runtime.database import connect_database
from runtime.pubsub import WakeupSubscriber
from runtime.redis_client import connect_redis
from tests.support.timeouts import stretched_timeouts

KAKAO_SECRET = "kakao-secret-of-32-characters-or-more"
SLACK_SECRET = "slack-signing-secret"
GENERIC_SECRET = "generic-secret-of-32-characters-or-more"
SLACK_TOKEN = "xoxb-1-token-of-the-bot"
#: Settings of Slack's OAuth, by which workspaces are installed.
SLACK_OAUTH = {
    "slack_client_id": "1234.5678",
    "slack_client_secret": "client-secret",
    "slack_public_url": "https://bot.example.com",
    "slack_token_keys": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
#: More than Kakao waits: a busy machine needs it.
SYNC_BUDGET_S = 20.0
CALLBACK_GAP_S = 0.1
#: How long a request may run on when the bot ends.
SHUTDOWN_S = 1.0
ADMIN_PASSWORD = "correct horse battery staple"
#: A plain password takes a fifth of a second of computing at each start.
ADMIN_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(ADMIN_PASSWORD)


@dataclass
class Said:
    """What a webhook answered."""

    status: int
    body: Any

    @property
    def bubbles(self) -> list[str]:
        """The texts of the bubbles, without the first one's notice that an AI answers."""
        return self.outputs[1:] if self.has_notice else self.outputs

    @property
    def has_notice(self) -> bool:
        """Whether the first bubble says that an AI answers."""
        return self.outputs[:1] in ([texts.ai_notice] for texts in TEXTS.values())

    @property
    def outputs(self) -> list[str]:
        """The texts of all bubbles and cards."""
        outputs = self.body.get("template", {}).get("outputs", [])
        components = [next(iter(output.values())) for output in outputs]
        return [one.get("text") or one["description"] for one in components]

    @property
    def will_call_back(self) -> bool:
        return bool(self.body.get("useCallback"))

    @property
    def button(self) -> dict[str, Any]:
        """The quick reply that fetches a held answer."""
        [reply] = [reply for reply in self.quick_replies if FETCH_KEY in reply["extra"]]
        return reply

    def quick_reply(self, label: str) -> dict[str, Any]:
        """The quick reply with this label."""
        [reply] = [reply for reply in self.quick_replies if reply["label"] == label]
        return reply

    @property
    def quick_replies(self) -> list[dict[str, Any]]:
        """All of them."""
        return list(self.body["template"].get("quickReplies", []))


@dataclass
class Stack:
    """A running bot, and everything around it."""

    url: str
    app: web.Application
    http: ClientSession
    kakao: KakaoPlatform
    slack: SlackPlatform
    database: AsyncEngine
    configuration: Configuration
    workers: list[Worker] = field(default_factory=list)

    async def say_kakao(
        self,
        utterance: str,
        *,
        user: str = "철수",
        callback_url: str | None = None,
        extra: dict[str, Any] | None = None,
        timeout_s: float = 30.0,
    ) -> Said:
        """A genuine skill request. Kakao gives up after five seconds, a busy machine later.

        Raises LimitError for a response that Kakao would not show.
        """
        request = skill_request(utterance, user, callback_url, extra)
        async with asyncio.timeout(timeout_s):
            said = await self.post(
                "/webhooks/kakao",
                json.dumps(request).encode(),
                {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"},
            )
        check_webhook_response(said.body, callback_offered=callback_url is not None)
        return said

    async def say_slack(
        self, text: str, *, user_id: str = "U0CHULSOO", channel_id: str = CHANNEL_ID
    ) -> tuple[Said, bytes, dict[str, str]]:
        """A genuine slash command, and the bytes to send it once more."""
        response_url = self.slack.new_response_url()
        body, headers = signed_command(
            SLACK_SECRET, text, response_url=response_url, user_id=user_id, channel_id=channel_id
        )
        return await self.post("/webhooks/slack/commands", body, headers), body, headers

    def set_kakao_sync_budget(self, seconds: float) -> None:
        """Change the sync budget of the running bot, also beyond the setting's bounds."""
        [kakao] = [one for one in self.configuration.messengers if one.name == "kakao"]
        vars(kakao.settings)["sync_budget_s"] = seconds  # the program's own is frozen

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> Said:
        async with self.http.post(self.url + path, data=body, headers=headers) as response:
            raw = await response.text()
            try:
                return Said(response.status, json.loads(raw))
            except ValueError:
                return Said(response.status, raw)

    async def get(self, path: str) -> Said:
        async with self.http.get(self.url + path) as response:
            raw = await response.text()
            parsed = json.loads(raw) if response.content_type == "application/json" else raw
            return Said(response.status, parsed)

    async def rows(self, statement: str) -> list[Row[Any]]:
        async with self.database.connect() as connection:
            return list((await connection.execute(text(statement))).all())

    async def execute(self, statement: str) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement))

    async def until(self, statement: str, timeout_s: float = 30.0) -> Row[Any]:
        """The first row of the statement, once it has one."""
        async with asyncio.timeout(timeout_s):
            while not (rows := await self.rows(statement)):
                await asyncio.sleep(0.03)
        return rows[0]


def settings_for(database_url: str, redis_url: str, **changes: Any) -> Configuration:
    """A bot that knows the stand-ins; nothing is read from the environment's file.

    ``changes``: settings by the names of their variables, such as ``kakao_sync_budget_s``.
    """
    fields: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "redis_url": SecretStr(redis_url),
        "kakao_secret": SecretStr(KAKAO_SECRET),
        "slack_signing_secret": SecretStr(SLACK_SECRET),
        "admin_password": SecretStr(ADMIN_HASH),
        "kakao_callback_gap_s": CALLBACK_GAP_S,
    }
    return configuration(**{**fields, **changes})


def configuration(**fields: Any) -> Configuration:
    """Each field in the block whose prefix it begins with; the rest are the bot's own."""
    messengers = []
    for kind in MESSENGERS:
        prefix = f"{kind.name}_"
        own = {name: value for name, value in fields.items() if name.startswith(prefix)}
        fields = {name: value for name, value in fields.items() if name not in own}
        block = {name.removeprefix(prefix): value for name, value in own.items()}
        messengers.append(kind.configured(_env_file=None, **block))
    settings = Settings(_env_file=None, **fields)
    return Configuration(settings=settings, messengers=tuple(messengers))


@asynccontextmanager
async def running_worker(
    database_url: str, redis_url: str, engine: Engine, *, slots: int = 4, **knobs: float
) -> AsyncIterator[Worker]:
    """A worker in this process; stopped and drained at the end."""
    database = connect_database(database_url, pool_size=4)
    redis = connect_redis(redis_url)
    leases = LeaseClient(
        database, redis, worker=f"w-{uuid4().hex[:6]}", lease_s=knobs.pop("lease_s", 3.0)
    )
    async with (
        WakeupSubscriber(redis, WAKE_CHANNEL) as wake,
        WakeupSubscriber(redis, CANCEL_CHANNEL) as cancellations,
    ):
        worker = Worker(
            engine=engine,
            engine_name="test",
            connections=WorkerConnections(
                leases=leases,
                heartbeat=Heartbeat(redis, worker=leases.worker),
                database=database,
                wake=wake,
                cancellations=cancellations,
            ),
            slots=slots,
            timeouts=WorkerTimeouts(
                drain_s=knobs.pop("drain_s", 2.0),
                patience_s=knobs.pop("patience_s", 3.0),
                stuck_s=knobs.pop("stuck_s", 60.0),
            ),
        )
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            try:
                await asyncio.wait_for(running, 30)
            finally:
                await leases.close()
                await redis.aclose()
                await database.dispose()


@asynccontextmanager
async def running_bot(
    configuration: Configuration, port: int = 0
) -> AsyncIterator[tuple[str, web.Application]]:
    """A bot on a port, 0: any. As in production, a request runs on when its client hangs up."""
    app = create_app(configuration)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", app
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_stack(
    database_url: str, redis_url: str, engine: Engine | None = None, **changes: Any
) -> AsyncIterator[Stack]:
    """Bot and stand-ins; a worker too where there is an engine. Webhooks wait long for Postgres."""
    async with contextlib.AsyncExitStack() as exits:
        exits.enter_context(stretched_timeouts())
        kakao = await exits.enter_async_context(kakao_platform())
        slack = await exits.enter_async_context(slack_platform())
        changes.setdefault("kakao_callback_hosts", (kakao.origin,))
        changes.setdefault("slack_response_hosts", (slack.origin,))
        changes.setdefault("slack_api_url", slack.api_url)
        configured = settings_for(database_url, redis_url, **changes)
        http = await exits.enter_async_context(ClientSession())
        url, app = await exits.enter_async_context(running_bot(configured, changes.get("port", 0)))
        database = connect_database(database_url, pool_size=2)
        exits.push_async_callback(database.dispose)
        stack = Stack(url, app, http, kakao, slack, database, configured)
        if "kakao_sync_budget_s" not in changes:
            stack.set_kakao_sync_budget(SYNC_BUDGET_S)
        if engine:
            worker = running_worker(database_url, redis_url, engine)
            stack.workers.append(await exits.enter_async_context(worker))
            await until_ready(stack)
        yield stack


async def until_ready(stack: Stack, *, model: str = "") -> None:
    """Wait until a worker has loaded its engine. ``model``: "" is any."""
    workers = stack.app[app_keys.WORKERS]
    async with asyncio.timeout(60):
        while not any(model in ("", worker.model) for worker in workers.ready):
            await workers.refresh()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(**switches: Any) -> AsyncIterator[tuple[EngineServer, ServedEngine]]:
    """An external inference server, and an engine that talks to it."""
    async with engine_server(**switches) as server:
        engine = ServedEngine(server.url, silence_timeout_s=5)
        try:
            yield server, engine
        finally:
            await engine.close()
