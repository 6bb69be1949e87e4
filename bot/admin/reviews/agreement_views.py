"""How far the reviewers agree: over all, of each reason, of each pair of reviewers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reviews.common import read_id
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.feedback import Reason
from bot.store.reviews import queues
from bot.store.reviews.ratings import RatedTurns, Rating, read_rated
from measures.agreement import Estimate, alpha_of, estimate, kappa_of

#: Pairs of reviewers that are shown: those with the most turns in common.
MAX_PAIRS = 12
#: Krippendorff (2004), Content Analysis, chapter 11: above the first one can rely on the data,
#: between both only for tentative conclusions.
_RELIABLE, _TENTATIVE = 0.800, 0.667

#: A judgement of a rating.
Category = Callable[[Rating], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A coefficient as the page shows it."""

    name: str
    units: int
    value: str
    interval: str
    meaning: str
    tone: str


@needs(Role.VIEWER)
async def show_agreement(request: web.Request) -> web.StreamResponse:
    """GET /admin/agreement?queue=: alpha and kappa of a queue, or of all reviews."""
    raw = request.query.get("queue", "")
    queue_id = read_id(raw)
    async with request.app[DATABASE].connect() as connection:
        queue = await queues.find(connection, queue_id) if queue_id else None
        if raw and queue is None:
            return error_page(request, 404, _("해당 검토 대기열을 찾을 수 없습니다."))
        rated = await read_rated(connection, queue.id if queue else None)
    # Pure Python, some hundredths of a second for many kinds of turns: in a thread of its own.
    over_all, by_reason, by_pair = await asyncio.to_thread(_compute, rated)
    about = f"queue:{queue.id}" if queue else ""
    await record(request, AuditAction.AGREEMENT_READ, about)
    return page(
        request,
        "review_agreement.html",
        queue=queue,
        ratings=sum(len(alike.ratings) * alike.turns for alike in rated),
        over_all=_line(_("판정"), over_all),
        by_reason=[
            _line(labels.label(reason, labels.REASONS), found) for reason, found in by_reason
        ],
        by_pair=[_line(" · ".join(names), found) for names, found in by_pair],
    )


Reasons = list[tuple[Reason, Estimate]]
Pairs = list[tuple[tuple[str, str], Estimate]]


def _compute(rated: Sequence[RatedTurns]) -> tuple[Estimate, Reasons, Pairs]:
    over_all = _alpha(rated, lambda rating: rating.verdict)
    by_reason = [
        (reason, _alpha(rated, lambda rating, code=reason.value: str(code in rating.reasons)))  # type: ignore[misc]
        for reason in Reason
    ]
    return over_all, by_reason, _kappas(rated)


def _alpha(rated: Iterable[RatedTurns], category: Category) -> Estimate:
    units: Counter[tuple[str, ...]] = Counter()
    for alike in rated:
        if len(alike.ratings) > 1:
            units[tuple(sorted(category(rating) for rating in alike.ratings))] += alike.turns
    return estimate(units, alpha_of)


def _kappas(rated: Iterable[RatedTurns]) -> Pairs:
    found: dict[tuple[str, str], Counter[tuple[str, ...]]] = {}
    for alike in rated:
        for one, other in combinations(alike.ratings, 2):
            pair = found.setdefault((one.reviewer, other.reviewer), Counter())
            pair[one.verdict.value, other.verdict.value] += alike.turns
    busiest = sorted(found.items(), key=lambda pair: -pair[1].total())[:MAX_PAIRS]
    return [(names, estimate(pairs, kappa_of)) for names, pairs in busiest]


def _line(name: str, found: Estimate) -> Line:
    value, interval = found.value, ""
    if found.low is not None and found.high is not None:
        interval = f"{found.low:.3f} – {found.high:.3f}"
    meaning, tone = _meaning(value)
    return Line(
        name=name,
        units=found.units,
        value="–" if value is None else f"{value:.3f}",
        interval=interval,
        meaning=meaning,
        tone=tone,
    )


def _meaning(value: float | None) -> tuple[str, str]:
    if value is None:
        return _("계산할 수 없음"), "quiet"
    if value >= _RELIABLE:
        return _("믿을 만함"), "good"
    return (_("조심해서 볼 것"), "warn") if value >= _TENTATIVE else (_("믿기 어려움"), "bad")
