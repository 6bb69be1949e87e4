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

from bot import app_keys, health
from bot.admin.app import create_admin
from bot.admission.admission import Admission
from bot.admission.backlog import Backlog
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.inbox import Inbox
from bot.conversation.prompt import PromptBuilder
from bot.conversation.scheduler import ConversationScheduler
from bot.conversation.settlement_events import SettlementNotifier
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.conversation.settler import Settler
from bot.conversation.sweeper import TurnSweeper
from bot.delivery.answers import AnswerPresenter
from bot.delivery.claimer import DeliveryClaimer
from bot.delivery.dispatcher import DeliveryDispatcher
from bot.delivery.outcome_recorder import OutcomeRecorder
from bot.delivery.reconciler import Reconciler
from bot.delivery.sender import DeliverySender
from bot.delivery.sweeper import DeliverySweeper
from bot.delivery.sync_window import SyncWindow
from bot.delivery.task_set import TaskSet
from bot.domain.messenger import Messenger
from bot.http.errors import MAX_BODY_BYTES, refuse
from bot.http.origin import origin
from bot.http.outbound import open_session
from bot.http.server_log import quote_no_requests
from bot.messengers.kakao import endpoint
from bot.messengers.kakao.adapter import Kakao
from bot.messengers.kakao.simulator_pane import KakaoPane
from bot.messengers.slack.adapter import Slack
from bot.messengers.slack.simulator_pane import SlackPane
from bot.settings import Settings
from bot.simulator.app import create_simulator
from bot.simulator.pane import PaneFactory
from bot.store.history_cache import RecentHistory
from bot.store.migrations import SchemaCheck
from bot.store.warmup import warm_up
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import JobQueue
from runtime.database import connect_database
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

#: The dashboard's name for each messenger.
MESSENGER_LABELS = {"kakao": "카카오톡", "slack": "슬랙"}
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
    app = web.Application(middlewares=[refuse], client_max_size=MAX_BODY_BYTES)
    app[app_keys.SETTINGS] = settings
    app[app_keys.TEXTS] = TEXTS[settings.language]
    app[app_keys.DATABASE] = connect_database(
        settings.database_url.get_secret_value(), pool_size=POOL_SIZE
    )
    app[app_keys.REDIS] = connect_redis(settings.redis_url.get_secret_value())
    app.cleanup_ctx.extend([_stores, *([_warmth] if warm else []), _parts])
    app.add_routes(
        [
            web.post("/webhooks/kakao", endpoint.kakao),
            web.post("/webhooks/slack/commands", endpoint.slack),
            web.post("/webhooks/slack/events", endpoint.slack),
            web.post("/webhooks/slack/interactivity", endpoint.slack),
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/metrics", health.metrics),
        ]
    )
    app.add_subapp("/admin/", create_admin(settings, app[app_keys.DATABASE], MESSENGER_LABELS))
    if settings.simulator:
        app.add_subapp("/simulator", create_simulator(_simulator_panes(settings)))
    return app


def own_url(settings: Settings) -> str:
    """Where this bot listens, as seen from this machine."""
    return origin(settings.host, settings.port)


def _simulator_panes(settings: Settings) -> list[PaneFactory]:
    own = functools.partial(own_url, settings)
    kakao_secret = next(iter(settings.kakao_secrets), "")
    signing_secret = settings.slack_signing_secret.get_secret_value()
    return [
        functools.partial(KakaoPane, secret=kakao_secret, base_url=own),
        functools.partial(SlackPane, signing_secret=signing_secret, base_url=own),
    ]


async def _stores(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[app_keys.REDIS].aclose()
    await app[app_keys.DATABASE].dispose()


async def _warmth(app: web.Application) -> AsyncIterator[None]:
    await warm_up(app[app_keys.DATABASE], JobQueue(app[app_keys.REDIS]), connections=POOL_SIZE)
    yield


async def _parts(app: web.Application) -> AsyncIterator[None]:
    settings, database, redis = app[app_keys.SETTINGS], app[app_keys.DATABASE], app[app_keys.REDIS]
    queue = JobQueue(redis)
    ringer = WakeupPublisher(redis, SETTLED_CHANNEL)
    workers = app[app_keys.WORKERS] = WorkerRegistry(redis)
    backlog = Backlog(database, settings.max_waiting)
    forecast = app[app_keys.FORECAST] = Forecast(database, workers)
    app[app_keys.SCHEMA] = SchemaCheck(database)
    async with contextlib.AsyncExitStack() as stack:
        hosts = settings.kakao_callback_hosts + settings.slack_response_hosts
        session = await stack.enter_async_context(open_session((*hosts, settings.slack_api_url)))
        finished = await stack.enter_async_context(WakeupSubscriber(redis, FINISHED_CHANNEL))
        settled = await stack.enter_async_context(WakeupSubscriber(redis, SETTLED_CHANNEL))
        kakao = app[app_keys.KAKAO] = Kakao(settings, session)
        slack = app[app_keys.SLACK] = Slack(
            settings, session, functools.partial(endpoint.receive_slack, app)
        )
        waiters = app[app_keys.WAITERS] = SettlementWaiters(database, settled)
        messengers: dict[str, Messenger] = {kakao.name: kakao, slack.name: slack}
        answers = AnswerPresenter(
            database=database,
            texts=app[app_keys.TEXTS],
            queue=queue,
            workers=workers,
            ai_notice=settings.ai_notice,
        )
        in_flight = TaskSet()
        recorder = OutcomeRecorder(database=database, in_flight=in_flight)
        app[app_keys.SYNC_WINDOW] = SyncWindow(
            database=database, answers=answers, recorder=recorder
        )
        dispatcher = DeliveryDispatcher(
            claimer=DeliveryClaimer(database=database, messengers=messengers),
            sender=DeliverySender(
                database=database, messengers=messengers, answers=answers, recorder=recorder
            ),
            in_flight=in_flight,
        )
        notifier = SettlementNotifier(ringer, waiters.notify, dispatcher.deliver_soon)
        history = RecentHistory(redis, max_turns=settings.history_turns)
        scheduler = ConversationScheduler(
            database=database,
            enqueuer=JobEnqueuer(
                database=database,
                queue=queue,
                history=history,
                prompts=PromptBuilder(
                    preset=settings.preset,
                    system_prompt=settings.system_prompt,
                    max_new_tokens={kakao.name: settings.kakao_max_new_tokens},
                    workers=workers,
                ),
                notifier=notifier,
                merge_window_s=settings.merge_window_s,
            ),
            notifier=notifier,
        )
        settler = Settler(
            database=database,
            queue=queue,
            finished=finished,
            follow_up=SettlementFollowUp(
                history=history, notifier=notifier, schedule_soon=scheduler.schedule_soon
            ),
        )
        sweeper = TurnSweeper(database=database, scheduler=scheduler, notifier=notifier)
        app[app_keys.INBOX] = Inbox(
            database=database,
            admission=Admission(
                rate_limit=RateLimit(redis, settings.rate_limit_per_minute),
                backlog=backlog,
                forecast=forecast,
                texts=app[app_keys.TEXTS],
            ),
            canceller=TurnCanceller(
                database=database,
                queue=queue,
                notifier=notifier,
                settle_soon=finished.notify_local,
            ),
            schedule_soon=scheduler.schedule_soon,
        )
        delivery_sweeper = DeliverySweeper(database=database)
        reconciler = Reconciler(database=database, messengers=messengers)
        loops = (
            workers.keep,
            backlog.keep,
            forecast.keep,
            waiters.watch,
            settler.keep_settling,
            sweeper.keep_marking,
            sweeper.keep_sweeping,
            dispatcher.keep_delivering,
            delivery_sweeper.keep_sweeping,
            reconciler.keep_reconciling,
        )
        async with _running(loops):
            yield
        await scheduler.close()
        await dispatcher.close()
        await queue.close()
        await ringer.close()


@contextlib.asynccontextmanager
async def _running(loops: tuple[Callable[[], Awaitable[None]], ...]) -> AsyncIterator[None]:
    """The background loops, each begun again should it ever break."""
    tasks = [asyncio.create_task(_forever(loop), name=loop.__qualname__) for loop in loops]
    try:
        yield
    finally:
        await cancel_and_wait(*tasks)


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
