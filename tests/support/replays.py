"""Replays for tests: a feeder, and a worker that answers what is in the lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.replay.feeder import ReplayFeeder
from bot.admin.replay.past_prompts import PastPrompts, PromptDefaults
from bot.conversation.prompt_date import PromptDate
from bot.domain.replays import ReplayOptions
from bot.store.replays import orders, records
from bot.store.replays.orders import NewReplay
from bot.store.replays.records import ItemCounts
from bot.store.schema import replay_items
from inference_queue.background.leases import BackgroundLeases, Offer
from inference_queue.background.protocol import BackgroundResult
from inference_queue.protocol import Completion, FinishReason, Job
from tests.support.admin import MESSENGER_LABELS

OFFER = Offer(model="new-model", preset="demo", engine="served")
#: The system prompt of the environment.
OWN_PROMPT = "오늘은 {date}이에요."


def defaults(**changes: Any) -> PromptDefaults:
    given: dict[str, Any] = {
        "preset": "bllossom-8b",
        "system_prompt": "",
        "history_turns": 20,
        "max_new_tokens": {},
        "date": PromptDate(),
    }
    return PromptDefaults(**given | changes)


def a_feeder(database: AsyncEngine, **changes: Any) -> ReplayFeeder:
    return ReplayFeeder(
        database=database,
        prompts=PastPrompts(defaults(**changes)),
        messenger_labels=MESSENGER_LABELS,
    )


async def order_replay(
    database: AsyncEngine, *, options: ReplayOptions | None = None, seed: int = 1, **fields: Any
) -> int:
    given: dict[str, Any] = {"name": "새 프롬프트", "author": "admin"}
    new = NewReplay(**given | fields, options=options or ReplayOptions())
    async with database.begin() as connection:
        return await orders.order(connection, new, seed=seed)


async def feed(feeder: ReplayFeeder, rounds: int = 3) -> None:
    for _ in range(rounds):
        await feeder.feed()


def completed(words: str) -> Completion:
    return Completion(
        text=words,
        finish_reason=FinishReason.STOP,
        model="new-model",
        prompt_tokens=9,
        completion_tokens=5,
        total_ms=120.0,
    )


async def answer_all(
    database: AsyncEngine,
    reply: Callable[[Job], BackgroundResult] = lambda job: completed(
        f"새 답: {job.messages[-1].content}"
    ),
    *,
    at_most: int = 1_000,
    offer: Offer = OFFER,
) -> list[Job]:
    """Answer what waits in the lane, as a worker would; the jobs."""
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    jobs: list[Job] = []
    for lease in await leases.claim(at_most, offer):
        assert isinstance(lease.job, Job)
        jobs.append(lease.job)
        assert await leases.finish(lease, reply(lease.job))
    return jobs


async def counts_of(database: AsyncEngine, replay_id: int) -> ItemCounts:
    async with database.connect() as connection:
        found = await records.count_items(connection, [replay_id])
    return found.get(replay_id, ItemCounts())


async def items_of(database: AsyncEngine, replay_id: int) -> list[Any]:
    async with database.connect() as connection:
        wanted = select(replay_items).where(replay_items.c.replay_id == replay_id)
        return list(await connection.execute(wanted.order_by(replay_items.c.position)))


async def state_of(database: AsyncEngine, replay_id: int) -> str:
    async with database.connect() as connection:
        found = await records.find(connection, replay_id)
    assert found is not None
    return found.state.value
