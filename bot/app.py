"""The composition root: every part is built here, in the order in which they need each other."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
import uvloop
from aiohttp import web

from bot import health, keys, webhooks
from bot.admin import create_admin
from bot.backlog import Backlog
from bot.delivery import Delivery
from bot.dialogue import Dialogue
from bot.forecast import Forecast
from bot.messengers import Messenger
from bot.messengers.kakao import Kakao
from bot.messengers.slack import Slack
from bot.outbound import open_session
from bot.presence import Presence
from bot.rate import RateLimit
from bot.server_log import quote_no_requests
from bot.settings import Settings
from bot.settled import SettledTurns
from bot.simulator import create_simulator
from bot.store.recent import RecentHistory
from bot.texts import TEXTS
from bot.tracing import Tracing
from bot.waiters import Waiters
from bot.warmup import warm_up
from inference_worker.database import connect_database
from inference_worker.queue import FINISHED_CHANNEL, JobQueue
from inference_worker.wakeup import Bell, Ringer, connect_redis, end

log = structlog.get_logger(__name__)

SETTLED_CHANNEL = "bllossom:turns:settled"
POOL_SIZE = 16
#: How long a request may run on after SIGTERM: a Kakao webhook waits 3.8 s.
SHUTDOWN_S = 10.0
#: An idle connection is closed after it: longer than a proxy keeps one, far below aiohttp's hour.
KEEPALIVE_S = 75.0


def create_app(settings: Settings, *, warm: bool = False) -> web.Application:
    """The bot as one aiohttp application; nothing is connected before it starts.

    ``warm``: to answer as fast at first as later, for half a second at the start.
    """
    quote_no_requests()
    app = web.Application(middlewares=[webhooks.refuse], client_max_size=webhooks.MAX_BODY_BYTES)
    app[keys.SETTINGS] = settings
    app[keys.TEXTS] = TEXTS[settings.language]
    app[keys.DATABASE] = connect_database(
        settings.database_url.get_secret_value(), pool_size=POOL_SIZE
    )
    app[keys.REDIS] = connect_redis(settings.redis_url.get_secret_value())
    app.cleanup_ctx.extend([_stores, *([_warmth] if warm else []), _parts])
    app.add_routes(
        [
            web.post("/webhooks/kakao", webhooks.kakao),
            web.post("/webhooks/slack/commands", webhooks.slack),
            web.post("/webhooks/slack/events", webhooks.slack),
            web.post("/webhooks/slack/interactivity", webhooks.slack),
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/metrics", health.metrics),
        ]
    )
    app.add_subapp("/admin/", create_admin(settings, app[keys.DATABASE]))
    if settings.simulator:
        app.add_subapp("/simulator", create_simulator(settings, lambda: own_url(settings)))
    return app


def own_url(settings: Settings) -> str:
    """Where this bot listens, as seen from this machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104
    return f"http://{host}:{settings.port}"


async def _stores(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[keys.REDIS].aclose()
    await app[keys.DATABASE].dispose()


async def _warmth(app: web.Application) -> AsyncIterator[None]:
    await warm_up(app[keys.DATABASE], JobQueue(app[keys.REDIS]), connections=POOL_SIZE)
    yield


async def _parts(app: web.Application) -> AsyncIterator[None]:
    settings, database, redis = app[keys.SETTINGS], app[keys.DATABASE], app[keys.REDIS]
    queue = JobQueue(redis)
    ringer = Ringer(redis, SETTLED_CHANNEL)
    presence = app[keys.PRESENCE] = Presence(redis)
    backlog = app[keys.BACKLOG] = Backlog(database, settings.max_waiting)
    forecast = app[keys.FORECAST] = Forecast(database, presence)
    app[keys.RATE_LIMIT] = RateLimit(redis, settings.rate_limit_per_minute)
    async with contextlib.AsyncExitStack() as stack:
        hosts = settings.kakao_callback_hosts + settings.slack_response_hosts
        session = await stack.enter_async_context(open_session((*hosts, settings.slack_api_url)))
        finished = await stack.enter_async_context(Bell(redis, FINISHED_CHANNEL))
        settled = await stack.enter_async_context(Bell(redis, SETTLED_CHANNEL))
        kakao = app[keys.KAKAO] = Kakao(settings, session)
        slack = app[keys.SLACK] = Slack(
            settings, session, functools.partial(webhooks.receive_slack, app)
        )
        waiters = app[keys.WAITERS] = Waiters(database, settled)
        messengers: dict[str, Messenger] = {kakao.name: kakao, slack.name: slack}
        delivery = app[keys.DELIVERY] = Delivery(
            settings=settings,
            texts=app[keys.TEXTS],
            database=database,
            messengers=messengers,
            queue=queue,
            presence=presence,
        )
        dialogue = app[keys.DIALOGUE] = Dialogue(
            settings=settings,
            database=database,
            queue=queue,
            history=RecentHistory(redis, max_turns=settings.history_turns),
            presence=presence,
            finished=finished,
            settled=SettledTurns(ringer, waiters.tell, delivery.deliver_soon),
        )
        tracing = Tracing(database=database, messengers=messengers)
        loops = (
            presence.keep,
            backlog.keep,
            forecast.keep,
            waiters.watch,
            dialogue.keep_settling,
            dialogue.keep_marking,
            dialogue.keep_sweeping,
            delivery.keep_delivering,
            delivery.keep_sweeping,
            tracing.keep_tracing,
        )
        async with _running(loops):
            yield
        await dialogue.close()
        await delivery.close()
        await queue.close()
        await ringer.close()


@contextlib.asynccontextmanager
async def _running(loops: tuple[Callable[[], Awaitable[None]], ...]) -> AsyncIterator[None]:
    """The background loops, each begun again should it ever break."""
    tasks = [asyncio.create_task(_forever(loop), name=loop.__qualname__) for loop in loops]
    try:
        yield
    finally:
        await end(*tasks)


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop_broke", loop=loop.__qualname__)
            await asyncio.sleep(1.0)


def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Raises OSError where the port is taken."""
    app = create_app(settings, warm=True)
    # What is imported and built stays: to look through all of it for garbage takes a tenth of a
    # second, in which nobody is answered.
    gc.freeze()
    web.run_app(
        app,
        host=settings.host,
        port=settings.port,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
        loop=uvloop.new_event_loop(),
        print=lambda *_: log.info("listening", url=own_url(settings)),
    )
