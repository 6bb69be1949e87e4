"""What a bot does by itself, beside its requests: each loop runs until the bot stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog

from bot.admin.alerts.channels import Channels
from bot.admin.alerts.conditions import Conditions
from bot.admin.alerts.telling import AlertTeller
from bot.admin.alerts.watch import AlertWatch
from bot.admin.bot_settings.sandbox.expiry import SandboxExpiry
from bot.admin.charts.counter import StatisticsCounter
from bot.admin.datasets.builder import DatasetBuilder
from bot.admin.dead_letters.resender import BulkResender
from bot.admin.exported_lists import exported_lists
from bot.admin.exports.exporter import Exporter
from bot.admin.exports.limits import Limits
from bot.admin.login.key_change import KeyChange
from bot.admin.replay.feeder import ReplayFeeder
from bot.admin.replay.past_prompts import PastPrompts, PromptDefaults
from bot.admin.reviews.filler import QueueFiller
from bot.admin.search.indexer import SearchIndexer
from bot.conversation.event_sweeper import EventSweeper
from bot.conversation.prompt_date import PromptDate, read_zone
from bot.messengers.plugin import Loop
from bot.observability.disk import DiskWatch
from bot.parts import Base, ConversationParts, DeliveryParts
from bot.privacy.audit_retention import AuditRetention
from bot.privacy.erasure import Eraser
from bot.privacy.erasure_orders import OrderedErasures
from bot.privacy.retention import Retention
from bot.settings import split_keys
from bot.store.waiting_orders import JOBS, waiting_orders
from runtime.clock import LOOK_EVERY_S, Clock, PeriodicJob
from runtime.direct import connect_directly
from runtime.tasks import cancel_and_wait
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: A replay's jobs are fed to the background lane so often while it runs.
FEED_EVERY_S = 1.0
HOUR_S = 3600.0
ORDERS_TIMEOUT_S = 5.0


def answering_loops(
    base: Base, delivery: DeliveryParts, conversation: ConversationParts
) -> tuple[Loop, ...]:
    """What takes messages on, and answers to their people."""
    return (
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
        conversation.sweeper.keep_forgetting,
        delivery.dispatcher.keep_delivering,
        delivery.sweeper.keep_sweeping,
        delivery.reconciler.keep_reconciling,
    )


def quiet_loops(base: Base, eraser: Eraser) -> tuple[Loop, ...]:
    """What operators have ordered or look at later, and what is deleted: all by one clock."""

    async def look() -> frozenset[str]:
        async with connect_directly(base.database) as connection:
            return await waiting_orders(connection)

    async def orders() -> frozenset[str]:
        return await run_with_timeout(ORDERS_TIMEOUT_S, look())

    teller = AlertTeller(
        database=base.database, channels=Channels(base.configuration.settings, base.outbound)
    )
    jobs = [*ordered_jobs(base, eraser), *regular_jobs(base, teller)]
    return (Clock(jobs, orders).keep_running, teller.keep_open)


def ordered_jobs(base: Base, eraser: Eraser) -> list[PeriodicJob]:
    """What runs where an operator, or a new turn, has given it something to do."""
    database = base.database
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "search_index": SearchIndexer(database=database).index,
        "bulk_resends": BulkResender(database=database).send,
        "review_queues": _queue_filler(base).fill,
        "datasets": _dataset_builder(base).build,
        "exports": _exporter(base).export,
        "replays": _replays(base).feed,
        "erasures": OrderedErasures(database, eraser).erase,
    }
    return [
        PeriodicJob(
            name=name,
            run=work[name],
            every_s=FEED_EVERY_S if name == "replays" else LOOK_EVERY_S,
            on_order=True,
        )
        for name in JOBS
    ]


def regular_jobs(base: Base, teller: AlertTeller) -> list[PeriodicJob]:
    """What runs by the clock alone, at the start first."""
    settings, database = base.configuration.settings, base.database
    audit = AuditRetention(database, kept_days=settings.audit_retention_days)
    keys = KeyChange(database, split_keys(settings.admin_secret_keys))
    work: list[tuple[str, Callable[[], Awaitable[object]], float]] = [
        ("statistics", StatisticsCounter(database=database).count, 10.0),
        ("alerts", _alerts(base, teller).look, 30.0),
        ("disk", DiskWatch(settings.data_dir).look, 30.0),
        ("recent_events", EventSweeper(database=database).sweep, 30.0),
        ("retention", Retention(database, base.redis).delete, 60.0),
        ("sandbox", SandboxExpiry(database).expire, 900.0),
        # A bot with the older keys may write with them, while the new version is rolled out.
        ("secret_keys", keys.encrypt, HOUR_S),
        ("audit_log", audit.trim, 24 * HOUR_S),
    ]
    return [PeriodicJob(name=name, run=run, every_s=every_s) for name, run, every_s in work]


@contextlib.asynccontextmanager
async def running(loops: Sequence[Loop]) -> AsyncIterator[None]:
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


def _dataset_builder(base: Base) -> DatasetBuilder:
    return DatasetBuilder(
        database=base.database, messenger_labels=base.configuration.messenger_labels
    )


def _exporter(base: Base) -> Exporter:
    settings = base.configuration.settings
    return Exporter(
        database=base.database,
        lists=exported_lists(base.configuration.messenger_labels),
        limits=Limits.of(settings),
        data_dir=settings.data_dir,
    )


def _alerts(base: Base, teller: AlertTeller) -> AlertWatch:
    settings = base.configuration.settings
    return AlertWatch(
        database=base.database,
        conditions=Conditions(workers=base.workers, data_dir=settings.data_dir),
        teller=teller,
    )


def _queue_filler(base: Base) -> QueueFiller:
    return QueueFiller(database=base.database, messengers=base.configuration.messenger_labels)


def _replays(base: Base) -> ReplayFeeder:
    settings = base.configuration.settings
    defaults = PromptDefaults(
        preset=settings.preset,
        system_prompt=settings.system_prompt,
        history_turns=settings.history_turns,
        max_new_tokens=base.configuration.max_new_tokens,
        date=PromptDate(read_zone(settings.timezone), settings.language),
    )
    return ReplayFeeder(
        database=base.database,
        prompts=PastPrompts(defaults),
        messenger_labels=base.configuration.messenger_labels,
    )
