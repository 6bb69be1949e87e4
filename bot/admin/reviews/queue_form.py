"""The form of a new queue: as it was posted, what is wrong with it, and what it asks for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.admin.search.fields import all_fields
from bot.admin.search.query import Problem, Query
from bot.admin.search.saved_views import MAX_QUERY_CHARS
from bot.admin.turns.filters import read_search
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.domain.reviews import (
    MAX_ITEMS,
    MAX_QUEUE_NAME_CHARS,
    MAX_RESERVATION_MINUTES,
    MAX_REVIEWERS_PER_TURN,
    Sampling,
    Strata,
)
from bot.domain.turns import clean_text, has_visible
from bot.store.reviews.queues import NewQueue

#: A choice beside the kinds of sampling: all turns that somebody has voted down.
BAD_VOTES = "bad_votes"
_BAD_VOTES_TERM = "feedback:bad"

_DEFAULTS = {
    "name": "",
    "q": "",
    "which": Sampling.ALL.value,
    "size": "100",
    "strata": Strata.MESSENGER_STATUS.value,
    "reviewers": "1",
    "minutes": "15",
    "fills_itself": "",
    "seed": "",
}
_NO_NAME = "이름은 1자에서 {count}자까지 쓸 수 있습니다."
_TOO_LONG = "검색어는 {count}자까지 쓸 수 있습니다."
_NO_NUMBER = "‘{field}’에는 {low}부터 {high}까지의 숫자를 써 주세요."
_NO_CHOICE = "‘{field}’ 값을 목록에서 골라 주세요."


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueForm:
    """The fields as they are shown again; the queue that they ask for, or why there is none."""

    fields: Mapping[str, str]
    problems: tuple[str, ...] = ()
    unread: tuple[Problem, ...] = ()  #: parts of the search
    queue: NewQueue | None = None


def begun_form(query: Mapping[str, str]) -> QueueForm:
    """An empty form; ``query``: the address's, with the search to begin with."""
    return QueueForm(fields=_DEFAULTS | {"q": clean_text(query.get("q", ""))[:MAX_QUERY_CHARS]})


def read_queue_form(posted: Mapping[str, str], messengers: Mapping[str, str]) -> QueueForm:
    """The posted form."""
    fields = {name: clean_text(posted.get(name, "")) for name in _DEFAULTS}
    query = read_search({"q": fields["q"]}, all_fields(messengers), datetime.now(UTC))
    problems = [*_name_problems(fields), *_choice_problems(fields), *_number_problems(fields)]
    if problems or query.problems:
        return QueueForm(fields=fields, problems=tuple(problems), unread=query.problems)
    return QueueForm(fields=fields, queue=_queue(fields, query))


def _queue(fields: Mapping[str, str], query: Query) -> NewQueue:
    which = fields["which"]
    is_votes = which == BAD_VOTES
    sampling = Sampling.ALL if is_votes else Sampling(which)
    return NewQueue(
        name=" ".join(fields["name"].split()),
        query=f"{query} {_BAD_VOTES_TERM}".strip() if is_votes else str(query),
        sampling=sampling,
        strata=Strata(fields["strata"]) if sampling is Sampling.STRATIFIED else None,
        sample_size=None if sampling is Sampling.ALL else int(fields["size"]),
        seed=int(fields["seed"]) if fields["seed"] else secrets.randbelow(2**31),
        reviewers_per_turn=int(fields["reviewers"]),
        reservation_minutes=int(fields["minutes"]),
        fills_itself=bool(fields["fills_itself"]),
    )


def _name_problems(fields: Mapping[str, str]) -> list[str]:
    problems = []
    if not has_visible(fields["name"]) or len(fields["name"]) > MAX_QUEUE_NAME_CHARS:
        problems.append(_(_NO_NAME, count=MAX_QUEUE_NAME_CHARS))
    if len(fields["q"]) > MAX_QUERY_CHARS:
        problems.append(_(_TOO_LONG, count=MAX_QUERY_CHARS))
    return problems


def _choice_problems(fields: Mapping[str, str]) -> list[str]:
    problems = []
    if fields["which"] not in {*Sampling, BAD_VOTES}:
        problems.append(_(_NO_CHOICE, field=_("고르는 방법")))
    if fields["which"] == Sampling.STRATIFIED and fields["strata"] not in set(Strata):
        problems.append(_(_NO_CHOICE, field=_("나누는 기준")))
    return problems


def _number_problems(fields: Mapping[str, str]) -> list[str]:
    bounds = {
        "reviewers": (_("답변마다 검토자 수"), 1, MAX_REVIEWERS_PER_TURN),
        "minutes": (_("예약 시간(분)"), 1, MAX_RESERVATION_MINUTES),
    }
    if fields["which"] in {Sampling.RANDOM, Sampling.STRATIFIED}:
        bounds["size"] = (_("표본 크기"), 1, MAX_ITEMS)
    if fields["seed"]:
        bounds["seed"] = (_("시드"), 0, 2**31 - 1)
    return [
        _(_NO_NUMBER, field=label, low=low, high=f"{high:,}")
        for name, (label, low, high) in bounds.items()
        if not _is_between(fields[name], low, high)
    ]


def _is_between(raw: str, low: int, high: int) -> bool:
    number = whole_number(raw, 10)
    return number is not None and low <= number <= high
