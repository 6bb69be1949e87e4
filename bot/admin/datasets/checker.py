"""The check of a data set: each item is rendered by a worker, with the preset's own template.

A worker has the model's chat template and tokenizer; the bot has neither. The jobs run in the
background lane, below live ones, and wait while no worker has that preset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.lane_results import LaneResults
from bot.domain.datasets import DatasetState, LeftOut
from bot.observability.database_errors import report_fault
from bot.store.datasets import checks, items, progress
from bot.store.datasets.items import StoredItem
from bot.store.datasets.sets import Dataset
from bot.store.savepoints import store_each
from inference_queue.background import client
from inference_queue.background.client import FinishedBackgroundJob
from inference_queue.background.protocol import Rendering, RenderJob, Target
from inference_queue.protocol import Failure, FailureReason, Message, Role

#: Items whose jobs are on their way.
MAX_OUTSTANDING = 400


class DatasetChecker:
    """Sends items to the workers, and takes out those that do not pass.

    An item that Postgres refuses is left out like one that does not pass.
    """

    def __init__(self) -> None:
        self._results = LaneResults("dataset_check_result")

    async def step(self, connection: AsyncConnection, dataset: Dataset) -> bool:
        """One step; whether the next one has to wait for workers."""
        left_out: Counter[str] = Counter()
        finished = await self._judge(connection, dataset, left_out)
        sent, cursor = await _send(connection, dataset, left_out)
        await progress.advance(
            connection, dataset, cursor=cursor, made=-left_out.total(), left_out=left_out
        )
        if not sent and not await checks.outstanding(connection, dataset.id):
            await progress.turn_to(connection, dataset, DatasetState.READY)
        return not finished

    async def _judge(
        self, connection: AsyncConnection, dataset: Dataset, left_out: Counter[str]
    ) -> int:
        """Store the lengths, and take out what does not pass; how many results there were."""

        async def store(finished: Sequence[FinishedBackgroundJob]) -> None:
            refused = await _store(connection, dataset, finished)
            left_out.update(reason.value for reason in refused.values())

        async def refuse(job_id: UUID) -> None:
            of_item = await checks.take(connection, [job_id])
            for item_id in of_item.values():
                await _leave_out(connection, dataset, item_id, left_out)

        return await self._results.take(connection, dataset.batch_id, store, refuse)


async def _store(
    connection: AsyncConnection, dataset: Dataset, finished: Sequence[FinishedBackgroundJob]
) -> dict[str, LeftOut]:
    """Store the lengths, and take out what does not pass; why, by the item's id."""
    of_item = await checks.take(connection, [job.id for job in finished])
    refused: dict[str, LeftOut] = {}
    for job in finished:
        item_id = of_item.get(job.id)
        if item_id is None:
            continue
        if reason := verdict(job.result, dataset.max_tokens):
            refused[item_id] = reason
        elif isinstance(job.result, Rendering):
            await items.set_tokens(connection, dataset.id, item_id, _length(job.result))
    if refused:
        await items.take_out(connection, dataset.id, set(refused))
    return refused


async def _send(
    connection: AsyncConnection, dataset: Dataset, left_out: Counter[str]
) -> tuple[int, str]:
    """Put the next items into the lane; their number, and the id of the last one."""
    room = MAX_OUTSTANDING - await checks.outstanding(connection, dataset.id)
    if room <= 0:
        return 0, dataset.cursor
    found = await items.unchecked(connection, dataset.id, after=dataset.cursor, limit=room)

    async def send(some: Sequence[StoredItem]) -> None:
        jobs = [(job, item.id) for item in some for job in render_jobs(dataset.batch_id, item)]
        await checks.add(connection, dataset.id, {job.id: item_id for job, item_id in jobs})
        target = Target(preset=dataset.preset)
        await client.enqueue(connection, dataset.batch_id, [job for job, _ in jobs], target)

    async def refuse(item: StoredItem, error: Exception) -> None:
        report_fault("dataset_check", error, [item.turn_id])
        await _leave_out(connection, dataset, item.id, left_out)

    await store_each(connection, found, send, on_refused=refuse)
    return len(found), found[-1].id if found else dataset.cursor


async def _leave_out(
    connection: AsyncConnection, dataset: Dataset, item_id: str, left_out: Counter[str]
) -> None:
    """Take out an item that Postgres refuses; one that it keeps nevertheless stays unchecked."""

    async def take_out(some: Sequence[str]) -> None:
        if await items.take_out(connection, dataset.id, set(some)):
            left_out[LeftOut.REFUSED] += 1

    async def keep(item_id: str, error: Exception) -> None:
        report_fault("dataset_take_out", error, ids={"dataset": dataset.id, "item": item_id})

    await store_each(connection, [item_id], take_out, on_refused=keep)


def render_jobs(batch_id: UUID, item: StoredItem) -> list[RenderJob]:
    """The jobs of an item: one for each of its answers. Always the same for a batch."""
    content = item.content
    if "messages" in content:
        *prompt, answer = content["messages"]
        answers = [answer]
    else:
        prompt, answers = content["prompt"], [*content["chosen"], *content["rejected"]]
    messages = tuple(Message(Role(one["role"]), one["content"]) for one in prompt)
    return [
        RenderJob(
            id=uuid5(batch_id, f"{item.id}/{number}"),
            messages=messages,
            completion=answer["content"],
        )
        for number, answer in enumerate(answers)
    ]


def verdict(result: object, max_tokens: int) -> LeftOut | None:
    """Why an item does not pass; None: it does."""
    if isinstance(result, Failure) and result.reason is FailureReason.PROMPT_TOO_LONG:
        return LeftOut.TOO_LONG
    if not isinstance(result, Rendering) or not result.is_consistent or result.markers:
        return LeftOut.NOT_RENDERED
    window = result.context_window or max_tokens
    return LeftOut.TOO_LONG if _length(result) > min(max_tokens, window) else None


def _length(rendering: Rendering) -> int:
    return rendering.prompt_tokens + rendering.completion_tokens
