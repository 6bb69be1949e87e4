"""A turn under review, and a reviewer's own judgement of it."""

from __future__ import annotations

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reviews.common import read_id, read_uuid, user_id
from bot.admin.reviews.judgement_form import MAX_FORM_BYTES
from bot.admin.reviews.sent_form import (
    NO_TURN,
    STALE,
    Sent,
    next_address,
    read_sent,
    refuse,
    turn_address,
)
from bot.admin.reviews.turn_page import Shown, open_turn, render
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.reviews import MAX_REVIEW_NOTE_CHARS
from bot.store import audit_log
from bot.store.reviews import items, judgements
from bot.store.reviews.judgements import Outcome

_RENEWED = "아직 저장하지 않았습니다. 예약 시간을 새로 시작했습니다."
_NOT_SAVED = "아직 저장하지 않았습니다. 바뀐 부분을 확인해 주세요."


@needs(Role.VIEWER)
async def show_turn(request: web.Request) -> web.StreamResponse:
    """GET /admin/reviews/turns/{id}: a turn, what people and reviewers say, and the form."""
    turn_id = read_uuid(request.match_info["id"])
    queue_id = read_id(request.query.get("queue", ""))
    opened = await open_turn(request, turn_id, queue_id) if turn_id else None
    if opened is None:
        return error_page(request, 404, _(NO_TURN))
    return await render(request, opened, Shown())


async def _show_stale(request: web.Request) -> web.StreamResponse:
    """The form again, with what was typed: its token is of a session that has ended."""
    sent = await read_sent(request)
    if sent is None:
        return error_page(request, 404, _(NO_TURN))
    shown = Shown(form=sent.form, problems=(_(STALE),), status=403)
    return await render(request, sent.opened, shown)


@needs(Role.REVIEWER, max_form_bytes=MAX_FORM_BYTES, when_stale=_show_stale)
async def judge(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews/turns/{id}: save the own review, decline, skip, or compare.

    ``act``: save (default), decline, skip, preview. After the first three the next turn of the
    queue follows.
    """
    sent = await read_sent(request)
    if sent is None:
        return error_page(request, 404, _(NO_TURN))
    if sent.act == "preview":
        return await _preview(request, sent)
    if sent.act == "skip":
        return await _skip(request, sent)
    problems = [] if sent.act == "decline" else sent.form.problems(sent.answer)
    if problems:
        shown = Shown(form=sent.form, problems=problems, status=400)
        return await render(request, sent.opened, shown)
    return await _write(request, sent)


async def _preview(request: web.Request, sent: Sent) -> web.StreamResponse:
    """The page with the changes of the correction; the reservation begins anew."""
    renewed = False
    if sent.queue_id is not None:
        async with request.app[DATABASE].begin() as connection:
            me = await user_id(request, connection)
            renewed = await items.renew(connection, sent.queue_id, me, sent.turn_id)
    opened = await open_turn(request, sent.turn_id, sent.queue_id)
    if opened is None:
        return error_page(request, 404, _(NO_TURN))
    shown = Shown(form=sent.form, notice=_(_RENEWED) if renewed else _(_NOT_SAVED))
    return await render(request, opened, shown)


async def _skip(request: web.Request, sent: Sent) -> web.StreamResponse:
    """Leave the turn to others; what was typed is given up."""
    if sent.queue_id is None:
        raise web.HTTPSeeOther(turn_address(request, sent.turn_id, None))
    async with request.app[DATABASE].begin() as connection:
        me = await user_id(request, connection)
        following = await items.reserve_next(connection, sent.queue_id, me, behind=sent.turn_id)
    raise web.HTTPSeeOther(next_address(request, following, sent.queue_id))


async def _write(request: web.Request, sent: Sent) -> web.StreamResponse:
    """Save or decline, and go on with the next turn of the queue."""
    following = None
    async with request.app[DATABASE].begin() as connection:
        me = await user_id(request, connection)
        writing = sent.writing(me)
        if sent.act == "decline":
            note = sent.form.note[:MAX_REVIEW_NOTE_CHARS]
            outcome = await judgements.decline(connection, writing, note)
            act = sent.entry(request, AuditAction.REVIEW_DECLINED)
        else:
            judgement = sent.form.judgement(sent.answer)
            outcome = await judgements.save(connection, writing, judgement)
            act = sent.entry(request, AuditAction.REVIEW_WRITTEN, judgement)
        if outcome is Outcome.SAVED:
            if sent.queue_id is not None:
                following = await items.reserve_next(
                    connection, sent.queue_id, me, behind=sent.turn_id
                )
            await audit_log.append(connection, [act])
    if outcome is not Outcome.SAVED:
        return await refuse(request, sent, outcome, me)
    if sent.queue_id is None:
        raise web.HTTPSeeOther(turn_address(request, sent.turn_id, None))
    raise web.HTTPSeeOther(next_address(request, following, sent.queue_id))
