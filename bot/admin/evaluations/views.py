"""The pages of evaluations: their list, what each shows, its answers, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web

from bot.admin.evaluations import next_steps, view_models
from bot.admin.evaluations.report import Report
from bot.admin.login.access import needs
from bot.admin.web.audit import entry, record
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import BadPlaceError, cut, read_before
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text
from bot.privacy.masking import pseudonym
from bot.store import audit_log
from bot.store.evaluations import pairs, records
from bot.store.evaluations.records import Evaluation

log = structlog.get_logger(__name__)

PAGE_SIZE = 30
#: Questions on a page, and characters of each of their texts: a page has three of them.
PAIRS, MAX_CHARS = 5, 1_000
_MAX_CATEGORY = 500

_NO_EVALUATION = "해당 평가를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
_OTHER_VERSION = "다른 버전이 만든 평가라 이 버전은 보여 드릴 수 없습니다."


@needs(Role.VIEWER)
async def show_evaluations(request: web.Request) -> web.StreamResponse:
    """GET /admin/evaluations: all evaluations, newest first."""
    before = read_before(request)
    async with request.app[DATABASE].connect() as connection:
        found = await records.newest(connection, before=before, limit=PAGE_SIZE + 1)
    shown, older = cut(found, PAGE_SIZE, lambda one: one.id)
    return page(
        request,
        "evaluations.html",
        evaluations=[view_models.evaluation_item(one) for one in shown],
        older=older,
        is_first=before is None,
    )


@needs(Role.VIEWER)
async def show_evaluation(request: web.Request) -> web.StreamResponse:
    """GET /admin/evaluations/{id}: the verdict in words, the tables, how it was judged."""
    found = await _find(request)
    if found is None:
        return error_page(request, 404, _(_NO_EVALUATION))
    evaluation, report = found
    if report is None:
        return error_page(request, 409, _(_OTHER_VERSION))
    async with request.app[DATABASE].connect() as connection:
        count = await pairs.count(connection, evaluation.id)
        asked = await pairs.turns_of(connection, evaluation.id, limit=1)
        people = await next_steps.beside_people(connection, evaluation.id, report)
    return page(
        request,
        "evaluation.html",
        item=view_models.evaluation_item(evaluation),
        report=report,
        pairs=count,
        can_ask_people=bool(asked) and report.replay is None,
        preset=next_steps.candidate_preset(report),
        people=people,
        needed=next_steps.needed(report),
        **_shown(report),
    )


@needs(Role.REVIEWER)
async def show_pairs(request: web.Request) -> web.StreamResponse:
    """GET /admin/evaluations/{id}/pairs: questions with their answers side by side."""
    found = await _find(request)
    if found is None:
        return error_page(request, 404, _(_NO_EVALUATION))
    evaluation, report = found
    category = clean_text(request.query.get("category", ""))[:_MAX_CATEGORY]
    alone = whole_number(request.query.get("pair", ""), 9)
    raw = request.query.get("after", "")
    after = whole_number(raw or "0", 9) if alone is None else alone - 1
    if after is None:
        raise BadPlaceError
    async with request.app[DATABASE].connect() as connection:
        listed = await pairs.listed(
            connection, evaluation.id, category=category, after=after, limit=PAIRS + 1
        )
    shown = listed[: PAIRS if alone is None else 1]
    await _record_read(request, evaluation, [pair.turn_id for pair in shown if pair.turn_id])
    item = view_models.evaluation_item(evaluation)
    return page(
        request,
        "evaluation_pairs.html",
        item=item,
        pairs=view_models.shown_pairs(
            shown,
            is_comparison=item.is_comparison,
            max_chars=MAX_CHARS if alone is None else None,
        ),
        categories={name: name for name in (view_models.categories(report) if report else [])},
        category=category,
        after=str(shown[-1].position) if len(listed) > PAIRS else "",
        is_first=not raw and alone is None,
    )


@needs(Role.ADMIN)
async def delete_evaluation(request: web.Request) -> web.StreamResponse:
    """POST /admin/evaluations/{id}/delete: delete it with its answers."""
    found = await _find(request)
    if found is None:
        return error_page(request, 404, _(_NO_EVALUATION))
    evaluation, _report = found
    async with request.app[DATABASE].begin() as connection:
        await records.remove(connection, evaluation.id)
        details = {"evaluation": evaluation.name}
        about = f"evaluation:{evaluation.id}"
        act = entry(request, AuditAction.EVALUATION_DELETED, about, details=details)
        await audit_log.append(connection, [act])
    log.info("evaluation_deleted", evaluation=evaluation.id)
    raise web.HTTPSeeOther(request.app.router["evaluations"].url_for())


async def _find(request: web.Request) -> tuple[Evaluation, Report | None] | None:
    """The evaluation of the path, and its report as far as this version can read it."""
    evaluation_id = whole_number(request.match_info["id"])
    if evaluation_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        found = await records.find(connection, evaluation_id)
        report = await records.read_report(connection, evaluation_id)
    return (found, Report.read(report)) if found else None


def _shown(report: Report) -> dict[str, Any]:
    """What the page of a report shows."""
    return {
        "sentence": view_models.in_words(report) if report.baseline else "",
        "measures": view_models.measure_tables(report),
        "titles": view_models.side_titles(report),
        "sides": list(view_models.side_rows(report)),
        "scores": view_models.score_rows(report),
        "not_judged": view_models.not_judged(report),
        "is_demo": view_models.is_demo(report),
    }


async def _record_read(
    request: web.Request, evaluation: Evaluation, turn_ids: Sequence[UUID]
) -> None:
    """Note whose questions are read."""
    async with request.app[DATABASE].connect() as connection:
        people = await pairs.people_of(connection, turn_ids)
    names = sorted({pseudonym(one.messenger, one.tenant, one.sender) for one in people})
    details = {"people": names, "turns": len(turn_ids)}
    await record(request, AuditAction.EVALUATION_READ, f"evaluation:{evaluation.id}", details)
