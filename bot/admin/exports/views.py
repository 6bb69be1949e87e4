"""The pages of exports: ordered with a reason, followed, deleted."""

from __future__ import annotations

import structlog
from aiohttp import web

from bot.admin.exports.download_views import NO_EXPORT
from bot.admin.exports.lists import LISTS
from bot.admin.exports.ordering import find_export, place, read_query, read_reason
from bot.admin.exports.view_models import export_item
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import TRAIL, entry, try_to_record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import cut, read_before
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.exports import ExportFormat
from bot.store import audit_log
from bot.store.exports import orders
from bot.store.exports.orders import MAX_OPEN

log = structlog.get_logger(__name__)

PAGE_SIZE = 30

NO_REASON = "내보내는 사유를 적어 주세요. 접속기록에 남습니다."
_NO_LIST = "내보낼 수 없는 목록이거나 형식입니다. 목록의 내보내기 버튼을 눌러 주세요."
_NOT_ALLOWED = "이 목록을 내보낼 권한이 없습니다. 관리자에게 요청해 주세요."
_TOO_MANY = "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요."


@needs(Role.REVIEWER)
async def show_exports(request: web.Request) -> web.StreamResponse:
    """GET /admin/exports: the user's exports, newest first; an admin sees everybody's."""
    before = read_before(request)
    user = request[USER]
    author = None if user.role.includes(Role.ADMIN) else user.name
    async with request.app[DATABASE].connect() as connection:
        found = await orders.newest(connection, author=author, before=before, limit=PAGE_SIZE + 1)
    shown, older = cut(found, PAGE_SIZE, lambda export: export.id)
    return page(
        request,
        "exports.html",
        items=[export_item(one, request.app[LISTS], reader=user.name) for one in shown],
        older=older,
        is_first=before is None,
    )


@needs(Role.REVIEWER, keeps_text=True)
async def order_export(request: web.Request) -> web.StreamResponse:
    """POST /admin/exports: order a list as a file; the reason is written down."""
    form = await read_form(request)
    asked = request.app[LISTS].get(form.get("list", ""))
    wanted = form.get("format", "")
    if asked is None or wanted not in asked.formats:
        return error_page(request, 400, _(_NO_LIST))
    if not request[USER].role.includes(asked.role):
        await try_to_record(
            entry(request, AuditAction.ROLE_REFUSED, f"export:{asked.name}"), request.app[TRAIL]
        )
        return error_page(request, 403, _(_NOT_ALLOWED))
    reason = read_reason(form)
    query = read_query(form.get("query", ""))
    problem = asked.problem(query) if reason else _(NO_REASON)
    if problem:
        return error_page(request, 400, problem)
    export_id = await place(request, asked, ExportFormat(wanted), query, reason)
    if export_id is None:
        return error_page(request, 409, _(_TOO_MANY, count=MAX_OPEN))
    raise web.HTTPSeeOther(_address(request, export_id))


@needs(Role.REVIEWER)
async def show_export(request: web.Request) -> web.StreamResponse:
    """GET /admin/exports/{id}: how far it is, and its file."""
    export = await find_export(request)
    if export is None:
        return error_page(request, 404, _(NO_EXPORT))
    item = export_item(export, request.app[LISTS], reader=request[USER].name)
    return page(request, "export.html", item=item)


@needs(Role.REVIEWER)
async def cancel(request: web.Request) -> web.StreamResponse:
    """POST /admin/exports/{id}/cancel: end an export, or delete its file."""
    export = await find_export(request)
    if export is None:
        return error_page(request, 404, _(NO_EXPORT))
    async with request.app[DATABASE].begin() as connection:
        if await orders.cancel(connection, export.id):
            act = entry(request, AuditAction.EXPORT_CANCELLED, f"export:{export.id}")
            await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(_address(request, export.id))


def _address(request: web.Request, export_id: int) -> str:
    return str(request.app.router["export"].url_for(id=str(export_id)))
