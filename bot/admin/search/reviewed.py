"""The review field of the search: few turns are reviewed, so these are listed, not the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select, union

from bot.admin.search.fields import CORRECTED, DECIDED, DISPUTED, OPEN_REVIEW
from bot.admin.web.labels import VERDICTS
from bot.store.schema import judged_turns, review_items, turns

_JUDGED = judged_turns.c


def reviewed(values: Iterable[str]) -> Select[Any] | None:
    """The ``turn_id`` and ``received_at`` of turns with one of these values; None: no value."""
    wanted = list(values)
    lists: list[Select[Any]] = []
    if judged := [_judged(value) for value in wanted if value != OPEN_REVIEW]:
        lists.append(select(_JUDGED.turn_id, _JUDGED.received_at).where(or_(*judged)))
    if OPEN_REVIEW in wanted:
        lists.append(_open())
    return _union(lists)


def _open() -> Select[Any]:
    """Turns that wait for a review, each once: one may wait in two queues."""
    waiting, before = review_items.c, review_items.alias("before")
    again = before.c.turn_id == waiting.turn_id, before.c.missing > 0, before.c.id < waiting.id
    is_second = exists(select(before.c.id).where(*again))
    return select(waiting.turn_id, waiting.received_at).where(waiting.missing > 0, ~is_second)


def is_reviewed(value: str) -> ColumnElement[bool]:
    """Whether the turn has this value."""
    if value == OPEN_REVIEW:
        of_the_turn = review_items.c.turn_id == turns.c.id
        return exists(select(review_items.c.id).where(of_the_turn, review_items.c.missing > 0))
    of_the_turn = _JUDGED.turn_id == turns.c.id
    return exists(select(_JUDGED.turn_id).where(of_the_turn, _judged(value)))


def _judged(value: str) -> ColumnElement[bool]:
    if value in VERDICTS:
        return _JUDGED.verdict == value
    named: dict[str, ColumnElement[bool]] = {
        CORRECTED: _JUDGED.correction.is_not(None),
        DISPUTED: _JUDGED.disputed,
        DECIDED: _JUDGED.authoritative,
    }
    return named[value] if value in named else _JUDGED.reasons.contains([value])


def _union(lists: Sequence[Select[Any]]) -> Select[Any] | None:
    if len(lists) < 2:
        return lists[0] if lists else None
    both = union(*lists).subquery("reviewed")
    return select(both.c.turn_id, both.c.received_at)
