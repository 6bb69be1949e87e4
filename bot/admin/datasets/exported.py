"""A data set as a folder in a ZIP: a card, and a file of JSON lines for each split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.datasets.card import card, file_name
from bot.admin.exports.lists import Page
from bot.admin.web.labels import stamp
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.domain.dashboard_users import Role
from bot.domain.datasets import DatasetState, Split
from bot.domain.exports import ExportFormat
from bot.store.datasets import items, sets
from bot.store.datasets.sets import Dataset

PAGE_SIZE = 200
NOT_READY = "아직 만드는 중이거나 없는 데이터 세트입니다. 완료된 뒤에 내보내 주세요."
_SPLITS = [split.value for split in Split]


class ExportedDataset:
    """The items of one data set, ``dataset`` in its query; its cursor is ``split/id``."""

    name = "datasets"
    label = "데이터 세트"
    role = Role.REVIEWER
    formats = (ExportFormat.DATASET,)
    columns = ()

    def problem(self, query: Mapping[str, str]) -> str:
        """Whether a data set is named."""
        raw = query.get("dataset", "")
        return "" if whole_number(raw) is not None else _(NOT_READY)

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The card first, then the items, split by split."""
        async with database.connect() as connection:
            dataset = await sets.find(connection, int(query["dataset"]))
        if dataset is None or dataset.state != DatasetState.READY:
            return Page(rows=())
        split, _slash, last = (after or f"{_SPLITS[0]}/").partition("/")
        async with database.connect() as connection:
            found = await items.listed(
                connection, dataset.id, split=split, after=last, limit=PAGE_SIZE
            )
        head = [] if after else await _card(database, dataset)
        rows = [(file_name(split), json.dumps(item.content, ensure_ascii=False)) for item in found]
        return Page(
            rows=rows,
            head=head,
            people=frozenset(item.person for item in found),
            after=_next(split, found[-1].id if len(found) == PAGE_SIZE else ""),
        )


async def _card(database: AsyncEngine, dataset: Dataset) -> list[tuple[str, str]]:
    """The README, as one row; none for a data set without items."""
    async with database.connect() as connection:
        counts = await items.count(connection, dataset.id)
    if not counts.all:
        return []
    return [("README.md", card(dataset, counts, exported_at=stamp(datetime.now(UTC))))]


def _next(split: str, last: str) -> str:
    if last:
        return f"{split}/{last}"
    behind = _SPLITS[_SPLITS.index(split) + 1 :]
    return f"{behind[0]}/" if behind else ""
