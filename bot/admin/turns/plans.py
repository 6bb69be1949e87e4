"""The statements that list turns: each with the one plan that serves it.

All select ``TurnRow``s below a place, at most one more than a page has. Those of ``indexed`` come
segment by segment, newest first within each: nested loops keep the order of their outer side, and
``FORCED`` leaves Postgres no other join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects import postgresql as pg

from bot.admin.search.criteria import Criteria
from bot.admin.turns.filters import Cursor
from bot.admin.turns.queries import TURN_COLUMNS
from bot.domain.turns import SETTLED, TurnStatus
from bot.store.schema import conversations, deliveries, search_entries, search_queue, turns
from bot.store.search.keys import segment_keys
from bot.store.search.segments import BEGINNING, END, Segment

#: Of each text in the list: far more than is shown, so that no number is cut before masking.
_EXCERPT_CHARS = 600

#: Of each text in the list of a search: the match may stand anywhere.
_SEARCHED_CHARS = 20_000

#: Turns that wait for the indexer and are read by a search, the newest of the queue.
MAX_WAITING = 5_000

_OPEN = tuple(status.value for status in TurnStatus if status not in SETTLED)
_KEYS = search_entries.c["keys"]
#: Looked at in each segment: two people may share a hash.
_HOLDERS = 20
_IDENTITY = (
    turns.c.messenger,
    turns.c.tenant,
    turns.c.sender,
    turns.c.conversation_id,
    conversations.c.key,
)

#: What Postgres may not do, while statements of a kind run: a walk follows the index of time, and
#: a look-up joins in the order of the statement.
_FORBIDDEN = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "join_collapse_limit": "1",
    "from_collapse_limit": "1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
FORCED = {
    plan: select(*(func.set_config(name, value, True) for name, value in settings.items()))
    for plan, settings in {
        "walk": _FORBIDDEN | {"enable_bitmapscan": "off"},
        "look_up": _FORBIDDEN | {"enable_bitmapscan": "on"},
    }.items()
}


def indexed(criteria: Criteria, segments: Sequence[Segment], after: Cursor | None) -> Select[Any]:
    """Turns of indexed segments: the index gives candidates, their rows are compared."""
    places = _places(criteria, segments)
    candidates = (
        select(search_entries.c.turn_id, search_entries.c.received_at)
        .where(
            *_has_keys(criteria, places),
            search_entries.c.received_at >= places.c.since,
            search_entries.c.received_at < places.c.until,
            *_below(after, search_entries.c.received_at, search_entries.c.turn_id),
        )
        .order_by(search_entries.c.received_at.desc(), search_entries.c.turn_id.desc())
        .lateral("candidates")
    )
    rows = (
        places.join(candidates, true())
        .join(turns, turns.c.id == candidates.c.turn_id)
        .outerjoin(deliveries, deliveries.c.turn_id == turns.c.id)
    )
    return _select(criteria).select_from(rows).where(*criteria.conditions).limit(criteria.size + 1)


def scanned(criteria: Criteria, below: Cursor | None, start: Cursor | None) -> Select[Any]:
    """Turns below one place and from another one on, each compared."""
    return _newest(criteria, turns, below).where(*_range(criteria, start))


def block_start(
    criteria: Criteria, below: Cursor | None, start: Cursor | None, size: int
) -> Select[Any]:
    """The place of the last of the next ``size`` rows; no row where there are fewer."""
    place = turns.c.received_at, turns.c.id
    return (
        select(*place)
        .where(*_range(criteria, start), *_below(below, *place))
        .order_by(*(column.desc() for column in place))
        .offset(size - 1)
        .limit(1)
    )


def among(
    criteria: Criteria, few: Select[Any], below: Cursor | None, start: Cursor | None
) -> Select[Any]:
    """Of listed turns, each with its ``turn_id`` and ``received_at``: read in the order of time."""
    place, listed = _listed(criteria, few, below)
    if start:
        listed = listed.where(tuple_(*place) >= _literal(start))
    ordered = listed.subquery("ordered")
    rows = ordered.join(turns, turns.c.id == ordered.c.turn_id).outerjoin(
        deliveries, deliveries.c.turn_id == turns.c.id
    )
    newest_first = ordered.c.received_at.desc(), ordered.c.turn_id.desc()
    found = _select(criteria).select_from(rows).where(*criteria.conditions)
    return found.order_by(*newest_first).limit(criteria.size + 1)


def listed_start(
    criteria: Criteria, few: Select[Any], below: Cursor | None, size: int
) -> Select[Any]:
    """The place of the last of the next ``size`` listed turns; no row where there are fewer."""
    _, listed = _listed(criteria, few, below)
    return listed.offset(size - 1).limit(1)


def waiting(criteria: Criteria, below: Cursor | None) -> Select[Any]:
    """Turns that the index does not have yet: the open ones, and the newest of the queue."""
    ids = _waiting_ids()
    rows = ids.join(turns, turns.c.id == ids.c.id)
    return _newest(criteria, rows, below).where(*_range(criteria, None))


def holders(hashed: int, segments: Sequence[Segment]) -> Select[Any]:
    """Whose turns have this hash: people and conversations, from the newest of each segment."""
    places = _places(Criteria(required=(hashed,)), segments)
    candidates = (
        select(search_entries.c.turn_id)
        .where(*_has_keys(Criteria(required=(hashed,)), places))
        .limit(_HOLDERS)
        .lateral("candidates")
    )
    rows = (
        places.join(candidates, true())
        .join(turns, turns.c.id == candidates.c.turn_id)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
    )
    return select(*_IDENTITY).distinct().select_from(rows)


def waiting_holders() -> Select[Any]:
    """People and conversations of the turns that the index does not have yet."""
    ids = _waiting_ids()
    rows = ids.join(turns, turns.c.id == ids.c.id).join(
        conversations, conversations.c.id == turns.c.conversation_id
    )
    return select(*_IDENTITY).distinct().select_from(rows)


def _listed(
    criteria: Criteria, few: Select[Any], below: Cursor | None
) -> tuple[tuple[ColumnElement[Any], ...], Select[Any]]:
    """The place of a listed turn, and those in the criteria's range, newest first."""
    listed = few.subquery("few")
    place = listed.c.received_at, listed.c.turn_id
    since, until = listed.c.received_at >= criteria.since, listed.c.received_at < criteria.until
    within = select(*place).where(since, until, *_below(below, *place))
    return place, within.order_by(*(column.desc() for column in place))


def _literal(place: Cursor) -> Any:
    return tuple_(literal(place.received_at), literal(place.id))


def _waiting_ids() -> Subquery:
    unsettled = select(turns.c.id).where(turns.c.status.in_(_OPEN))
    queue = (
        select(search_queue.c.turn_id)
        .order_by(search_queue.c.id.desc())
        .limit(MAX_WAITING)
        .subquery()
    )
    return unsettled.union(select(queue.c.turn_id)).subquery("ids")


def _newest(criteria: Criteria, rows: FromClause, below: Cursor | None) -> Select[Any]:
    return (
        _select(criteria)
        .select_from(rows.outerjoin(deliveries, deliveries.c.turn_id == turns.c.id))
        .where(*criteria.conditions, *_below(below, turns.c.received_at, turns.c.id))
        .order_by(turns.c.received_at.desc(), turns.c.id.desc())
        .limit(criteria.size + 1)
    )


def _range(criteria: Criteria, start: Cursor | None) -> Iterator[ColumnElement[bool]]:
    if criteria.since > BEGINNING:
        yield turns.c.received_at >= criteria.since
    if criteria.until < END:
        yield turns.c.received_at < criteria.until
    if start:
        yield tuple_(turns.c.received_at, turns.c.id) >= _literal(start)


def _select(criteria: Criteria) -> Select[Any]:
    chars = _SEARCHED_CHARS if criteria.whole_texts else _EXCERPT_CHARS
    return select(
        *TURN_COLUMNS,
        func.left(turns.c.text, chars).label("text"),
        func.left(turns.c.answer, chars).label("answer"),
    )


def _places(criteria: Criteria, segments: Sequence[Segment]) -> Any:
    """A row for each segment: its range, its required keys, its keys of each alternative."""
    times, texts = ARRAY(DateTime(timezone=True)), ARRAY(Text)
    since = [max(segment.starts_at, criteria.since) for segment in segments]
    until = [min(segment.ends_at, criteria.until) for segment in segments]
    names = [f"keys{number}" for number in range(1 + len(criteria.alternatives))]
    keys = [
        [_array(segment_keys(segment.number, hashes)) for segment in segments]
        for hashes in (criteria.required, *criteria.alternatives)
    ]
    arrays = (bindparam(None, since, times), bindparam(None, until, times))
    return (
        func.unnest(*arrays, *(bindparam(None, values, texts) for values in keys))
        .table_valued(
            column("since", DateTime(timezone=True)),
            column("until", DateTime(timezone=True)),
            *(column(name, Text) for name in names),
            name="places",
        )
        .render_derived()
    )


def _has_keys(criteria: Criteria, places: Any) -> Iterator[ColumnElement[bool]]:
    of_a_row = pg.ARRAY(Integer)
    if criteria.required:
        yield _KEYS.contains(cast(places.c.keys0, of_a_row))
    for number, _ in enumerate(criteria.alternatives, 1):
        yield _KEYS.overlap(cast(places.c[f"keys{number}"], of_a_row))


def _below(
    after: Cursor | None, received_at: ColumnElement[Any], turn_id: ColumnElement[Any]
) -> Iterator[ColumnElement[bool]]:
    if after:
        yield tuple_(received_at, turn_id) < _literal(after)


def _array(keys: Sequence[int]) -> str:
    """Postgres' text of an array: one array of arrays could not hold rows of different lengths."""
    return "{" + ",".join(map(str, keys)) + "}"
