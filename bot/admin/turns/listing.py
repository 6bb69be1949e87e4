"""The list of turns as an operator may see it: what masking hides, a search does not find.

Otherwise a search would tell the digits of a masked number, a few at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.turns.filters import Cursor, Filters
from bot.admin.turns.queries import PAGE_SIZE, list_turns
from bot.admin.turns.rows import TurnRow
from bot.admin.turns.view_models import TurnListItem, list_item
from bot.privacy.masking_thread import run_masking

#: Statements of one page: so many hidden matches are passed over before it is shown as it is.
MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list."""

    items: Sequence[TurnListItem]
    after: Cursor | None  #: of the next page


async def list_items(
    database: AsyncEngine,
    filters: Filters,
    after: Cursor | None,
    messenger_labels: Mapping[str, str],
) -> Listing:
    """The newest turns below ``after`` that pass the filters, at most ``PAGE_SIZE``."""
    shown: list[tuple[TurnRow, TurnListItem]] = []
    for _ in range(MAX_ROUNDS):
        found = await list_turns(database, filters, after)
        shown += await run_masking(partial(_visible, found.turns, filters.q, messenger_labels))
        after = found.after
        if after is None or len(shown) >= PAGE_SIZE:
            break
    if len(shown) > PAGE_SIZE:
        shown = shown[:PAGE_SIZE]
        after = Cursor(shown[-1][0].received_at, shown[-1][0].id)
    return Listing(items=[item for _, item in shown], after=after)


def _visible(
    rows: Sequence[TurnRow], query: str, messenger_labels: Mapping[str, str]
) -> list[tuple[TurnRow, TurnListItem]]:
    items = ((row, list_item(row, query, messenger_labels)) for row in rows)
    return [(row, item) for row, item in items if not query or _shows_match(item)]


def _shows_match(item: TurnListItem) -> bool:
    return bool(item.question.match or item.answer.match)
