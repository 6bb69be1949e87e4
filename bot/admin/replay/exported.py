"""A replay as CSV or JSONL: UTF-8, masked, with its votes, and without formulas."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports.csv_format import defused
from bot.domain.replays import Preference
from bot.privacy.masking import mask
from bot.privacy.masking_thread import run_masking
from bot.store.replays import votes
from bot.store.replays.votes import Pair

#: Pairs read, masked and sent at a time.
BATCH = 100

Cell = str | int | float | None
COLUMNS = (
    "replay", "position", "turn", "question", "old_answer", "new_answer", "old_model", "new_model",
    "old_tokens", "new_tokens", "old_ms", "new_ms", "votes_old", "votes_new", "votes_tie",
    "votes_both_bad",
)  # fmt: skip


def csv_lines(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows as CSV (RFC 4180), without the header."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerows([_defused(row[column]) for column in COLUMNS] for row in rows)
    return lines.getvalue()


def _defused(cell: Cell) -> Cell:
    return defused(cell) if isinstance(cell, str) else cell


def json_lines(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows as one JSON object a line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


#: The first bytes and the rows of each format; the mark lets Excel read UTF-8.
FORMATS: dict[str, tuple[str, str, Callable[[Sequence[Mapping[str, Cell]]], str]]] = {
    "csv": ("text/csv", "\ufeff" + ",".join(COLUMNS) + "\r\n", csv_lines),
    "jsonl": ("application/jsonl", "", json_lines),
}


async def exported_rows(
    database: AsyncEngine, replay_id: int
) -> AsyncIterator[list[dict[str, Cell]]]:
    """The pairs of a replay with their votes, batch by batch, in the order of their positions."""
    after = 0
    while True:
        async with database.connect() as connection:
            pairs = await votes.pairs_after(connection, replay_id, after, limit=BATCH)
            positions = [pair.position for pair in pairs]
            given = await votes.votes_of(connection, replay_id, positions)
        if not pairs:
            return
        counted: dict[int, Counter[Preference]] = defaultdict(Counter)
        for position, _, preferred in given:
            counted[position][preferred] += 1
        rows = [partial(_row, replay_id, pair, counted[pair.position]) for pair in pairs]
        yield await run_masking(lambda: [row() for row in rows])  # noqa: B023 - awaited here
        after = positions[-1]


def _row(replay_id: int, pair: Pair, given: Counter[Preference]) -> dict[str, Cell]:
    return {
        "replay": replay_id,
        "position": pair.position,
        "turn": str(pair.turn_id),
        "question": mask(pair.question),
        "old_answer": mask(pair.old),
        "new_answer": mask(pair.new),
        "old_model": pair.old_model,
        "new_model": pair.new_model,
        "old_tokens": pair.old_tokens,
        "new_tokens": pair.new_tokens,
        "old_ms": pair.old_ms,
        "new_ms": pair.new_ms,
        **{f"votes_{preferred.value}": given[preferred] for preferred in Preference},
    }
