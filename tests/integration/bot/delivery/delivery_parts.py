"""Delivery's parts on a real database, with a messenger that keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import REGISTRY
from redis.asyncio import Redis
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.answers import AnswerPresenter
from bot.delivery.claimer import DeliveryClaimer
from bot.delivery.dispatcher import DeliveryDispatcher
from bot.delivery.outcome_recorder import OutcomeRecorder
from bot.delivery.sender import DeliverySender
from bot.delivery.sync_window import SyncWindow
from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.messenger import Messenger
from bot.store.reply_handles import dump_handle
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from runtime.database import connect_database
from runtime.redis_client import connect_redis
from runtime.tasks import TaskSet
from tests.support.sample_turns import add_turn

NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Mailbox:
    """A Messenger that notes every answer and returns ``result``."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    result: DeliveryResult = field(
        default_factory=lambda: DeliveryResult(outcome=Outcome.DELIVERED, detail="HTTP 200 taken")
    )

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        self.answers.append(answer)
        return self.result

    @property
    def turn_ids(self) -> set[UUID]:
        return {answer.turn_id for answer in self.answers}


class DeliveryParts:
    """What app.py builds of delivery, without its loops."""

    def __init__(self, database: AsyncEngine, redis: Redis) -> None:
        self.database = database
        self.slack, self.kakao = Mailbox("slack"), Mailbox("kakao")
        messengers: Mapping[str, Messenger] = {"slack": self.slack, "kakao": self.kakao}
        self.in_flight = TaskSet()
        self.recorder = OutcomeRecorder(database=database, in_flight=self.in_flight)
        answers = AnswerPresenter(
            database=database,
            texts=TEXTS["ko"],
            queue=JobQueue(redis),
            workers=WorkerRegistry(redis),
            ai_notice=True,
        )
        self.claimer = DeliveryClaimer(database=database, messengers=messengers)
        self.sync_window = SyncWindow(database=database, answers=answers, recorder=self.recorder)
        self.dispatcher = DeliveryDispatcher(
            claimer=self.claimer,
            sender=DeliverySender(
                database=database, messengers=messengers, answers=answers, recorder=self.recorder
            ),
            in_flight=self.in_flight,
        )

    async def add_answers(self, count: int, **columns: Any) -> list[UUID]:
        """Pending answers, each of a conversation of its own."""
        by_post = columns.get("messenger", "slack") == "slack"
        handle = ReplyHandle(
            via=DeliveryVia.POST if by_post else DeliveryVia.CALLBACK,
            expires_at=datetime.now(UTC) + timedelta(minutes=10),
        )
        columns = {
            "messenger": "slack",
            "delivery": "pending",
            "reply_handle": dump_handle(handle),
            **columns,
        }
        return [
            await add_turn(self.database, key=f"room-{uuid4()}", **columns) for _ in range(count)
        ]

    async def deliver(self) -> None:
        """Send all that is due now, and see it recorded."""
        await self.dispatcher.deliver_due()
        await self.recorded()

    async def recorded(self) -> None:
        """Wait for what is on the wire and for its outcomes."""
        async with asyncio.timeout(30):
            await self.in_flight.wait()

    async def execute(self, *statements: str) -> None:
        async with self.database.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def delivery(self, turn_id: UUID) -> Row[Any]:
        async with self.database.connect() as connection:
            statement = text("SELECT * FROM deliveries WHERE turn_id = :turn_id")
            return (await connection.execute(statement, {"turn_id": turn_id})).one()

    async def states(self, turn_ids: list[UUID]) -> list[str]:
        return [(await self.delivery(turn_id)).state for turn_id in turn_ids]

    async def ledger(self, turn_id: UUID) -> list[tuple[str, str]]:
        """State and detail of every attempt."""
        async with self.database.connect() as connection:
            statement = text(
                "SELECT state, detail FROM delivery_attempts WHERE turn_id = :turn_id ORDER BY id"
            )
            return [tuple(row) for row in await connection.execute(statement, {"turn_id": turn_id})]

    async def break_row(
        self, turn_id: UUID, *, when: str, does: str = "RAISE EXCEPTION 'broken row'"
    ) -> None:
        """A trigger before every update of this delivery of which ``when`` holds."""
        await self.execute(
            "CREATE OR REPLACE FUNCTION break_row() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {does}; RETURN NEW; END $$",
            f"""CREATE OR REPLACE TRIGGER break_row BEFORE UPDATE ON deliveries FOR EACH ROW
            WHEN (NEW.turn_id = '{turn_id}' AND ({when})) EXECUTE FUNCTION break_row()""",
        )

    async def mend_row(self) -> None:
        await self.execute("DROP TRIGGER break_row ON deliveries")


@asynccontextmanager
async def delivery_parts(
    database_url: str, *, statement_timeout_ms: int = 0
) -> AsyncIterator[DeliveryParts]:
    """The parts; Redis is away, which delivery can do without."""
    database = connect_database(database_url, pool_size=8)
    redis = connect_redis(NOWHERE)
    if statement_timeout_ms:
        async with database.begin() as connection:
            name = await connection.scalar(text("SELECT current_database()"))
            await connection.execute(
                text(f'ALTER DATABASE "{name}" SET statement_timeout = {statement_timeout_ms}')
            )
        await database.dispose()
    parts = DeliveryParts(database, redis)
    try:
        yield parts
    finally:
        await parts.recorded()
        await redis.aclose()
        await database.dispose()


def faults(statement: str) -> float:
    """How many faults of the statement were counted so far."""
    found = REGISTRY.get_sample_value("bot_database_faults_total", {"statement": statement})
    return found or 0.0
