"""Review queues: the list, a new one, one with its turns and its progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reviews.common import read_id, user_id
from bot.admin.reviews.queue_form import QueueForm, begun_form, read_queue_form
from bot.admin.reviews.queue_labels import PARTS, STRATA, WHICH, described
from bot.admin.reviews.sent_form import next_address
from bot.admin.reviews.view_models import verdict_badge
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.masked_beginning import masked_beginning
from bot.admin.turns.queries import MAX_ID
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry, record
from bot.admin.web.badges import Badge
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import cut, read_before
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log
from bot.store.reviews import items, queues
from bot.store.reviews.items import Item, ItemPart
from bot.store.reviews.queues import MAX_OPEN, NewQueue

log = structlog.get_logger(__name__)

PAGE_SIZE = 50
#: Of the list of queues: each is counted.
QUEUES_PER_PAGE = 20

_NO_QUEUE = "해당 검토 대기열을 찾을 수 없습니다."
_TOO_MANY = "열린 대기열은 {count}개까지 둘 수 있습니다. 다 본 대기열을 먼저 닫아 주세요."
_BAD_ADDRESS = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_NOT_DELETED = (
    "검토가 하나도 없는 닫힌 대기열만 삭제할 수 있습니다. 검토가 있는"
    " 대기열은 통계에 쓰이므로 닫은 채로 남겨 둡니다."
)
_SAME_STATE = "대기열이 이미 그 상태입니다."


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """A turn in the list of a queue."""

    id: int
    turn_id: UUID
    received_at: datetime
    question: str
    answer: str
    verdict: Badge | None
    item: Item


@needs(Role.VIEWER)
async def show_queues(request: web.Request) -> web.StreamResponse:
    """GET /admin/reviews: the queues, newest first."""
    before = read_before(request)
    below = MAX_ID if before is None else before
    async with request.app[DATABASE].connect() as connection:
        found = await queues.list_queues(connection, before=below, limit=QUEUES_PER_PAGE + 1)
    shown, older = cut(found, QUEUES_PER_PAGE, lambda queue: queue.id)
    return page(
        request,
        "review_queues.html",
        queues=[(queue, described(queue)) for queue in shown],
        older=older,
        is_first=before is None,
    )


@needs(Role.REVIEWER)
async def show_new(request: web.Request) -> web.StreamResponse:
    """GET /admin/reviews/new?q=: the form of a new queue, of a search or an empty one."""
    return await _form_page(request, begun_form(request.query))


@needs(Role.REVIEWER, keeps_text=True)
async def create_queue(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews: make a queue, which is filled in the background."""
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    form = read_queue_form(await read_form(request), messengers)
    if form.queue is None:
        return await _form_page(request, form, 400)
    async with request.app[DATABASE].begin() as connection:
        author = await user_id(request, connection)
        queue_id = await queues.create(connection, form.queue, author)
        if queue_id is not None:
            act = entry(
                request, AuditAction.REVIEW_QUEUE_CREATED, f"queue:{queue_id}",
                details=_logged(form.queue),
            )  # fmt: skip
            await audit_log.append(connection, [act])
    if queue_id is None:
        return error_page(request, 409, _(_TOO_MANY, count=MAX_OPEN))
    log.info("review_queue_created", queue=queue_id, sampling=form.queue.sampling.value)
    raise web.HTTPSeeOther(request.app.router["review_queue"].url_for(id=str(queue_id)))


@needs(Role.VIEWER)
async def show_queue(request: web.Request) -> web.StreamResponse:
    """GET /admin/reviews/queues/{id}: a queue's progress, and its turns in their order."""
    part, raw = request.query.get("part", ItemPart.ALL), request.query.get("after", "")
    after = read_id(raw) if raw else 0
    if part not in set(ItemPart) or after is None:
        return error_page(request, 400, _(_BAD_ADDRESS))
    queue_id = read_id(request.match_info["id"])
    async with request.app[DATABASE].connect() as connection:
        queue = await queues.find(connection, queue_id) if queue_id else None
        if queue is None:
            return error_page(request, 404, _(_NO_QUEUE))
        found = await items.list_items(
            connection, queue.id, ItemPart(part), after=after, limit=PAGE_SIZE + 1
        )
        reviewers = await items.progress(connection, queue.id)
        is_judged = await queues.is_judged(connection, queue.id)
    shown = await run_masking(lambda: [_item(item) for item in found[:PAGE_SIZE]])
    read = {"queue": queue.id, "turns": len(shown)}
    await record(request, AuditAction.TURNS_READ, f"queue:{queue.id}", read)
    return page(
        request,
        "review_queue.html",
        queue=queue,
        described=described(queue),
        items=shown,
        reviewers=reviewers,
        may_delete=not is_judged,
        parts=labels.translated(PARTS),
        part=part,
        next_after=shown[-1].id if len(found) > PAGE_SIZE else None,
        is_first=not raw,
        at_end="end" in request.query,
    )


@needs(Role.REVIEWER)
async def go_on(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews/queues/{id}/next: reserve the first open turn, and go there."""
    queue_id = read_id(request.match_info["id"])
    async with request.app[DATABASE].begin() as connection:
        queue = await queues.find(connection, queue_id) if queue_id else None
        if queue is None:
            return error_page(request, 404, _(_NO_QUEUE))
        me = await user_id(request, connection)
        turn_id = await items.reserve_next(connection, queue.id, me)
    raise web.HTTPSeeOther(next_address(request, turn_id, queue.id))


@needs(Role.REVIEWER)
async def change_state(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews/queues/{id}/state: close the queue, or open it again.

    Closed, it is neither filled nor judged, and what was reserved in it is free.
    """
    queue_id = read_id(request.match_info["id"])
    closed = (await read_form(request)).get("state") != "open"
    action = AuditAction.REVIEW_QUEUE_CLOSED if closed else AuditAction.REVIEW_QUEUE_OPENED
    async with request.app[DATABASE].begin() as connection:
        queue = await queues.find(connection, queue_id) if queue_id else None
        if queue is None:
            return error_page(request, 404, _(_NO_QUEUE))
        change = queues.close if closed else queues.open_again
        changed = await change(connection, queue.id)
        if changed:
            await audit_log.append(connection, [entry(request, action, f"queue:{queue.id}")])
    if changed is None:
        return error_page(request, 409, _(_TOO_MANY, count=MAX_OPEN))
    if not changed:
        return error_page(request, 409, _(_SAME_STATE))
    raise web.HTTPSeeOther(request.app.router["review_queue"].url_for(id=str(queue.id)))


@needs(Role.REVIEWER)
async def delete_queue(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews/queues/{id}/delete: delete a closed queue without a review of it."""
    queue_id = read_id(request.match_info["id"])
    async with request.app[DATABASE].begin() as connection:
        queue = await queues.find(connection, queue_id) if queue_id else None
        if queue is None:
            return error_page(request, 404, _(_NO_QUEUE))
        deleted = await queues.remove(connection, queue.id)
        if deleted:
            action, details = AuditAction.REVIEW_QUEUE_DELETED, {"turns": queue.turns}
            act = entry(request, action, f"queue:{queue.id}", details=details)
            await audit_log.append(connection, [act])
    if not deleted:
        return error_page(request, 409, _(_NOT_DELETED))
    log.info("review_queue_deleted", queue=queue.id)
    raise web.HTTPSeeOther(request.app.router["review_queues"].url_for())


async def _form_page(request: web.Request, form: QueueForm, status: int = 200) -> web.Response:
    return page(
        request,
        "review_new.html",
        status,
        form=form,
        saved=await saved_of(request),
        which=labels.translated(WHICH),
        strata=labels.translated(STRATA),
    )


def _item(item: Item) -> ItemView:
    return ItemView(
        id=item.id,
        turn_id=item.turn_id,
        received_at=item.received_at,
        question=masked_beginning(item.question),
        answer=masked_beginning(item.answer or ""),
        verdict=verdict_badge(item.verdict) if item.verdict else None,
        item=item,
    )


def _logged(queue: NewQueue) -> dict[str, object]:
    """What the audit log says of a new queue: not the words of its search."""
    details: dict[str, object] = {
        "sampling": queue.sampling.value,
        "searched": bool(queue.query),
    }
    return details | ({"sample_size": queue.sample_size} if queue.sample_size else {})
