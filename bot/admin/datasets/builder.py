"""The job that builds data sets: a page of judged turns at a time, by whichever bot comes first."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.datasets.checker import DatasetChecker
from bot.admin.datasets.judged import Judged, read_page
from bot.admin.datasets.making import make_item
from bot.admin.search.criteria import Criteria
from bot.admin.search.fields import all_fields
from bot.admin.search.query import parse
from bot.admin.turns.filters import Cursor
from bot.admin.turns.listing import list_ids
from bot.domain.datasets import DatasetKind, DatasetState, LeftOut
from bot.observability.database_errors import report_fault
from bot.privacy.erasure import ROLLED_BACK
from bot.privacy.masking_thread import run_masking
from bot.store.datasets import items, progress, sources
from bot.store.datasets.items import Item
from bot.store.datasets.sets import Dataset
from bot.store.savepoints import store_each
from runtime.database import DATABASE_ERRORS, is_gone, sqlstate

log = structlog.get_logger(__name__)

#: A check that waits for workers is looked at so often.
CHECK_EVERY_S = 2.0


class DatasetBuilder:
    """Builds and checks data sets; after a restart it goes on where the last step ended."""

    def __init__(self, *, database: AsyncEngine, messenger_labels: Mapping[str, str]) -> None:
        self._database = database.execution_options(isolation_level="READ COMMITTED")
        self._messengers = messenger_labels
        self._checker = DatasetChecker()

    async def build(self) -> None:
        """Build what is ordered by now. Raises DATABASE_ERRORS."""
        while dataset := await self._claim():
            try:
                await self._step(dataset)
            except asyncio.CancelledError:
                await asyncio.shield(self._release(dataset))
                raise
            except Exception as error:
                if _is_passing(error):
                    with contextlib.suppress(*DATABASE_ERRORS):
                        await self._release(dataset, pause_s=CHECK_EVERY_S)
                    raise
                log.exception("dataset_failed", dataset=dataset.id)
                async with self._database.begin() as connection:
                    await progress.turn_to(connection, dataset, DatasetState.FAILED)

    async def _claim(self) -> Dataset | None:
        async with self._database.begin() as connection:
            return await progress.claim(connection)

    async def _release(self, dataset: Dataset, *, pause_s: float = 0) -> None:
        """The claim of a step that did not end keeps nobody waiting."""
        async with self._database.begin() as connection:
            await progress.release(connection, dataset, pause_s=pause_s)

    async def _step(self, claimed: Dataset) -> None:
        """One step, while the row is locked: an erasure or opt-out that comes meanwhile waits."""
        async with self._database.begin() as connection:
            dataset = await progress.renew(connection, claimed)
            if dataset is None:
                return
            waits = False
            if dataset.state == DatasetState.CHECKING:
                waits = await self._checker.step(connection, dataset)
            else:
                await self._add_page(connection, dataset)
            await progress.release(connection, dataset, pause_s=CHECK_EVERY_S if waits else 0)

    async def _add_page(self, connection: AsyncConnection, dataset: Dataset) -> None:
        query = parse(dataset.query, all_fields(self._messengers))
        after = Cursor.parse(dataset.cursor) if dataset.cursor else None
        few = await sources.are_few(connection)
        narrowed = _listed if few else _walked
        ids, following = await list_ids(
            self._database, query, after, self._messengers, narrowed=narrowed
        )
        judged = await read_page(connection, ids)
        made, left_out = await run_masking(lambda: _made(judged, dataset))
        added = await _add(connection, dataset, made, left_out)
        await progress.advance(
            connection,
            dataset,
            cursor=str(following or ""),
            looked_at=len(judged),
            made=added,
            left_out=+left_out,
        )
        if following is None:
            await self._end(connection, dataset)

    async def _end(self, connection: AsyncConnection, dataset: Dataset) -> None:
        state = DatasetState.CHECKING if dataset.preset else DatasetState.READY
        await progress.turn_to(connection, dataset, state)
        log.info("dataset_built", dataset=dataset.id, state=state.value)


async def _add(
    connection: AsyncConnection, dataset: Dataset, made: Sequence[Item], left_out: Counter[str]
) -> int:
    """Add the items, without those that the set has or that Postgres refuses; their number."""
    added: list[int] = []

    async def add(some: Sequence[Item]) -> None:
        added.append(await items.add(connection, dataset.id, some))

    async def refuse(item: Item, error: Exception) -> None:
        report_fault("dataset_item", error, [item.turn_id])
        left_out[LeftOut.REFUSED] += 1

    await store_each(connection, made, add, on_refused=refuse)
    left_out[LeftOut.DUPLICATE] += len(made) - sum(added) - left_out[LeftOut.REFUSED]
    return sum(added)


def _is_passing(error: Exception) -> bool:
    """Whether the step may succeed later: Postgres is gone, or two waited for each other."""
    if not isinstance(error, DATABASE_ERRORS):
        return False
    return is_gone(error) or sqlstate(error) in ROLLED_BACK


def _listed(criteria: Criteria) -> Criteria:
    return _walked(criteria).within(sources.candidates())


def _walked(criteria: Criteria) -> Criteria:
    return criteria.meeting(sources.is_candidate())


def _made(judged: Sequence[Judged], dataset: Dataset) -> tuple[list[Item], Counter[str]]:
    kind, made = DatasetKind(dataset.kind), list[Item]()
    left_out: Counter[str] = Counter()
    for one in judged:
        item = make_item(one, kind, loose=dataset.loose)
        if isinstance(item, Item):
            made.append(item)
        else:
            left_out[item] += 1
    return made, left_out
