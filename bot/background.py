"""What a bot does by itself, beside its requests: each loop runs until the bot stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import structlog

from bot.admin.alerts.channels import Channels
from bot.admin.alerts.conditions import Conditions
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
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)


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
        EventSweeper(database=base.database).keep_sweeping,
        DiskWatch(base.configuration.settings.data_dir).keep_looking,
        delivery.dispatcher.keep_delivering,
        delivery.sweeper.keep_sweeping,
        delivery.reconciler.keep_reconciling,
    )


def dashboard_loops(base: Base) -> tuple[Loop, ...]:
    """What operators have ordered, or look at later."""
    return (
        SearchIndexer(database=base.database).keep_indexing,
        StatisticsCounter(database=base.database).keep_counting,
        BulkResender(database=base.database).keep_sending,
        _alerts(base).keep_watching,
        _queue_filler(base).keep_filling,
        _dataset_builder(base).keep_building,
        _exporter(base).keep_exporting,
        _replays(base).keep_feeding,
        SandboxExpiry(base.database).keep_expiring,
    )


def privacy_loops(base: Base, eraser: Eraser) -> tuple[Loop, ...]:
    """What is deleted, trimmed and encrypted anew."""
    settings = base.configuration.settings
    return (
        Retention(base.database).keep_deleting,
        OrderedErasures(base.database, eraser).keep_erasing,
        AuditRetention(base.database, kept_days=settings.audit_retention_days).keep_trimming,
        KeyChange(base.database, split_keys(settings.admin_secret_keys)).keep_encrypting,
    )


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


def _alerts(base: Base) -> AlertWatch:
    settings = base.configuration.settings
    return AlertWatch(
        database=base.database,
        conditions=Conditions(workers=base.workers, data_dir=settings.data_dir),
        channels=Channels(settings, base.outbound),
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
