"""A search as conditions on rows and hashes of the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, extract, false, func, or_, select

from bot.admin.search.criteria import Criteria
from bot.admin.search.fields import DEAD_LETTER, NO_DELIVERY, date_range, milliseconds, number
from bot.admin.search.query import Query, Term
from bot.admin.search.reviewed import is_reviewed, reviewed
from bot.admin.search.turn_hashes import sizes_between
from bot.domain.deliveries import DeliveryState
from bot.store.deliveries import DEAD_LETTERS
from bot.store.schema import conversations, deliveries, feedback, turns
from bot.store.search.keys import field_hash, gram_hash
from bot.store.search.segments import BEGINNING, END
from bot.store.search.words import all_grams

#: The identities behind the pseudonyms of a search: conditions by term.
Identities = Mapping[Term, ColumnElement[bool]]

_LARGEST = 2.0**40
_DEAD = tuple(state.value for state in DEAD_LETTERS)
#: On its way from one to the next a delivery is not indexed again.
_LEAVING = (DeliveryState.PENDING.value, DeliveryState.SENDING.value, DeliveryState.HELD.value)
#: The columns and hash names of the fields that are compared as they are.
_COLUMNS = {
    "messenger": (turns.c.messenger, "messenger"),
    "tenant": (turns.c.tenant, "tenant"),
    "status": (turns.c.status, "status"),
    "model": (turns.c.model, "model"),
    "preset": (turns.c.preset, "preset"),
    "failure": (turns.c.failure_reason, "failure_reason"),
    "finish": (turns.c.finish_reason, "finish_reason"),
}
#: Fields whose conditions compute.
_COMPUTED = frozenset({"latency", "tokens"})
_LATENCY_MS = extract("epoch", turns.c.settled_at - turns.c.received_at) * 1000
_TOKENS = func.coalesce(turns.c.prompt_tokens, 0) + func.coalesce(turns.c.completion_tokens, 0)
_HAS_TOKENS = or_(turns.c.prompt_tokens.is_not(None), turns.c.completion_tokens.is_not(None))


def compile_query(query: Query, now: datetime, identities: Identities | None = None) -> Criteria:
    """The criteria of a search; ``now``: aware, for relative dates."""
    since, until = time_range(query.terms, now)
    alternatives = _alternatives(query.terms)
    groups = [_compiled(same, identities or {}) for same in alternatives]
    words = [word.condition(turns.c.text, turns.c.answer) for word in query.words]
    computed = [
        condition
        for same, (condition, _) in zip(alternatives, groups, strict=True)
        if same[0].field in _COMPUTED
    ]
    hashes = [hashes for _, hashes in groups if hashes]
    return Criteria(
        # The cheap ones first.
        conditions=(*(condition for condition, _ in groups), *_behind(computed, words)),
        required=(
            *(gram_hash(gram) for gram in all_grams(query.words)),
            *(alone[0] for alone in hashes if len(alone) == 1),
        ),
        alternatives=tuple(several for several in hashes if len(several) > 1),
        since=since,
        until=until,
        whole_texts=bool(query.words),
        among=reviewed(term.value for term in query.terms if term.field == "review"),
    )


Compiled = tuple[ColumnElement[bool], tuple[int, ...]]


def _alternatives(terms: Iterable[Term]) -> list[list[Term]]:
    """Terms of which one must hold: those of a field; a comparison stands alone."""
    groups: dict[tuple[str, str], list[Term]] = {}
    for term in terms:
        if term.field != "date":
            groups.setdefault((term.field, str(term) if term.comparison else ""), []).append(term)
    return list(groups.values())


def _compiled(alternatives: Sequence[Term], identities: Identities) -> Compiled:
    """One of the terms holds; no hashes: the index cannot tell one of them."""
    parts = [
        (identities[term], (field_hash(term.field, term.value),))
        if term in identities
        else _COMPILERS.get(term.field, _column)(term)
        for term in alternatives
    ]
    hashes = tuple(dict.fromkeys(one for _, hashes in parts for one in hashes))
    indexed = all(hashes for _, hashes in parts)
    return or_(*(condition for condition, _ in parts)), hashes if indexed else ()


def _behind(
    computed: Sequence[ColumnElement[bool]], words: Sequence[ColumnElement[bool]]
) -> Sequence[ColumnElement[bool]]:
    """The words, looked for only where the computed conditions hold.

    Postgres counts operators: left to itself it reads a text before it adds three numbers.
    """
    if not (computed and words):
        return words
    return [case((and_(*computed), and_(*words)), else_=false())]


def plain_condition(term: Term) -> ColumnElement[bool]:
    """The condition of a term whose value stands in the row as it is."""
    return _COMPILERS.get(term.field, _column)(term)[0]


def _column(term: Term) -> Compiled:
    column, name = _COLUMNS[term.field]
    return column == term.value, (field_hash(name, term.value),)


def _config(term: Term) -> Compiled:
    version = int(term.value)
    return turns.c.config_version == version, (field_hash("config_version", str(version)),)


def _person(term: Term) -> Compiled:
    return turns.c.sender == term.value, (field_hash("person", term.value),)


def _room(term: Term) -> Compiled:
    named = or_(conversations.c.room == term.value, conversations.c.key == term.value)
    of_the_turn = conversations.c.id == turns.c.conversation_id
    found = exists(select(conversations.c.id).where(of_the_turn, named))
    return found, (field_hash("room", term.value),)


def _delivery(term: Term) -> Compiled:
    state = deliveries.c.state
    if term.value == NO_DELIVERY:
        return deliveries.c.turn_id.is_(None), (field_hash("delivery", NO_DELIVERY),)
    if term.value == DEAD_LETTER:
        return state.in_(_DEAD), tuple(field_hash("delivery", dead) for dead in _DEAD)
    if term.value == DeliveryState.DELIVERED.value:
        return state == term.value, ()
    from_states = _LEAVING if term.value == DeliveryState.SENDING.value else (term.value,)
    return state == term.value, tuple(field_hash("delivery", one) for one in from_states)


def _feedback(term: Term) -> Compiled:
    voted = exists(
        select(feedback.c.turn_id).where(
            feedback.c.turn_id == turns.c.id, feedback.c.vote == term.value
        )
    )
    return voted, (field_hash("feedback", term.value),)


def _review(term: Term) -> Compiled:
    return is_reviewed(term.value), ()


def _latency(term: Term) -> Compiled:
    limit = milliseconds(term.value)
    return _compared(_LATENCY_MS, term.comparison, limit), _sizes("latency", term, limit)


def _tokens(term: Term) -> Compiled:
    limit = number(term.value)
    condition = and_(_HAS_TOKENS, _compared(_TOKENS, term.comparison, limit))
    return condition, _sizes("tokens", term, limit)


def _compared(value: ColumnElement[Any], comparison: str, limit: float) -> ColumnElement[bool]:
    if comparison == "<":
        return value < limit
    return value > limit if comparison else func.round(value) == limit


def _sizes(field: str, term: Term, limit: float) -> tuple[int, ...]:
    if term.comparison == "<":
        return sizes_between(field, 0, limit)
    return sizes_between(field, max(limit - 1, 0), limit + 1 if not term.comparison else _LARGEST)


_COMPILERS: Mapping[str, Callable[[Term], Compiled]] = {
    "config": _config,
    "person": _person,
    "room": _room,
    "delivery": _delivery,
    "feedback": _feedback,
    "review": _review,
    "latency": _latency,
    "tokens": _tokens,
}


def time_range(terms: Iterable[Term], now: datetime) -> tuple[datetime, datetime]:
    """The time in which all dates hold."""
    since, until = BEGINNING, END
    for term in terms:
        if term.field != "date":
            continue
        first, last = (moment.astimezone(UTC) for moment in date_range(term.value, now))
        if term.comparison == "<":
            until = min(until, first)
        elif term.comparison == ">":
            since = max(since, last)
        else:
            since, until = max(since, first), min(until, last)
    return since, until
