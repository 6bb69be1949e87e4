"""The pages of replays: their list, the form that orders one, its progress and outcome."""

from __future__ import annotations

import structlog
from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.engines import lacking_adapters
from bot.admin.replay.view_models import (
    FAILURES,
    Outcome,
    outcome,
    replay_row,
    without_personal_data,
)
from bot.admin.web import labels
from bot.admin.web.audit import entry
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import cut, read_before
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.admin.workers.views import WORKERS
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log
from bot.store.replays import items, orders, outcomes, records, reveals, votes
from bot.store.replays.orders import MAX_OPEN, TooManyOpenError
from bot.store.replays.records import ItemCounts, Replay
from bot.store.replays.votes import ReviewProgress

log = structlog.get_logger(__name__)

PAGE_SIZE = 30

NO_REPLAY = "해당 비교를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
TOO_MANY = (
    "비교는 {count}개까지 한꺼번에 할 수 있습니다. 진행 중인 것이 끝나거나 멈춘 뒤에 다시 눌러"
    " 주세요."
)
_NOT_NOW = "이미 끝났거나 멈춘 비교입니다."
_NOT_STOPPED = "멈춘 비교만 다시 시작할 수 있습니다."


@needs(Role.VIEWER)
async def show_replays(request: web.Request) -> web.StreamResponse:
    """GET /admin/replays: all replays, newest first."""
    before = read_before(request)
    async with request.app[DATABASE].connect() as connection:
        found = await records.newest(connection, before=before, limit=PAGE_SIZE + 1)
    workers = request.app[WORKERS].workers
    shown, older = cut(found, PAGE_SIZE, lambda one: one[0].id)
    return page(
        request,
        "replays.html",
        replays=[replay_row(replay, counts, workers) for replay, counts in shown],
        older=older,
        is_first=before is None,
    )


@needs(Role.VIEWER)
async def show_replay(request: web.Request) -> web.StreamResponse:
    """GET /admin/replays/{id}: progress, and for those who may know it, the outcome."""
    replay = await find_replay(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    user = request[USER]
    async with request.app[DATABASE].connect() as connection:
        counts = await records.count_items(connection, [replay.id])
        failures = await items.count_failures(connection, replay.id)
        named = await items.named_adapters(connection, replay.batch_id)
        reviewers = await votes.reviewers(connection, replay.id)
        revealed = await may_know(request, replay.id)
        own: ReviewProgress | None = None
        found: Outcome | None = None
        if not revealed:
            own = await votes.progress(connection, replay.id, user.name)
        else:
            found = outcome(await outcomes.count_votes(connection, replay.id))
    may_vote = user.role.includes(Role.REVIEWER) and not revealed
    workers = request.app[WORKERS].workers
    row = replay_row(replay, counts.get(replay.id, ItemCounts()), workers)
    if user.name != replay.author:
        row = await run_masking(lambda: without_personal_data(row))
    return page(
        request,
        "replay.html",
        replay=row,
        dataset_id=replay.dataset_id,
        failures={labels.label(name, FAILURES): count for name, count in failures.items()},
        # What was changed could tell which answer is new.
        shows_options=not may_vote or user.name == replay.author,
        lacking=", ".join(lacking_adapters(replay.options.target, named, workers)),
        own=own,
        reviewers=reviewers,
        outcome=found,
        may_vote=may_vote,
        may_export=user.role.includes(Role.REVIEWER) and revealed,
    )


@needs(Role.ADMIN)
async def stop(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays/{id}/stop: take its jobs back; what is answered stays."""
    return await _change(request, orders.stop, AuditAction.REPLAY_STOPPED, _NOT_NOW)


@needs(Role.ADMIN)
async def resume(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays/{id}/resume: go on with what is left."""
    return await _change(request, orders.resume, AuditAction.REPLAY_RESUMED, _NOT_STOPPED)


def address(request: web.Request, replay_id: int) -> str:
    """Where a replay is shown."""
    return str(request.app.router["replay"].url_for(id=str(replay_id)))


async def find_replay(request: web.Request) -> Replay | None:
    """The replay that the path names."""
    replay_id = whole_number(request.match_info["id"])
    if replay_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        return await records.find(connection, replay_id)


async def may_know(request: web.Request, replay_id: int) -> bool:
    """Whether the user may know the outcome: who votes no more, or has no vote."""
    user = request[USER]
    if not user.role.includes(Role.REVIEWER):
        return True
    async with request.app[DATABASE].connect() as connection:
        return await reveals.is_revealed(connection, replay_id, user.name)


async def _change(
    request: web.Request, change: orders.Change, action: AuditAction, refusal: str
) -> web.StreamResponse:
    replay_id = whole_number(request.match_info["id"])
    if replay_id is None:
        return error_page(request, 404, _(NO_REPLAY))
    try:
        async with request.app[DATABASE].begin() as connection:
            changed = await change(connection, replay_id)
            if changed:
                act = entry(request, action, f"replay:{replay_id}")
                await audit_log.append(connection, [act])
    except TooManyOpenError:
        return error_page(request, 409, _(TOO_MANY, count=MAX_OPEN))
    if not changed:
        return error_page(request, 409, _(refusal))
    log.info(action.value, replay=replay_id)
    raise web.HTTPSeeOther(address(request, replay_id))
