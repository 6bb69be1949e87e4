"""The jobs that render items, until their results are taken. Commits are the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import dataset_checks, dataset_items


async def add(connection: AsyncConnection, dataset_id: int, jobs: Mapping[UUID, str]) -> None:
    """Note which job renders which item."""
    rows = [
        {"job_id": job_id, "dataset_id": dataset_id, "item_id": item_id}
        for job_id, item_id in jobs.items()
    ]
    if rows:
        await connection.execute(insert(dataset_checks).on_conflict_do_nothing(), rows)


async def take(connection: AsyncConnection, job_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The items of these jobs, which are done; an item that is gone is absent."""
    done = delete(dataset_checks).where(dataset_checks.c.job_id.in_(list(job_ids)))
    found = await connection.execute(
        done.returning(dataset_checks.c.job_id, dataset_checks.c.item_id)
    )
    return {row.job_id: row.item_id for row in found}


async def leave(connection: AsyncConnection, dataset_id: int) -> None:
    """No item of the data set is to be rendered any more: its jobs go with these rows."""
    await connection.execute(
        delete(dataset_checks).where(dataset_checks.c.dataset_id == dataset_id)
    )


async def outstanding(connection: AsyncConnection, dataset_id: int) -> int:
    """How many jobs are on their way."""
    waiting = select(func.count()).where(dataset_checks.c.dataset_id == dataset_id)
    return int(await connection.scalar(waiting) or 0)


async def of_person(connection: AsyncConnection, person: str) -> list[UUID]:
    """The jobs that hold the person's words."""
    of_item = (dataset_items.c.dataset_id == dataset_checks.c.dataset_id) & (
        dataset_items.c.id == dataset_checks.c.item_id
    )
    statement = (
        select(dataset_checks.c.job_id)
        .join(dataset_items, of_item)
        .where(dataset_items.c.person == person)
    )
    return list((await connection.execute(statement)).scalars())
