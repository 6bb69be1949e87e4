"""The list of turns as an operator may see it: what masking hides, a search does not find.

Otherwise a search would tell the digits of a masked number, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.compile import compile_query
from bot.admin.search.criteria import PAGE_SIZE, Criteria
from bot.admin.search.query import Query
from bot.admin.turns.filters import Cursor
from bot.admin.turns.finding import find_turns
from bot.admin.turns.identities import find_identities
from bot.admin.turns.rows import TurnRow
from bot.admin.turns.view_models import TurnListItem, list_item
from bot.privacy.masking_thread import run_masking
from bot.store.search.words import Word

#: Statements of one page: so many hidden matches are passed over before it is shown as it is.
MAX_ROUNDS = 4
#: Of a page whose turns nobody sees: who reads and masks them keeps a transaction open meanwhile,
#: a tenth of a second.
IDS_PER_PAGE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list."""

    items: Sequence[TurnListItem]
    after: Cursor | None  #: of the next page
    reached: datetime | None = None  #: the time was over: older turns were not looked at


def _unchanged(criteria: Criteria) -> Criteria:
    return criteria


async def list_items(
    database: AsyncEngine,
    query: Query,
    after: Cursor | None,
    messenger_labels: Mapping[str, str],
    *,
    narrowed: Callable[[Criteria], Criteria] = _unchanged,
) -> Listing:
    """The newest turns below ``after`` that meet the query, at most ``PAGE_SIZE``.

    ``narrowed`` may add what the turns have to meet beside the query.
    """
    criteria = await _criteria(database, query, narrowed)
    shown: list[tuple[TurnRow, TurnListItem]] = []
    reached = None
    for _ in range(MAX_ROUNDS):
        found = await find_turns(database, criteria, after)
        shown += await run_masking(partial(_visible, found.turns, query.words, messenger_labels))
        after, reached = found.after, found.reached
        if after is None or reached or len(shown) >= PAGE_SIZE:
            break
    if len(shown) > PAGE_SIZE:
        shown = shown[:PAGE_SIZE]
        after, reached = Cursor(shown[-1][0].received_at, shown[-1][0].id), None
    return Listing(items=[item for _, item in shown], after=after, reached=reached)


async def list_ids(
    database: AsyncEngine,
    query: Query,
    after: Cursor | None,
    messenger_labels: Mapping[str, str],
    *,
    narrowed: Callable[[Criteria], Criteria] = _unchanged,
) -> tuple[list[UUID], Cursor | None]:
    """The ids of the same turns, and the cursor of the next page.

    Where no words are looked for, masking hides no turn: none is masked here, and a page has
    ``IDS_PER_PAGE``.
    """
    if query.words:
        found = await list_items(database, query, after, messenger_labels, narrowed=narrowed)
        return [item.summary.id for item in found.items], found.after
    criteria = (await _criteria(database, query, narrowed)).in_pages_of(IDS_PER_PAGE)
    page = await find_turns(database, criteria, after)
    return [row.id for row in page.turns], page.after


async def _criteria(
    database: AsyncEngine, query: Query, narrowed: Callable[[Criteria], Criteria]
) -> Criteria:
    identities = await find_identities(database, query)
    return narrowed(compile_query(query, datetime.now(UTC), identities))


def _visible(
    rows: Sequence[TurnRow], words: Sequence[Word], messenger_labels: Mapping[str, str]
) -> list[tuple[TurnRow, TurnListItem]]:
    items = ((row, list_item(row, words, messenger_labels)) for row in rows)
    return [(row, item) for row, item in items if item is not None]
