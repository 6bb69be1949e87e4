"""The pages of exports: ordered with a reason, followed, downloaded, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import structlog
from aiohttp import web

from bot.admin.exports.formats import FORMATS
from bot.admin.exports.lists import LISTS, ExportedList
from bot.admin.exports.view_models import export_item
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import TRAIL, entry, try_to_record
from bot.admin.web.forms import MAX_REASON_CHARS, read_form
from bot.admin.web.labels import KST
from bot.admin.web.language import chosen
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, PLACES, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.exports import ExportFormat, ExportState
from bot.domain.turns import clean_text, has_visible
from bot.store import audit_log
from bot.store.exports import orders, progress
from bot.store.exports.orders import MAX_OPEN, Export, Order

log = structlog.get_logger(__name__)

PAGE_SIZE = 30
#: Of the list's page: longer than any that its forms make.
MAX_QUERY_CHARS = 4000
_MAX_ID_DIGITS = 18

NO_REASON = "내보내는 사유를 적어 주세요. 접속기록에 남습니다."
_NO_LIST = "내보낼 수 없는 목록이거나 형식입니다. 목록의 내보내기 단추를 눌러 주세요."
_NOT_ALLOWED = "이 목록을 내보낼 권한이 없습니다. 관리자에게 요청해 주세요."
_TOO_MANY = "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_NO_EXPORT = "해당 내보내기를 찾을 수 없습니다."
_NO_FILE = "받을 파일이 없습니다."


@needs(Role.REVIEWER)
async def show_exports(request: web.Request) -> web.StreamResponse:
    """GET /admin/exports: the user's exports, newest first; an admin sees everybody's."""
    raw = request.query.get("before", "")
    before = number(raw)
    if raw and before is None:
        return error_page(request, 400)
    user = request[USER]
    author = None if user.role.includes(Role.ADMIN) else user.name
    async with request.app[DATABASE].connect() as connection:
        found = await orders.newest(connection, author=author, before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    return page(
        request,
        "exports.html",
        items=[export_item(one, request.app[LISTS], reader=user.name) for one in shown],
        older=str(shown[-1].id) if len(found) > PAGE_SIZE else "",
        is_first=not raw,
    )


@needs(Role.REVIEWER)
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
    reason = read_reason_of(form)
    query = _query(form.get("query", ""))
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
    export = await _find(request)
    if export is None:
        return error_page(request, 404, _(_NO_EXPORT))
    item = export_item(export, request.app[LISTS], reader=request[USER].name)
    return page(request, "export.html", item=item)


@needs(Role.REVIEWER)
async def download(request: web.Request) -> web.StreamResponse:
    """POST /admin/exports/{id}/download: the file, for its author, written down first."""
    export = await _find(request)
    if export is None or export.author != request[USER].name:
        return error_page(request, 404, _(_NO_EXPORT))
    if export.state != ExportState.DONE:
        return error_page(request, 404, _(_NO_FILE))
    details = {"list": export.list, "format": export.format, "rows": export.rows}
    act = entry(
        request, AuditAction.EXPORT_DOWNLOADED, f"export:{export.id}",
        reason=export.reason, details=details,
    )  # fmt: skip
    await request.app[TRAIL].record(act)
    return await _stream(request, export)


@needs(Role.REVIEWER)
async def cancel(request: web.Request) -> web.StreamResponse:
    """POST /admin/exports/{id}/cancel: end an export, or delete its file."""
    export = await _find(request)
    if export is None:
        return error_page(request, 404, _(_NO_EXPORT))
    async with request.app[DATABASE].begin() as connection:
        if await orders.cancel(connection, export.id):
            act = entry(request, AuditAction.EXPORT_CANCELLED, f"export:{export.id}")
            await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(_address(request, export.id))


async def place(
    request: web.Request,
    asked: ExportedList,
    wanted: ExportFormat,
    query: Mapping[str, str],
    reason: str,
) -> int | None:
    """Place the order and write it down; the export's id, or None: too many are open."""
    order = Order(
        author=request[USER].name,
        list=asked.name,
        query=urlencode(query),
        format=wanted,
        reason=reason,
        language=chosen(),
    )
    details = {"list": asked.name, "format": wanted.value, "terms": sorted(query)}
    async with request.app[DATABASE].begin() as connection:
        export_id = await orders.place(connection, order)
        if export_id is None:
            return None
        about = f"export:{export_id}"
        act = entry(request, AuditAction.EXPORT_ORDERED, about, reason=reason, details=details)
        await audit_log.append(connection, [act])
    log.info("export_ordered", export=export_id, list=asked.name, format=wanted.value)
    return export_id


def read_reason_of(form: Mapping[str, str]) -> str:
    """The form's reason, cut where it is far too long; empty: nothing can be seen of it."""
    reason = clean_text(form.get("reason", ""))[:MAX_REASON_CHARS]
    return reason if has_visible(reason) else ""


def number(raw: str) -> int | None:
    """An id, or None."""
    if not raw.isascii() or not raw.isdecimal() or len(raw) > _MAX_ID_DIGITS:
        return None
    return int(raw)


def _query(raw: str) -> dict[str, str]:
    """The search of a list's page, without the place in it."""
    pairs = parse_qsl(raw[:MAX_QUERY_CHARS], max_num_fields=50) if raw else []
    return {clean_text(name): clean_text(value) for name, value in pairs if name not in PLACES}


async def _find(request: web.Request) -> Export | None:
    """The export of the path; None: there is none, or it is not for the user."""
    export_id = number(request.match_info["id"])
    if export_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        export = await orders.find(connection, export_id)
    user = request[USER]
    is_for_user = export and (export.author == user.name or user.role.includes(Role.ADMIN))
    return export if is_for_user else None


def _address(request: web.Request, export_id: int) -> str:
    return str(request.app.router["export"].url_for(id=str(export_id)))


async def _stream(request: web.Request, export: Export) -> web.StreamResponse:
    """The parts of the file, each read as the one before it is sent."""
    made_at = export.created_at.astimezone(KST)
    name = f"{export.list.replace('_', '-')}-{made_at:%Y%m%d-%H%M%S}.{export.format}"
    response = web.StreamResponse()
    response.content_type = FORMATS[export.format].content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.content_length = export.bytes
    await response.prepare(request)
    part, data = 0, await _part(request, export, 0)
    while data is not None:
        await response.write(data)
        part += 1
        data = await _part(request, export, part)
    # Where the file was deleted meanwhile, the browser sees that it is shorter than it was told.
    await response.write_eof()
    return response


async def _part(request: web.Request, export: Export, part: int) -> bytes | None:
    async with request.app[DATABASE].connect() as connection:
        return await progress.read_part(connection, export.id, part, of_file=True)
