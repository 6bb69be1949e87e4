"""The steps of a data set, for the bot that has claimed it; the commits are the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Update, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.datasets import OPEN_DATASETS, DatasetState
from bot.store.datasets.sets import COLUMNS, Dataset, read_dataset
from bot.store.schema import datasets

#: Longer than any step takes.
CLAIM_S = 60.0

_OPEN = [state.value for state in OPEN_DATASETS]


async def hold_open(connection: AsyncConnection) -> None:
    """Wait for the steps that run, and hold the next ones until the transaction's end."""
    opened = select(datasets.c.id).where(datasets.c.state.in_(_OPEN)).order_by(datasets.c.id)
    await connection.execute(opened.with_for_update())


async def claim(connection: AsyncConnection, *, claim_s: float = CLAIM_S) -> Dataset | None:
    """Claim the open data set that no bot has worked on for longest; None: there is none."""
    free = (
        select(datasets.c.id)
        .where(
            datasets.c.state.in_(_OPEN),
            or_(datasets.c.claimed_until.is_(None), datasets.c.claimed_until < func.now()),
        )
        .order_by(datasets.c.claimed_until.asc().nulls_first(), datasets.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = update(datasets).where(datasets.c.id == free.scalar_subquery())
    taken = statement.values(
        claim=datasets.c.claim + 1, claimed_until=func.now() + timedelta(seconds=claim_s)
    )
    row = (await connection.execute(taken.returning(*COLUMNS))).one_or_none()
    return read_dataset(row) if row else None


async def renew(
    connection: AsyncConnection, dataset: Dataset, *, claim_s: float = CLAIM_S
) -> Dataset | None:
    """Lock the data set for a step; None: it has ended, or another bot has it by now."""
    statement = _of(dataset).values(claimed_until=func.now() + timedelta(seconds=claim_s))
    row = (await connection.execute(statement.returning(*COLUMNS))).one_or_none()
    return read_dataset(row) if row else None


async def release(connection: AsyncConnection, dataset: Dataset, *, pause_s: float = 0) -> None:
    """Leave the data set to whichever bot looks next, after the pause."""
    until = func.now() + timedelta(seconds=pause_s)
    await connection.execute(_of(dataset).values(claimed_until=until))


async def advance(
    connection: AsyncConnection,
    dataset: Dataset,
    *,
    cursor: str,
    looked_at: int = 0,
    made: int = 0,
    left_out: Mapping[str, int],
) -> None:
    """Store where the next step begins, with what this one has added."""
    counts = dict(Counter(dataset.left_out) + Counter(left_out))
    await connection.execute(
        _of(dataset).values(
            cursor=cursor,
            looked_at=datasets.c.looked_at + looked_at,
            made=datasets.c.made + made,
            left_out=counts,
        )
    )


async def turn_to(connection: AsyncConnection, dataset: Dataset, state: DatasetState) -> None:
    """Go on to another state; the last ones end the work."""
    ended = None if state in OPEN_DATASETS else func.now()
    await connection.execute(_of(dataset).values(state=state.value, ended_at=ended))


async def end_check(connection: AsyncConnection, dataset_id: int) -> bool:
    """Leave the rest of a check; False: none runs."""
    checked = update(datasets).where(
        datasets.c.id == dataset_id, datasets.c.state == DatasetState.CHECKING.value
    )
    ended = checked.values(
        state=DatasetState.READY.value, ended_at=func.now(), claim=datasets.c.claim + 1
    )
    return bool((await connection.execute(ended)).rowcount)


def _of(dataset: Dataset) -> Update:
    """An update of the data set, as long as the claim holds and the work has not ended."""
    return update(datasets).where(
        datasets.c.id == dataset.id,
        datasets.c.claim == dataset.claim,
        datasets.c.state.in_(_OPEN),
    )
