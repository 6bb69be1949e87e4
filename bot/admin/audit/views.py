"""The audit log, and the month's report, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from bot.admin.audit.filters import FIELDS, BadFilter, Filters, Month
from bot.admin.audit.labels import ACTIONS
from bot.admin.audit.view_models import audit_item, report_rows
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.addresses import in_url
from bot.admin.web.audit import record
from bot.admin.web.labels import KST, translated
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log
from bot.store.audit_chain import StoredEntry
from bot.store.audit_log import Selection

PAGE_SIZE = 25
#: On a page of the report; each has as many lines as there are acts.
REPORT_USERS = 8
#: Longer than any user's name.
MAX_CHARS = 200


@needs(Role.ADMIN)
async def show_log(request: web.Request) -> web.StreamResponse:
    """GET /admin/audit: who did what, newest first."""
    try:
        filters = Filters.parse(request.query)
    except BadFilter as error:
        return await _log_page(request, (), 400, _(str(error)))
    asked = {name: request.query[name] for name in FIELDS if request.query.get(name)}
    await record(request, AuditAction.AUDIT_READ, details=asked)
    async with request.app[DATABASE].connect() as connection:
        found = await audit_log.newest(
            connection, filters.selection, before=filters.before, limit=PAGE_SIZE + 1
        )
    return await _log_page(request, found)


@needs(Role.ADMIN)
async def show_report(request: web.Request) -> web.StreamResponse:
    """GET /admin/audit/report: what each user did in a month."""
    today = datetime.now(KST).date()
    try:
        month = Month.parse(request.query.get("month", ""), today)
    except BadFilter as error:
        return error_page(request, 400, _(str(error)))
    after = clean_text(request.query["after"])[:MAX_CHARS] if "after" in request.query else None
    await record(request, AuditAction.AUDIT_READ, details={"report": str(month)})
    async with request.app[DATABASE].connect() as connection:
        counts = await audit_log.counts(
            connection, month.selection, after=after, users=REPORT_USERS + 1
        )
        # Without the month's beginning: in a quiet month the chain ends before it.
        end = Selection(until=month.selection.until)
        newest = await audit_log.newest(connection, end, before=None, limit=1)
    shown = sorted({count.actor for count in counts})[:REPORT_USERS]
    more = len({count.actor for count in counts}) > REPORT_USERS
    return page(
        request,
        "audit_report.html",
        month=str(month),
        rows=report_rows([count for count in counts if count.actor in shown]),
        after=shown[-1] if more else "",
        newest=newest[0] if newest else None,
        earlier=str(month.moved(-1)),
        later=str(month.moved(1)) if month.first < today.replace(day=1) else "",
    )


async def _log_page(
    request: web.Request,
    found: Sequence[StoredEntry],
    status: int = 200,
    sentence: str = "",
) -> web.Response:
    shown, reader = found[:PAGE_SIZE], request[USER].name
    items = await run_masking(lambda: [audit_item(row, reader=reader) for row in shown])
    older = (
        in_url(request.query, FIELDS, before=str(shown[-1].seq)) if len(found) > PAGE_SIZE else ""
    )
    return page(
        request,
        "audit.html",
        status,
        items=items,
        asked={name: request.query.get(name, "") for name in FIELDS},
        actions=translated(ACTIONS),
        older=older,
        newest=in_url(request.query, FIELDS) if "before" in request.query else None,
        sentence=sentence,
    )
