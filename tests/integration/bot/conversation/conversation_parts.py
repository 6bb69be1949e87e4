"""The parts of the conversation on real Postgres and Valkey, without loops and messengers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import REGISTRY
from redis.asyncio import Redis
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.admission import Admission
from bot.admission.backlog import Backlog
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.early_planner import EarlyPlanner
from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.inbox import Inbox
from bot.conversation.job_planner import JobPlanner
from bot.conversation.prompt import PromptBuilder
from bot.conversation.scheduler import ConversationScheduler
from bot.conversation.settlement_events import SettlementNotifier
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.conversation.settler import Settler
from bot.conversation.sweeper import TurnSweeper
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance
from bot.store import inbox as inbox_store
from bot.store.history_cache import RecentHistory
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import JobQueue
from inference_queue.leases import LeaseClient
from inference_queue.protocol import Completion, FinishReason
from runtime.database import connect_database
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis


@dataclass
class Parts:
    """Every part, and what tests do with them."""

    database: AsyncEngine
    redis: Redis
    queue: JobQueue
    inbox: Inbox
    early: EarlyPlanner
    scheduler: ConversationScheduler
    settler: Settler
    finished: WakeupSubscriber  #: of the settler; it hears nothing until its context begins
    sweeper: TurnSweeper
    worker: LeaseClient
    canceller: TurnCanceller
    other_bot: Callable[[], AbstractAsyncContextManager[Parts]]  #: a second one on the same stores
    notified: list[UUID] = field(default_factory=list)

    async def wait(self, words: str, *, key: str = "", **changes: Any) -> UUID:
        """A turn that waits, accepted without being scheduled."""
        said = utterance(words, key=key or words, **changes)
        async with self.database.begin() as connection:
            [accepted] = await inbox_store.accept(connection, [said])
        assert isinstance(accepted, inbox_store.Accepted)
        return accepted.turn_id

    async def schedule_all(self) -> None:
        ids = [row.id for row in await self.rows("SELECT id FROM conversations ORDER BY id")]
        await self.scheduler.schedule(ids)
        await self.scheduler.close()

    async def work(self, answer: str = "답") -> int:
        """Claim and finish every job; the answer repeats the question."""
        leases = await self.worker.claim(100)
        for lease in leases:
            question = lease.job.messages[-1].content
            await self.worker.finish(lease, completion(f"{answer}: {question}"))
        return len(leases)

    async def rows(self, statement: str) -> list[Row[Any]]:
        async with self.database.connect() as connection:
            return list((await connection.execute(text(statement))).all())

    async def execute(self, *statements: str) -> None:
        async with self.database.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def causes(self) -> set[str]:
        """The causes of the wake-ups of all finished jobs."""
        return {
            str(job.id) for job in await self.rows("SELECT id FROM jobs WHERE state = 'finished'")
        }

    async def statuses(self) -> dict[str, str]:
        """The status of each turn by its text."""
        return {row.text: row.status for row in await self.rows("SELECT text, status FROM turns")}


def utterance(words: str, *, key: str = "철수", **changes: Any) -> Utterance:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "messenger": "slack",
        "tenant": "T1",
        "conversation_key": key,
        "event_key": uuid4().hex,
        "sender": "U1",
        "text": words,
        "reply": ReplyHandle(via=DeliveryVia.POST, expires_at=now + timedelta(minutes=5)),
        "received_at": now,
    }
    return Utterance(**{**fields, **changes})


def job_planner(history: RecentHistory, registry: WorkerRegistry) -> JobPlanner:
    """With the settings of a bot for which nothing is set."""
    return JobPlanner(
        history=history,
        prompts=PromptBuilder(
            picture_prompt="사진을 설명해 주세요.",
            preset="auto",
            system_prompt="",
            max_new_tokens={},
            workers=registry,
        ),
    )


def completion(answer: str) -> Completion:
    return Completion(
        text=answer,
        finish_reason=FinishReason.STOP,
        model="m",
        prompt_tokens=1,
        completion_tokens=1,
    )


def faults(statement: str) -> float:
    """How many faults of the statement were counted so far."""
    name = "bot_database_faults_total"
    return REGISTRY.get_sample_value(name, {"statement": statement}) or 0.0


@asynccontextmanager
async def running_parts(
    database_url: str,
    redis_url: str,
    *,
    timeout_s: float = 2.0,
    fault_pause_s: float = 1.0,
    merge_window_s: float = 0.0,
) -> AsyncIterator[Parts]:
    database = connect_database(database_url, pool_size=8)
    redis = connect_redis(redis_url)
    queue, registry = JobQueue(redis), WorkerRegistry(redis)
    wakeup = WakeupPublisher(redis, "settled")
    notified: list[UUID] = []
    notifier = SettlementNotifier(wakeup, notified.extend)
    history = RecentHistory(redis, max_turns=5)
    finished = WakeupSubscriber(redis, FINISHED_CHANNEL)
    planner = job_planner(history, registry)
    early = EarlyPlanner(planner, merge_window_s=merge_window_s)
    scheduler = ConversationScheduler(
        database=database,
        enqueuer=JobEnqueuer(
            database=database,
            queue=queue,
            planner=planner,
            notifier=notifier,
            merge_window_s=merge_window_s,
        ),
        notifier=notifier,
        timeout_s=timeout_s,
        fault_pause_s=fault_pause_s,
    )
    settler = Settler(
        database=database,
        queue=queue,
        finished=finished,
        follow_up=SettlementFollowUp(
            history=history,
            notifier=notifier,
            schedule_soon=scheduler.schedule_soon,
            early=early,
        ),
        timeout_s=timeout_s,
        fault_pause_s=fault_pause_s,
    )
    canceller = TurnCanceller(
        database=database, queue=queue, notifier=notifier, settle_soon=finished.notify_local
    )
    inbox = Inbox(
        database=database,
        admission=Admission(
            rate_limit=RateLimit(redis, 0),
            backlog=Backlog(database, 0),
            forecast=Forecast(database, registry),
            texts=TEXTS["ko"],
        ),
        canceller=canceller,
        scheduler=scheduler,
        early=early,
    )
    worker = LeaseClient(database, redis, worker="w", lease_s=30)
    sweeper = TurnSweeper(database=database, scheduler=scheduler, notifier=notifier)
    try:
        yield Parts(
            database,
            redis,
            queue,
            inbox,
            early,
            scheduler,
            settler,
            finished,
            sweeper,
            worker,
            canceller,
            partial(running_parts, database_url, redis_url),
            notified=notified,
        )
    finally:
        await scheduler.close()
        for publisher in (worker, queue, wakeup):
            await publisher.close()
        await redis.aclose()
        await database.dispose()
