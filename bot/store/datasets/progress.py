"""The steps of a data set, for the bot that has claimed it; the commits are the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Update, Uuid, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.datasets import OPEN_DATASETS, DatasetState
from bot.store.datasets import checks
from bot.store.datasets.sets import COLUMNS, Dataset, read_dataset
from bot.store.schema import datasets

#: Longer than any step takes.
CLAIM_S = 60.0

_OPEN = [state.value for state in OPEN_DATASETS]
_HOLD_CHECKED = text(
    """
    SELECT id FROM datasets WHERE state = 'checking' AND id IN (
        SELECT dataset_id FROM dataset_items WHERE turn_id = ANY(:turn_ids)
        UNION ALL SELECT dataset_id FROM dataset_items WHERE first_turn_id = ANY(:turn_ids)
        UNION ALL SELECT dataset_id FROM dataset_items WHERE other_turn_id = ANY(:turn_ids)
    ) ORDER BY id FOR UPDATE
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))


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
    """Go on to another state; the last ones end the work, and leave nothing in the lane."""
    ended = None if state in OPEN_DATASETS else func.now()
    changed = await connection.execute(_of(dataset).values(state=state.value, ended_at=ended))
    if changed.rowcount and ended is not None:
        await checks.leave(connection, dataset.id)


async def end_check(connection: AsyncConnection, dataset_id: int) -> bool:
    """Leave the rest of a check, with its jobs; False: none runs."""
    checked = update(datasets).where(
        datasets.c.id == dataset_id, datasets.c.state == DatasetState.CHECKING.value
    )
    ended = checked.values(
        state=DatasetState.READY.value, ended_at=func.now(), claim=datasets.c.claim + 1
    )
    if not (await connection.execute(ended)).rowcount:
        return False
    await checks.leave(connection, dataset_id)
    return True


async def hold_checked(connection: AsyncConnection, turn_ids: Sequence[UUID]) -> None:
    """Wait for the steps of checks that have items of these turns, and hold the next ones.

    A step locks its data set, then jobs and items; whoever deletes turns comes from the other end.
    """
    await connection.execute(_HOLD_CHECKED, {"turn_ids": list(turn_ids)})


def _of(dataset: Dataset) -> Update:
    """An update of the data set, as long as the claim holds and the work has not ended."""
    return update(datasets).where(
        datasets.c.id == dataset.id,
        datasets.c.claim == dataset.claim,
        datasets.c.state.in_(_OPEN),
    )
