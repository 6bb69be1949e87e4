"""The composition root: builds the parts of the bot, in the order of their dependencies."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import structlog
import uvloop
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import app_keys
from bot.admin.alerts.channels import Channels, origins
from bot.admin.alerts.conditions import Conditions
from bot.admin.alerts.watch import AlertWatch
from bot.admin.app import create_admin
from bot.admin.bot_settings.sandbox.expiry import SandboxExpiry
from bot.admin.charts.counter import StatisticsCounter
from bot.admin.datasets.builder import DatasetBuilder
from bot.admin.dead_letters.resender import BulkResender
from bot.admin.exported_lists import exported_lists
from bot.admin.exports.exporter import Exporter
from bot.admin.exports.limits import Limits
from bot.admin.login.key_change import KeyChange
from bot.admin.reading.parts import AnswerDisplay
from bot.admin.replay.feeder import ReplayFeeder
from bot.admin.replay.past_prompts import PastPrompts, PromptDefaults
from bot.admin.reviews.filler import QueueFiller
from bot.admin.search.indexer import SearchIndexer
from bot.admission.admission import Admission
from bot.admission.backlog import Backlog
from bot.admission.blocklist import Blocklist
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.configs.reader import BotConfigs
from bot.configs.texts import ScopedTexts
from bot.configuration import Configuration
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.event_sweeper import EventSweeper
from bot.conversation.inbox import Inbox
from bot.conversation.live_turns import LiveTurns
from bot.conversation.prompt import PromptBuilder
from bot.conversation.prompt_date import PromptDate, read_zone
from bot.conversation.requests import PersonRequests
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
from bot.delivery.withdrawals import Withdrawals
from bot.domain.messenger import Messenger
from bot.health import Health
from bot.http.errors import MAX_BODY_BYTES, refuse
from bot.http.origin import origin
from bot.http.outbound import OutboundClient
from bot.http.server_log import quote_no_requests
from bot.messengers.plugin import AdapterServices, Loop, Services
from bot.observability.disk import DiskWatch
from bot.observability.metrics import record_block
from bot.privacy.audit_retention import AuditRetention
from bot.privacy.erasure import Eraser
from bot.privacy.erasure_orders import OrderedErasures
from bot.privacy.retention import Retention
from bot.settings import Settings, split_keys
from bot.simulator.app import create_simulator
from bot.simulator.model_switch import ModelSwitch
from bot.store.history_cache import RecentHistory
from bot.store.migrations import SchemaCheck
from bot.store.warmup import warm_up
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import JobQueue
from runtime.database import connect_database
from runtime.http_server import (
    CONNECTION_SETTINGS,
    discard_unread_bodies,
    refuse_costly_requests,
)
from runtime.loop_monitor import monitored_loop
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis
from runtime.tasks import TaskSet, cancel_and_wait

log = structlog.get_logger(__name__)

SETTLED_CHANNEL = "bllossom:turns:settled"
POOL_SIZE = 16
#: The time-out of running requests after SIGTERM: a Kakao webhook waits 3.8 s.
SHUTDOWN_S = 10.0
#: The time-out of idle connections: above a proxy's, far below aiohttp's default of an hour.
KEEPALIVE_S = 75.0
#: New objects until the youngest are looked through for garbage: a millisecond's work. A webhook
#: makes hundreds that live on for some seconds, and Python's 700 would take a tenth of its time.
GC_OBJECTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The shared dependencies of all parts."""

    configuration: Configuration
    database: AsyncEngine
    redis: Redis
    queue: JobQueue
    workers: WorkerRegistry
    configs: BotConfigs
    backlog: Backlog
    blocklist: Blocklist
    forecast: Forecast
    outbound: OutboundClient
    finished: WakeupSubscriber  #: a worker has finished a job
    settled: WakeupSubscriber  #: a bot has settled turns
    settled_publisher: WakeupPublisher


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryParts:
    """The parts that deliver answers."""

    answers: AnswerPresenter
    sync_window: SyncWindow
    messengers: Mapping[str, Messenger]
    dispatcher: DeliveryDispatcher
    sweeper: DeliverySweeper
    reconciler: Reconciler


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationParts:
    """The parts that turn utterances into jobs, and jobs into settled turns."""

    inbox: Inbox
    requests: PersonRequests
    eraser: Eraser
    live: LiveTurns
    scheduler: ConversationScheduler
    settler: Settler
    sweeper: TurnSweeper
    waiters: SettlementWaiters


def create_app(configuration: Configuration, *, warm: bool = False) -> web.Application:
    """The bot as one aiohttp application; nothing is connected before it starts.

    ``warm``: prepare the database connections first, which delays the start by half a second.
    """
    quote_no_requests()
    settings = configuration.settings
    texts = TEXTS[settings.language]
    base = _base(configuration)
    delivery = _delivery(base)
    conversation = _conversation(base, delivery)
    services = Services(
        settings=settings,
        texts=texts,
        texts_for=ScopedTexts(texts, base.configs.for_scope).for_scope,
        config_for=base.configs.for_scope,
        database=base.database,
        redis=base.redis,
        inbox=conversation.inbox,
        requests=conversation.requests,
        eraser=conversation.eraser,
        live=conversation.live,
        waiters=conversation.waiters,
        sync_window=delivery.sync_window,
        forecast=base.forecast,
        workers=base.workers,
        outbound=base.outbound,
    )
    app = web.Application(
        middlewares=[discard_unread_bodies, refuse, refuse_costly_requests],
        client_max_size=MAX_BODY_BYTES,
        handler_args=CONNECTION_SETTINGS,
    )
    app[app_keys.TEXTS] = texts
    app[app_keys.DATABASE] = base.database
    app[app_keys.REDIS] = base.redis
    app[app_keys.WORKERS] = base.workers
    app[app_keys.CONFIGS] = base.configs
    app[app_keys.FORECAST] = base.forecast
    app[app_keys.WAITERS] = conversation.waiters
    app[app_keys.INBOX] = conversation.inbox
    _add_routes(app, services, configuration, _display(services, configuration, delivery.answers))
    loops = [loop for one in configuration.messengers for loop in one.loops()]
    app.cleanup_ctx.append(functools.partial(_run, base, delivery, conversation, loops, warm))
    return app


def own_url(settings: Settings) -> str:
    """The URL of this bot on its own machine."""
    return origin(settings.host, settings.port)


def serve(configuration: Configuration) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the port is taken."""
    settings = configuration.settings
    app = create_app(configuration, warm=True)
    # Imported modules and built objects live forever: a full garbage collection over them would
    # stop the event loop for a tenth of a second.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)
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


def _add_routes(
    app: web.Application,
    services: Services,
    configuration: Configuration,
    display: AnswerDisplay,
) -> None:
    settings, messengers = configuration.settings, configuration.messengers
    for messenger in messengers:
        app.add_routes(messenger.routes(services))
    health = Health(
        redis=services.redis,
        schema=SchemaCheck(services.database),
        workers=services.workers,
        forecast=services.forecast,
    )
    app.add_routes(health.routes())
    labels = {messenger.name: messenger.label for messenger in messengers}
    app.add_subapp(
        "/admin/",
        create_admin(
            settings,
            services.database,
            labels,
            workers=services.workers,
            max_new_tokens=_max_new_tokens(configuration),
            display=display,
        ),
    )
    if settings.simulator:
        url = functools.partial(own_url, settings)
        panes = [functools.partial(m.simulator_pane, base_url=url) for m in messengers]
        app.add_subapp("/simulator", create_simulator(panes, ModelSwitch.of(settings.data_dir)))


def _display(
    services: Services, configuration: Configuration, answers: AnswerPresenter
) -> AnswerDisplay:
    """How the dashboard shows what people saw."""
    texts = services.texts
    return AnswerDisplay(
        compose=answers.bare,
        viewers={
            messenger.name: messenger.viewer(texts, services.texts_for)
            for messenger in configuration.messengers
        },
    )


def _base(configuration: Configuration) -> Base:
    settings = configuration.settings
    redis = connect_redis(settings.redis_url.get_secret_value())
    hosts = [host for messenger in configuration.messengers for host in messenger.outbound_hosts]
    database = connect_database(settings.database_url.get_secret_value(), pool_size=POOL_SIZE)
    workers = WorkerRegistry(redis)
    return Base(
        configuration=configuration,
        database=database,
        redis=redis,
        queue=JobQueue(redis),
        workers=workers,
        configs=BotConfigs(database),
        backlog=Backlog(
            database, settings.max_waiting, max_waiting_turns=settings.max_waiting_turns
        ),
        blocklist=Blocklist(database),
        forecast=Forecast(database, workers),
        outbound=OutboundClient([*hosts, *origins(settings)]),
        finished=WakeupSubscriber(redis, FINISHED_CHANNEL),
        settled=WakeupSubscriber(redis, SETTLED_CHANNEL),
        settled_publisher=WakeupPublisher(redis, SETTLED_CHANNEL),
    )


def _adapters(base: Base) -> Mapping[str, Messenger]:
    texts = TEXTS[base.configuration.settings.language]
    services = AdapterServices(
        texts=texts,
        texts_for=ScopedTexts(texts, base.configs.for_scope).for_scope,
        outbound=base.outbound,
        database=base.database,
    )
    return {
        messenger.name: messenger.adapter(services) for messenger in base.configuration.messengers
    }


def _delivery(base: Base) -> DeliveryParts:
    settings, database, messengers = base.configuration.settings, base.database, _adapters(base)
    answers = AnswerPresenter(
        database=database,
        texts=TEXTS[settings.language],
        queue=base.queue,
        workers=base.workers,
        ai_notice=settings.ai_notice,
        config_for=base.configs.for_scope,
    )
    in_flight = TaskSet()
    recorder = OutcomeRecorder(database=database, in_flight=in_flight)
    return DeliveryParts(
        answers=answers,
        sync_window=SyncWindow(database=database, answers=answers, recorder=recorder),
        messengers=messengers,
        dispatcher=DeliveryDispatcher(
            claimer=DeliveryClaimer(database=database, messengers=messengers),
            sender=DeliverySender(
                database=database, messengers=messengers, answers=answers, recorder=recorder
            ),
            in_flight=in_flight,
        ),
        sweeper=DeliverySweeper(database=database),
        reconciler=Reconciler(database=database, messengers=messengers),
    )


def _conversation(base: Base, delivery: DeliveryParts) -> ConversationParts:
    settings, database, queue = base.configuration.settings, base.database, base.queue
    waiters = SettlementWaiters(database, base.settled)
    notifier = SettlementNotifier(
        base.settled_publisher, waiters.notify, delivery.dispatcher.deliver_soon
    )
    history = RecentHistory(base.redis, max_turns=settings.history_turns)
    scheduler = ConversationScheduler(
        database=database,
        enqueuer=JobEnqueuer(
            database=database,
            queue=queue,
            history=history,
            prompts=PromptBuilder.configured(
                settings,
                base.workers,
                max_new_tokens=_max_new_tokens(base.configuration),
                config_for=base.configs.for_scope,
            ),
            notifier=notifier,
            merge_window_s=settings.merge_window_s,
        ),
        notifier=notifier,
    )
    follow_up = SettlementFollowUp(
        history=history, notifier=notifier, schedule_soon=scheduler.schedule_soon
    )
    canceller = _canceller(base, notifier)
    return ConversationParts(
        inbox=Inbox(
            database=database,
            admission=_admission(base),
            canceller=canceller,
            schedule_soon=scheduler.schedule_soon,
            max_waiting_turns=settings.max_waiting_turns,
            config_for=base.configs.for_scope,
        ),
        requests=PersonRequests(
            database=database, canceller=canceller, human_s=settings.human_minutes * 60
        ),
        live=LiveTurns(database=database, redis=base.redis),
        eraser=Eraser(
            database=database,
            redis=base.redis,
            cancel=canceller.cancel,
            withdraw=Withdrawals(delivery.messengers).withdraw,
        ),
        scheduler=scheduler,
        settler=Settler(
            database=database, queue=queue, finished=base.finished, follow_up=follow_up
        ),
        sweeper=TurnSweeper(database=database, scheduler=scheduler, notifier=notifier),
        waiters=waiters,
    )


def _canceller(base: Base, notifier: SettlementNotifier) -> TurnCanceller:
    return TurnCanceller(
        database=base.database,
        queue=base.queue,
        notifier=notifier,
        settle_soon=base.finished.notify_local,
    )


def _admission(base: Base) -> Admission:
    settings = base.configuration.settings
    return Admission(
        rate_limit=RateLimit(base.redis, settings.rate_limit_per_minute),
        backlog=base.backlog,
        forecast=base.forecast,
        texts=TEXTS[settings.language],
        config_for=base.configs.for_scope,
        blocked=base.blocklist,
    )


def _audit_retention(base: Base) -> AuditRetention:
    settings = base.configuration.settings
    return AuditRetention(base.database, kept_days=settings.audit_retention_days)


def _messenger_labels(base: Base) -> dict[str, str]:
    return {messenger.name: messenger.label for messenger in base.configuration.messengers}


def _dataset_builder(base: Base) -> DatasetBuilder:
    return DatasetBuilder(database=base.database, messenger_labels=_messenger_labels(base))


def _exporter(base: Base) -> Exporter:
    settings = base.configuration.settings
    return Exporter(
        database=base.database,
        lists=exported_lists(_messenger_labels(base)),
        limits=Limits.of(settings),
        data_dir=settings.data_dir,
    )


def _alerts(base: Base) -> AlertWatch:
    settings = base.configuration.settings
    return AlertWatch(
        database=base.database,
        conditions=Conditions(workers=base.workers, data_dir=settings.data_dir),
        channels=Channels(settings, base.outbound),
    )


def _queue_filler(base: Base) -> QueueFiller:
    labels = {messenger.name: messenger.label for messenger in base.configuration.messengers}
    return QueueFiller(database=base.database, messengers=labels)


def _replays(base: Base) -> ReplayFeeder:
    settings = base.configuration.settings
    defaults = PromptDefaults(
        preset=settings.preset,
        system_prompt=settings.system_prompt,
        history_turns=settings.history_turns,
        max_new_tokens=_max_new_tokens(base.configuration),
        date=PromptDate(read_zone(settings.timezone), settings.language),
    )
    return ReplayFeeder(
        database=base.database,
        prompts=PastPrompts(defaults),
        messenger_labels={one.name: one.label for one in base.configuration.messengers},
    )


def _max_new_tokens(configuration: Configuration) -> dict[str, int]:
    """The maximum length of answers in tokens, by messenger name."""
    return {
        messenger.name: messenger.max_new_tokens
        for messenger in configuration.messengers
        if messenger.max_new_tokens is not None
    }


async def _run(
    base: Base,
    delivery: DeliveryParts,
    conversation: ConversationParts,
    messenger_loops: Sequence[Loop],
    warm: bool,
    _app: web.Application,
) -> AsyncIterator[None]:
    """Connect, run the background loops, and finish running work at the end."""
    loops: tuple[Loop, ...] = (
        base.configs.keep,
        base.workers.keep,
        base.backlog.keep,
        base.blocklist.keep,
        base.forecast.keep,
        conversation.waiters.watch,
        conversation.live.keep_reading,
        conversation.settler.keep_settling,
        conversation.sweeper.keep_marking,
        conversation.sweeper.keep_sweeping,
        EventSweeper(database=base.database).keep_sweeping,
        StatisticsCounter(database=base.database).keep_counting,
        BulkResender(database=base.database).keep_sending,
        _exporter(base).keep_exporting,
        _dataset_builder(base).keep_building,
        _replays(base).keep_feeding,
        DiskWatch(base.configuration.settings.data_dir).keep_looking,
        _alerts(base).keep_watching,
        SandboxExpiry(base.database).keep_expiring,
        conversation.sweeper.keep_forgetting,
        SearchIndexer(database=base.database).keep_indexing,
        _queue_filler(base).keep_filling,
        delivery.dispatcher.keep_delivering,
        delivery.sweeper.keep_sweeping,
        delivery.reconciler.keep_reconciling,
        _audit_retention(base).keep_trimming,
        KeyChange(
            base.database, split_keys(base.configuration.settings.admin_secret_keys)
        ).keep_encrypting,
        Retention(base.database).keep_deleting,
        OrderedErasures(base.database, conversation.eraser).keep_erasing,
        *messenger_loops,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(base.database.dispose)
        stack.push_async_callback(base.redis.aclose)
        if warm:
            await warm_up(base.database, base.queue, connections=POOL_SIZE)
        await base.configs.load()
        await base.blocklist.load()
        await stack.enter_async_context(monitored_loop(record_block))
        await stack.enter_async_context(base.outbound)
        await stack.enter_async_context(base.finished)
        await stack.enter_async_context(base.settled)
        async with _running(loops):
            yield
        for messenger in base.configuration.messengers:
            await messenger.close()
        await conversation.eraser.close()
        await conversation.scheduler.close()
        await delivery.dispatcher.close()
        await base.queue.close()
        await base.settled_publisher.close()


@contextlib.asynccontextmanager
async def _running(loops: tuple[Loop, ...]) -> AsyncIterator[None]:
    """Run the background loops, each restarted after an error."""
    tasks = [asyncio.create_task(_forever(loop), name=loop.__qualname__) for loop in loops]
    try:
        yield
    finally:
        await cancel_and_wait(*tasks)


async def _forever(loop: Loop) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop_broke", loop=loop.__qualname__)
            await asyncio.sleep(1.0)
