"""The parts that take messages and bring answers, built in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts.channels import origins
from bot.admission.admission import Admission
from bot.admission.backlog import Backlog
from bot.admission.blocklist import Blocklist
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.configs.reader import BotConfigs
from bot.configs.texts import ScopedTexts
from bot.configuration import Configuration
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.early_planner import EarlyPlanner
from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.inbox import Inbox
from bot.conversation.job_planner import JobPlanner
from bot.conversation.live_turns import LiveTurns
from bot.conversation.prompt import PromptBuilder
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
from bot.http.outbound import OutboundClient
from bot.messengers.plugin import AdapterServices
from bot.privacy.erasure import Eraser
from bot.store.history_cache import RecentHistory
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import JobQueue
from runtime.activity import Activity
from runtime.database import BY_KEY, WITH_SENDER, connect_database
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis
from runtime.tasks import TaskSet

SETTLED_CHANNEL = "bllossom:turns:settled"
#: The most connections to Postgres: of pages and quiet work, and of what runs with every message.
POOL_SIZE, MESSAGES_POOL_SIZE = 8, 12
#: Of the first pool, those that are held for quiet work.
QUIET_HELD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The shared dependencies of all parts."""

    configuration: Configuration
    database: AsyncEngine
    messages: AsyncEngine  #: the same, for what runs with every message
    redis: Redis
    activity: Activity  #: whether anybody waits for an answer
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


def shared_parts(configuration: Configuration) -> Base:
    """What all parts share; nothing is connected yet."""
    settings = configuration.settings
    redis = connect_redis(settings.redis_url.get_secret_value())
    hosts = [host for messenger in configuration.messengers for host in messenger.outbound_hosts]
    url = settings.database_url.get_secret_value()
    database = connect_database(url, pool_size=POOL_SIZE, held=QUIET_HELD)
    messages = connect_database(
        url,
        pool_size=MESSAGES_POOL_SIZE,
        server_settings={**BY_KEY, **WITH_SENDER},
        held=MESSAGES_POOL_SIZE - 2,
    )
    workers, activity = WorkerRegistry(redis), Activity()
    return Base(
        configuration=configuration,
        database=database,
        messages=messages,
        redis=redis,
        activity=activity,
        queue=JobQueue(redis),
        workers=workers,
        configs=BotConfigs(database),
        backlog=Backlog(
            messages,
            settings.max_waiting,
            max_waiting_turns=settings.max_waiting_turns,
            activity=activity,
        ),
        blocklist=Blocklist(database),
        forecast=Forecast(messages, workers, activity=activity),
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
        database=base.messages,
    )
    return {
        messenger.name: messenger.adapter(services) for messenger in base.configuration.messengers
    }


def delivery_parts(base: Base) -> DeliveryParts:
    """The parts that deliver answers."""
    settings, database, messengers = base.configuration.settings, base.messages, _adapters(base)
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
            activity=base.activity,
        ),
        sweeper=DeliverySweeper(database=base.database),
        reconciler=Reconciler(database=base.database, messengers=messengers),
    )


def conversation_parts(base: Base, delivery: DeliveryParts) -> ConversationParts:
    """The parts between a message that comes in and an answer that goes out."""
    settings, database, queue = base.configuration.settings, base.messages, base.queue
    waiters = SettlementWaiters(database, base.settled)
    notifier = SettlementNotifier(
        base.settled_publisher,
        waiters.notify,
        deliver_soon=delivery.dispatcher.deliver_soon,
        heard=base.settled,
    )
    history = RecentHistory(base.redis, max_turns=settings.history_turns)
    planner = _planner(base, history)
    early = EarlyPlanner(planner, merge_window_s=settings.merge_window_s)
    scheduler = ConversationScheduler(
        database=database,
        enqueuer=JobEnqueuer(
            database=database,
            queue=queue,
            planner=planner,
            notifier=notifier,
            merge_window_s=settings.merge_window_s,
        ),
        notifier=notifier,
        activity=base.activity,
    )
    follow_up = SettlementFollowUp(
        history=history, notifier=notifier, schedule_soon=scheduler.schedule_soon, early=early
    )
    canceller = _canceller(base, notifier)
    return ConversationParts(
        inbox=Inbox(
            database=database,
            admission=_admission(base),
            canceller=canceller,
            scheduler=scheduler,
            early=early,
            max_waiting_turns=settings.max_waiting_turns,
            config_for=base.configs.for_scope,
        ),
        requests=PersonRequests(
            database=base.database, canceller=canceller, human_s=settings.human_minutes * 60
        ),
        live=LiveTurns(database=database, redis=base.redis),
        eraser=Eraser(
            database=base.database,
            redis=base.redis,
            cancel=canceller.cancel,
            withdraw=Withdrawals(delivery.messengers).withdraw,
        ),
        scheduler=scheduler,
        settler=Settler(
            database=database,
            queue=queue,
            finished=base.finished,
            follow_up=follow_up,
            dispatcher=delivery.dispatcher,
            activity=base.activity,
        ),
        sweeper=TurnSweeper(
            database=database,
            scheduler=scheduler,
            notifier=notifier,
            activity=base.activity,
            picture_kept_days=settings.picture_kept_days,
        ),
        waiters=waiters,
    )


def _planner(base: Base, history: RecentHistory) -> JobPlanner:
    settings = base.configuration.settings
    return JobPlanner(
        history=history,
        prompts=PromptBuilder.configured(
            settings,
            base.workers,
            max_new_tokens=base.configuration.max_new_tokens,
            config_for=base.configs.for_scope,
        ),
        picture_kept_days=settings.picture_kept_days,
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
