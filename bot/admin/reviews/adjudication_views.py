"""The adjudicator's word on a turn: it counts, whatever the reviewers say (decision 0038)."""

from __future__ import annotations

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reviews.common import user_id
from bot.admin.reviews.judgement_form import MAX_FORM_BYTES
from bot.admin.reviews.sent_form import NO_TURN, STALE, Sent, read_sent, refuse, turn_address
from bot.admin.reviews.turn_page import Shown, render
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log
from bot.store.reviews import judgements
from bot.store.reviews.judgements import Outcome


async def _show_stale(request: web.Request) -> web.StreamResponse:
    """The form again, with what was typed: its token is of a session that has ended."""
    sent = await read_sent(request)
    if sent is None:
        return error_page(request, 404, _(NO_TURN))
    shown = Shown(decision=sent.form, problems=(_(STALE),), status=403)
    return await render(request, sent.opened, shown)


@needs(Role.ADMIN, max_form_bytes=MAX_FORM_BYTES, when_stale=_show_stale)
async def decide(request: web.Request) -> web.StreamResponse:
    """POST /admin/reviews/turns/{id}/verdict: say what counts of this turn."""
    sent = await read_sent(request)
    if sent is None:
        return error_page(request, 404, _(NO_TURN))
    if problems := sent.form.problems(sent.answer):
        shown = Shown(decision=sent.form, problems=problems, status=400)
        return await render(request, sent.opened, shown)
    return await _write(request, sent)


async def _write(request: web.Request, sent: Sent) -> web.StreamResponse:
    judgement = sent.form.judgement(sent.answer)
    async with request.app[DATABASE].begin() as connection:
        me = await user_id(request, connection)
        outcome = await judgements.decide(connection, sent.writing(me), judgement)
        if outcome is Outcome.SAVED:
            act = sent.entry(request, AuditAction.REVIEW_DECIDED, judgement)
            await audit_log.append(connection, [act])
    if outcome is not Outcome.SAVED:
        return await refuse(request, sent, outcome, me, decision=True)
    raise web.HTTPSeeOther(turn_address(request, sent.turn_id, sent.queue_id))
